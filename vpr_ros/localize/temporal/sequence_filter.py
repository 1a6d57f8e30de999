# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The temporal filter: which candidate agrees with the images before, by where they were taken.

A hypothesis is a pose of the robot, not a place of the map. The motion between images tells where
the robot would have been at each earlier image if it is there now, and each earlier image speaks
for or against that: for it where one of its candidates lies there, against it where the map has
places there and none was a candidate. Ground without places, in a gap or beyond the end of the
map, says nothing, but against a hypothesis if the image looked like a place elsewhere.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.evidence import Support, shortfall
from vpr_ros.localize.temporal.map_layout import MapLayout
from vpr_ros.localize.temporal.motion import (
    FLOOR,
    ByOdometry,
    BySeconds,
    Sight,
    plausible,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.geometry import Pose
    from vpr_ros.localize.place_likelihood import PlaceLikelihoods
    from vpr_ros.localize.temporal.map_layout import Floats, Places, Rows
    from vpr_ros.search import Candidates

_log = logging.getLogger(__name__)

BLIND = '_without_odometry'
"""Ending of the name of the stage of the calibration without odometry."""

_KEPT = 20
"""Candidates of each image that are remembered."""
_HYPOTHESES = 10
"""Candidates of the present image that are weighed."""
_RIVALS = 2
"""Candidates of each earlier image that the robot may have followed instead."""
_FORGETTING = 0.88
"""Factor by which an image counts less with each one after it: about eight of them count, so that
a robot that was carried away is found again soon."""
_SHARE = 0.5
"""Share of the evidence of earlier images that counts: consecutive images err alike."""
_SHARPNESS = 2.0
"""Evidence lost for each deviation, or factor e of inliers, by which a place looks less like an
image than the best one does."""
_LEAST_STEP, _LEAST_TURN = 0.05, 0.1
"""Metres and radians below which an image tells nothing new."""
_LEAST_PART = 0.25
"""Part of the way between two places below which it tells nothing new."""
_LEAST_CHANGE = 0.1
"""Change of the similarities to the same places, as a part of their deviation, below which an
image shows the same as one before."""


class SequenceFilter:
    """Weighs the candidates of an image by a window of earlier images.

    With odometry a hypothesis is a pose that odometry carries back to the earlier images. Without
    it the robot follows the mapped path, at half to twice the speed of mapping. The state is the
    window alone, so that the filter heals by itself as the window moves on.

    Args:
        places: Returns the map's present columns; a map may grow.
        likelihood: Of an image at each place.
        window: Images that are remembered.
        detector: Of the local features that candidates are compared by, where they are.
    """

    kind = 'sequence'

    def __init__(
        self,
        places: Callable[[], Places],
        likelihood: PlaceLikelihoods,
        window: int = 20,
        detector: str = '',
    ) -> None:
        self._places = places
        self._likelihood = likelihood
        self._window = window
        self._detector = detector
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
        self._sights: deque[Sight] = deque(maxlen=self._window)
        self._stamp: int | None = None
        self._counted: int | None = None

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
        support = self._updated(stamp, candidates, radius, odometry)
        if np.isfinite(support.places).all():
            return support
        _log.warning('the temporal filter begins anew: its evidence was not finite')
        self.reset()
        return Support.none(self.stage, len(candidates))

    def _updated(
        self, stamp: int, candidates: Candidates, radius: float, odometry: Pose | None
    ) -> Support:
        layout = self._refresh()
        if self._stamp is not None and stamp < self._stamp:
            self.reset()
        rows = layout.rows_of(candidates.ids)
        ratios = self._likelihood.log_ratios(candidates, radius, self._detector)
        ratios = ratios - _SHARPNESS * shortfall(candidates, ratios)
        order = np.argsort(-ratios, kind='stable')
        order = order[rows[order] >= 0]
        if not len(order):
            return Support.none(self.stage, len(rows))
        sights = self._remember(layout, stamp, candidates, ratios, order[:_KEPT], odometry)
        self._alone = len(sights) == 1
        if self._alone:
            return Support.none(self.stage, len(rows))
        return self._weighed(layout, sights, rows, ratios, order[:_HYPOTHESES], radius)

    def _remember(
        self,
        layout: MapLayout,
        stamp: int,
        candidates: Candidates,
        ratios: Floats,
        kept: Rows,
        odometry: Pose | None,
    ) -> list[Sight]:
        """Add an image to the window; return the window that ends with it."""
        since = 0.0 if self._stamp is None else (stamp - self._stamp) * 1e-9
        waited = 0.0 if self._counted is None else (stamp - self._counted) * 1e-9
        self._stamp = stamp
        last = self._sights[-1] if self._sights else None
        # A robot that stood still has not come further in the meantime.
        elapsed = min(waited, max(since, 2 * layout.pause))
        now = Sight(
            elapsed + (last.clock if last else 0.0),
            plausible(odometry),
            candidates.ids[kept],
            ratios[kept],
            candidates.similarities[kept],
        )
        if last is not None and not _adds(layout, last, now, waited):
            # It stands in for the last one, which it repeats.
            return [*list(self._sights)[:-1], replace(now, clock=last.clock)]
        self._sights.append(now)
        self._counted = stamp
        return list(self._sights)

    def _weighed(
        self,
        layout: MapLayout,
        sights: list[Sight],
        rows: Rows,
        ratios: Floats,
        tried: Rows,
        radius: float,
    ) -> Support:
        """Return the support for candidates by a window that ends with their image."""
        guided = [sight for sight in sights if sight.odometry is not None]
        known = bool(layout.posed.all()) and sights[-1].odometry is not None
        self._guided = known and len(guided) > 1
        sights = guided if self._guided else sights
        motion = (ByOdometry if self._guided else BySeconds)(layout, sights)
        weights = np.append(_SHARE * _FORGETTING ** np.arange(len(sights) - 2, -1, -1.0), 1.0)
        count = len(tried)
        hypotheses = np.concatenate([motion.at(rows[tried]), motion.followed(_RIVALS)])
        evidence, unmapped = motion.evidence(hypotheses, weights)
        # An image that looked like a place was hardly taken where there is none. It does not count
        # against the rivals: beyond the end of a map images look like its last places for a while.
        strongest = [max(sight.evidence[0], 0.0) for sight in sights]
        evidence[:count] -= unmapped[:count] * np.minimum(strongest, -FLOOR)
        evidence[:count, -1] = ratios[tried]
        totals = evidence @ weights
        elsewhere = np.where(motion.together(hypotheses, count, radius), -np.inf, totals)
        # Being off the map, where no image speaks for or against, is a rival too.
        odds = totals[:count] - np.logaddexp(0.0, elsewhere.max(axis=1))
        probabilities, trails = np.zeros(len(rows)), np.full(len(rows), np.nan)
        probabilities[tried] = 1 / (1 + np.exp(-odds))
        trails[tried] = evidence[:count, :-1] @ weights[:-1]
        best = int(totals[:count].argmax())
        seen, poses, drifts, trust = motion.carried(best)
        return Support(
            self.stage,
            probabilities,
            trails,
            int(tried[best]),
            poses,
            weights[seen] * trust,
            drifts,
        )

    def _refresh(self) -> MapLayout:
        """Return the layout of the present map; places may be added, changed or gone."""
        places = self._places()
        if self._layout is None or places is not self._known:
            self._known, self._layout = places, MapLayout(places)
        return self._layout


def _adds(layout: MapLayout, last: Sight, now: Sight, seconds: float) -> bool:
    """Return whether an image tells anything that the last one did not.

    By odometry it does where the robot has moved by a good part of the way between two places.
    Else it does where the picture has changed: where the robot stands, time goes on, and nothing
    else.
    """
    if last.odometry is not None and now.odometry is not None:
        step = last.odometry.inverse() @ now.odometry
        angle = 2 * np.arctan2(np.linalg.norm(step.orientation[:3]), abs(step.orientation[3]))
        metres = max(_LEAST_PART * layout.spacing, _LEAST_STEP)
        return bool(np.linalg.norm(step.position) >= metres or angle >= _LEAST_TURN)
    if seconds < _LEAST_PART * layout.pause:
        return False
    _, ours, theirs = np.intersect1d(now.ids, last.ids, return_indices=True)
    if 2 * len(ours) < len(now.ids):
        return True
    change = now.similarities[ours] - last.similarities[theirs]
    least = _LEAST_CHANGE * np.std(now.similarities)
    return bool(np.sqrt(np.mean(change**2)) >= least)
