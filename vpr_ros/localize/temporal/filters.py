# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Beliefs about where in the map the robot is, carried from frame to frame."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.evidence import Support
from vpr_ros.localize.temporal.map_layout import MapLayout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.localize.calibration import PlaceLikelihood
    from vpr_ros.localize.temporal.map_layout import MappedPath, Places, Rows
    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]

FILTERS = ('bayes', 'sequence')
"""Names of the filters there are."""
BLIND = '_without_odometry'
"""Ending of the name of a stage of the calibration."""

_OFF_MAP = 0.1
"""Probability of being off the map where nothing is known."""
_NEWS = 0.25
"""Share of the way from place to place below which a frame is no news."""
_LEAST_STEP, _LEAST_TURN = 0.05, 0.1
"""Metres that are always no news, and radians that always are."""
_NEGLIGIBLE = 1e-7
"""Share of the belief that is not worth moving."""


@dataclass(frozen=True)
class MotionConfig:
    """How the robot may have moved between two frames.

    Where there is no odometry it goes the way that was mapped, up to twice as fast, and mostly
    keeps its pace.

    Attributes:
        odometry_error: Standard deviation of a displacement, as a share of it.
        angle_error: Standard deviation between the heading that is expected at a place and that
            which it was mapped with, radians.
        window: Frames that a sequence is long.
    """

    odometry_error: float = 0.1
    angle_error: float = 0.5
    window: int = 20


class PlaceFilter(ABC):
    """A distribution over the places of a map and the state of being off it.

    Args:
        places: Returns the map's columns as they are now; a map may grow.
        likelihood: What a frame says about each place.
        motion: How the robot may move.
    """

    kind = ''

    def __init__(
        self,
        places: Callable[[], Places],
        likelihood: PlaceLikelihood,
        motion: MotionConfig | None = None,
    ) -> None:
        self._places = places
        self._likelihood = likelihood
        self._motion = motion or MotionConfig()
        self._known: Places | None = None
        self._layout: MapLayout | None = None
        self._stamp: int | None = None
        self._odometry: Pose | None = None

    @property
    def stage(self) -> str:
        """Stage of the calibration that belongs to what the filter has to go by at present."""
        return self.kind if self._guided else self.kind + BLIND

    @property
    def alone(self) -> bool:
        """Whether the last frame is the first since the reset, so that none before it speaks."""
        return self._alone

    def reset(self) -> None:
        """Forget all frames so far."""
        self._guided = self._alone = True
        self._believed: Floats = np.zeros(0)
        self._stamp = self._odometry = None
        self._forget()

    def update(
        self, stamp: int, candidates: Candidates, radius: float, odometry: Pose | None = None
    ) -> Support:
        """Take a frame into account.

        Args:
            stamp: Of the frame, nanoseconds; one that goes back forgets what was before.
            candidates: What the frame looks like.
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
            # What was not found is no likelier than the least likely that was.
            everywhere = np.full(len(layout), log_ratios.min())
            everywhere[rows[known]] = log_ratios[known]
            self._believed = self._see(layout, everywhere)
        belief, places, exactly = self._believed, np.zeros(len(rows)), np.zeros(len(rows))
        who, near = layout.pairs(layout.positions[rows[known]], max(radius, 1e-6))
        np.add.at(places, known[who], belief[near])
        exactly[known] = belief[rows[known]]
        return Support(self.stage, np.minimum(places, 1.0), exactly)

    def _advance(self, layout: MapLayout, stamp: int, odometry: Pose | None) -> bool:
        """Account for the motion up to a frame; return whether the frame is news.

        One is not that shows nearly what the one before it showed, however fast they come.
        """
        if self._stamp is not None and stamp > self._stamp:
            seconds = (stamp - self._stamp) * 1e-9
            step = None
            if odometry is not None and self._odometry is not None:
                step = self._odometry.inverse() @ odometry
            if not _is_news(layout, seconds, step):
                return False
            self._guided, self._alone = step is not None, False
            self._move(layout, seconds, step)
        self._stamp, self._odometry = stamp, odometry
        return True

    def _refresh(self) -> MapLayout:
        """Return the layout of the map as it is now.

        What is believed stays where places were added or their poses changed, and is lost where
        places are gone.
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
        """Forget what is believed."""

    @abstractmethod
    def _grow(self, count: int) -> None:
        """Make room for places that were added at the end."""

    @abstractmethod
    def _move(self, layout: MapLayout, seconds: float, step: Pose | None) -> None:
        """Account for the motion since the frame before."""

    @abstractmethod
    def _see(self, layout: MapLayout, log_ratios: Floats) -> Floats:
        """Account for a frame; return the probability of each place (N,).

        Args:
            layout: Of the places.
            log_ratios: (N,) of the likelihoods of being at a place and of not being there.
        """


class BayesFilter(PlaceFilter):
    """Discrete Bayes filter: predict by the motion, weigh by what is seen, and normalise.

    As in FAB-MAP (Cummins and Newman, IJRR 2008) one state stands for all places that are not in
    the map. At each step the robot is somewhere else altogether with a small probability, so that
    one that was carried away is found again.

    Without odometry the state is a place and a pace: one who could go at any pace from frame to
    frame could explain any row of frames, and so would nothing.
    """

    kind = 'bayes'

    _RESTART = 1e-3
    _LEAVE = 0.02
    _PACES = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0])
    _PACE_SPREAD = 0.5
    _USUAL = np.exp(-0.5 * ((_PACES[:, None] - 1) / _PACE_SPREAD) ** 2)
    _USUAL /= _USUAL.sum()
    _PACE_CHANGE = 0.1

    def _forget(self) -> None:
        # (P, N), one row a pace, or a single one where odometry tells the pace.
        self._belief: Floats = np.zeros((1, 0))

    def _grow(self, count: int) -> None:
        if self._belief.size:
            self._belief = np.pad(self._belief, ((0, 0), (0, count)))

    def _move(self, layout: MapLayout, seconds: float, step: Pose | None) -> None:
        off = 1 - self._belief.sum()
        if step is None:
            moved, paces = self._onward(layout, seconds), self._USUAL
        else:
            moved, paces = self._displaced(layout, step), np.ones((1, 1))
        count = moved.shape[1]
        moved = (1 - self._LEAVE) * moved + self._LEAVE * off * paces / count
        prior = (1 - _OFF_MAP) * paces / count
        self._belief = (1 - self._RESTART) * moved + self._RESTART * prior

    def _displaced(self, layout: MapLayout, step: Pose) -> Floats:
        """Return the belief (1, N) moved by odometry; who would leave the map is lost."""
        belief = self._belief.sum(axis=0)
        rows = np.flatnonzero(belief > _NEGLIGIBLE / len(belief))
        who, to, weights = self._reached(layout, rows, step)
        totals = np.bincount(who, weights, minlength=len(rows))
        arrive = totals > 1e-3
        shares = np.zeros(len(rows))
        shares[arrive] = belief[rows][arrive] / totals[arrive]
        moved = np.bincount(to, shares[who] * weights, minlength=len(belief))
        return np.asarray(moved[None], np.float64)

    def _reached(self, layout: MapLayout, rows: Rows, step: Pose) -> tuple[Rows, Rows, Floats]:
        """Return (index in rows, row, weight) by odometry: a Gaussian about where it leads.

        A place stands for its surroundings, hence the width of a part of their spacing.
        """
        motion, yaws = self._motion, layout.yaws[rows]
        forward, left, up = step.position
        cos, sin = np.cos(yaws), np.sin(yaws)
        ahead = layout.positions[rows] + np.column_stack(
            [cos * forward - sin * left, sin * forward + cos * left, np.full(len(rows), up)]
        )
        distance = float(np.linalg.norm(step.position))
        sigma = max(0.4 * layout.spacing, 0.05) + motion.odometry_error * distance
        who, to = layout.pairs(ahead, 3 * sigma)
        squares = np.sum((ahead[who] - layout.positions[to]) ** 2, axis=1) / sigma**2
        turns = _wrapped(yaws[who] + step.yaw - layout.yaws[to]) / motion.angle_error
        return who, to, np.exp(-0.5 * (squares + turns**2))

    def _onward(self, layout: MapLayout, seconds: float) -> Floats:
        """Return the belief (P, N) moved by time, each pace by its own way along the map."""
        kept: Floats = self._belief
        total = kept.sum(axis=0)
        if len(kept) == 1:
            kept = self._USUAL * total
        kept = (1 - self._PACE_CHANGE) * kept + self._PACE_CHANGE * self._USUAL * total
        way, count = layout.by_seconds, len(layout)
        moved: Floats = np.empty_like(kept)
        for i, pace in enumerate(self._PACES):
            before, after, share, there = way.between(way.along + seconds * pace)
            arriving = kept[i] * there  # who would leave the map is lost
            moved[i] = np.bincount(before, arriving * (1 - share), minlength=count)
            moved[i] += np.bincount(after, arriving * share, minlength=count)
        return moved

    def _see(self, layout: MapLayout, log_ratios: Floats) -> Floats:
        if not self._belief.size:
            self._belief = np.full((1, len(layout)), (1 - _OFF_MAP) / len(layout))
        off = max(1 - self._belief.sum(), 1e-12)
        weighed = self._belief * np.exp(log_ratios)
        self._belief = weighed / (weighed.sum() + off)
        return np.asarray(self._belief.sum(axis=0))


class SequenceMatcher(PlaceFilter):
    """Matches the last frames to stretches of the way, at several speeds.

    As in SeqSLAM (Milford and Wyeth, ICRA 2012) what the frames say is summed along straight
    lines through the matrix of frames and places. The coordinate of frames and places is the way
    travelled where there is odometry, else time.
    """

    kind = 'sequence'

    _SPEEDS_BY_ODOMETRY = (0.9, 1.0, 1.1)
    _SPEEDS_BY_TIME = (0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)

    def _forget(self) -> None:
        self._frames: deque[tuple[float, float, Floats]] = deque(maxlen=self._motion.window)
        self._travelled = self._clock = 0.0
        self._by_odometry = True

    def _grow(self, count: int) -> None:
        for i, (travelled, clock, seen) in enumerate(self._frames):
            more = np.concatenate([seen, np.full(count, seen.min())])
            self._frames[i] = (travelled, clock, more)

    def _move(self, layout: MapLayout, seconds: float, step: Pose | None) -> None:  # noqa: ARG002
        self._clock += seconds
        if step is None:
            self._by_odometry = False
        else:
            self._travelled += float(np.linalg.norm(step.position))

    def _see(self, layout: MapLayout, log_ratios: Floats) -> Floats:
        self._frames.append((self._travelled, self._clock, log_ratios))
        by_way = self._by_odometry and layout.posed.all()
        speeds = self._SPEEDS_BY_ODOMETRY if by_way else self._SPEEDS_BY_TIME
        way = layout.by_metres if by_way else layout.by_seconds
        now = self._travelled if by_way else self._clock
        back = np.array([now - (metres if by_way else time) for metres, time, _ in self._frames])
        seen = np.array([log_ratios for _, _, log_ratios in self._frames])
        scores = np.max([_along_line(way, seen, back * speed) for speed in speeds], axis=0)
        weights = np.exp(np.minimum(scores, 500.0)) * (1 - _OFF_MAP) / len(layout)
        return np.asarray(weights / (weights.sum() + _OFF_MAP))


def _along_line(way: MappedPath, seen: Floats, back: Floats) -> Floats:
    """Return the sum (N,) of what frames say along the lines that end at each place.

    Args:
        way: The places.
        seen: (F, N) log ratios of each frame for each place.
        back: (F,) how far before the end each frame is.
    """
    rows, there = way.at(way.along - back[:, None])
    found = np.take_along_axis(seen, rows, axis=1)
    return np.asarray(np.where(there, found, seen.min(axis=1, keepdims=True)).sum(axis=0))


def make_filter(
    kind: str,
    places: Callable[[], Places],
    likelihood: PlaceLikelihood,
    motion: MotionConfig | None = None,
) -> PlaceFilter:
    """Return the filter of a name among `FILTERS`."""
    makers = {maker.kind: maker for maker in (BayesFilter, SequenceMatcher)}
    made = makers[kind](places, likelihood, motion)
    made.reset()
    return made


def _is_news(layout: MapLayout, seconds: float, step: Pose | None) -> bool:
    """Tell whether the robot has moved by a good part of the way between two places."""
    if step is None:
        return seconds >= _NEWS * layout.pause
    angle = 2 * np.arctan2(np.linalg.norm(step.orientation[:3]), abs(step.orientation[3]))
    metres = max(_NEWS * layout.spacing, _LEAST_STEP)
    return bool(np.linalg.norm(step.position) >= metres or angle >= _LEAST_TURN)


def _wrapped(angles: Floats) -> Floats:
    return np.asarray((angles + np.pi) % (2 * np.pi) - np.pi)
