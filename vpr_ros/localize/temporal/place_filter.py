# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The base of the temporal filters: a belief about the place of the robot, image by image."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.evidence import Support
from vpr_ros.localize.temporal.map_layout import MapLayout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.localize.calibration import PlaceLikelihood
    from vpr_ros.localize.temporal.map_layout import Places
    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]

BLIND = '_without_odometry'
"""Ending of the name of a stage of the calibration."""
OFF_MAP = 0.1
"""Prior probability of being off the map."""

_LEAST_SHARE = 0.25
"""Share of the distance between two places below which an image tells nothing new."""
_LEAST_STEP, _LEAST_TURN = 0.05, 0.1
"""Metres and radians below which it never does."""


class PlaceFilter(ABC):
    """A distribution over the places of a map and the state of being off it.

    Without odometry the robot follows the mapped path, at up to twice its speed, and mostly keeps
    its pace.

    Args:
        places: Returns the map's present columns; a map may grow.
        likelihood: Of an image at each place.
        window: Images in a sequence.
    """

    kind = ''

    def __init__(
        self,
        places: Callable[[], Places],
        likelihood: PlaceLikelihood,
        window: int,
    ) -> None:
        self._places = places
        self._likelihood = likelihood
        self._window = window
        self._known: Places | None = None
        self._layout: MapLayout | None = None
        self.reset()

    @property
    def stage(self) -> str:
        """Stage of the calibration for this filter, with or without odometry at present."""
        return self.kind if self._guided else self.kind + BLIND

    @property
    def alone(self) -> bool:
        """Whether the last image is the first since the reset, so that nothing supports it."""
        return self._alone

    def reset(self) -> None:
        """Forget all images so far."""
        self._guided = self._alone = True
        self._believed: Floats = np.zeros(0)
        self._stamp: int | None = None
        self._odometry: Pose | None = None
        self._forget()

    def update(
        self, stamp: int, candidates: Candidates, radius: float, odometry: Pose | None = None
    ) -> Support:
        """Take an image into account.

        Args:
            stamp: Of the image, nanoseconds; one that goes back resets the filter.
            candidates: Of the image.
            radius: Metres within which places are one.
            odometry: The base in a frame that drifts but does not jump, where it is known.
        """
        layout = self._refresh()
        rows = layout.rows_of(candidates.ids)
        known = np.flatnonzero(rows >= 0)
        if not len(known):
            return Support(self.stage, np.zeros(len(rows)), np.zeros(len(rows)))
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        if self._advance(layout, stamp, odometry):
            log_ratios = self._likelihood.log_ratios(candidates.similarities)
            log_ratios *= self._likelihood.share
            # A place that was not found is no likelier than the least likely candidate.
            everywhere = np.full(len(layout), log_ratios.min())
            everywhere[rows[known]] = log_ratios[known]
            self._believed = self._see(layout, everywhere)
        belief, places, exactly = self._believed, np.zeros(len(rows)), np.zeros(len(rows))
        who, near = layout.pairs(layout.positions[rows[known]], max(radius, 1e-6))
        np.add.at(places, known[who], belief[near])
        exactly[known] = belief[rows[known]]
        return Support(self.stage, np.minimum(places, 1.0), exactly)

    def _advance(self, layout: MapLayout, stamp: int, odometry: Pose | None) -> bool:
        """Account for the motion up to an image; return whether the image tells anything new.

        It does not where the robot has hardly moved since the last one that did, however many
        images come.
        """
        if self._stamp is not None and stamp > self._stamp:
            seconds = (stamp - self._stamp) * 1e-9
            step = None
            if odometry is not None and self._odometry is not None:
                step = self._odometry.inverse() @ odometry
            if not _has_moved(layout, seconds, step):
                return False
            self._guided, self._alone = step is not None, False
            self._move(layout, seconds, step)
        self._stamp, self._odometry = stamp, odometry
        return True

    def _refresh(self) -> MapLayout:
        """Return the layout of the present map.

        The belief stays where places were added or their poses changed; it is reset where places
        are gone.
        """
        places = self._places()
        if self._layout is None or places is not self._known:
            before, self._layout = self._layout, MapLayout(places)
            self._known = places
            if before is not None and self._layout.extends(before):
                added = len(self._layout) - len(before)
                self._believed = np.pad(self._believed, (0, added if len(self._believed) else 0))
                self._grow(added)
            else:
                self.reset()
        return self._layout

    @abstractmethod
    def _forget(self) -> None:
        """Reset the belief."""

    @abstractmethod
    def _grow(self, count: int) -> None:
        """Add places at the end."""

    @abstractmethod
    def _move(self, layout: MapLayout, seconds: float, step: Pose | None) -> None:
        """Account for the motion since the previous image."""

    @abstractmethod
    def _see(self, layout: MapLayout, log_ratios: Floats) -> Floats:
        """Account for an image; return the probability of each place (N,).

        Args:
            layout: Of the places.
            log_ratios: (N,) of the likelihoods of being at a place and of being elsewhere.
        """


def _has_moved(layout: MapLayout, seconds: float, step: Pose | None) -> bool:
    """Return whether the robot has moved by a good part of the way between two places."""
    if step is None:
        return seconds >= _LEAST_SHARE * layout.pause
    angle = 2 * np.arctan2(np.linalg.norm(step.orientation[:3]), abs(step.orientation[3]))
    metres = max(_LEAST_SHARE * layout.spacing, _LEAST_STEP)
    return bool(np.linalg.norm(step.position) >= metres or angle >= _LEAST_TURN)
