# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A discrete Bayes filter over the places of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.temporal.place_filter import OFF_MAP, PlaceFilter

if TYPE_CHECKING:
    from vpr_ros.geometry import Pose
    from vpr_ros.localize.temporal.map_layout import Floats, MapLayout, Rows

_NEGLIGIBLE = 1e-7
"""Share of the belief that is not worth moving."""
_ODOMETRY_ERROR = 0.1
"""Standard deviation of a displacement, as a share of it."""
_ANGLE_ERROR = 0.5
"""Standard deviation between the expected heading at a place and its mapped heading, radians."""


class BayesFilter(PlaceFilter):
    """Discrete Bayes filter: predict by the motion, weigh by the image, and normalise.

    As in FAB-MAP (Cummins and Newman, IJRR 2008) one state stands for all places that are not in
    the map. At each step the robot may be anywhere else with a small probability, so that it is
    found again after it was carried away.

    Without odometry the state is a place and a pace: with any pace allowed at each step, any
    order of images could be explained.
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
        # (P, N), one row a pace, or a single one with odometry.
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
        prior = (1 - OFF_MAP) * paces / count
        self._belief = (1 - self._RESTART) * moved + self._RESTART * prior

    def _displaced(self, layout: MapLayout, step: Pose) -> Floats:
        """Return the belief (1, N) moved by odometry; the part that leaves the map is lost."""
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
        """Return (index in rows, row, weight) by odometry: a Gaussian about the new position.

        A place stands for its surroundings, so that the Gaussian is no narrower than a part of
        the spacing of places.
        """
        yaws = layout.yaws[rows]
        forward, left, up = step.position
        cos, sin = np.cos(yaws), np.sin(yaws)
        ahead = layout.positions[rows] + np.column_stack(
            [cos * forward - sin * left, sin * forward + cos * left, np.full(len(rows), up)]
        )
        distance = float(np.linalg.norm(step.position))
        sigma = max(0.4 * layout.spacing, 0.05) + _ODOMETRY_ERROR * distance
        who, to = layout.pairs(ahead, 3 * sigma)
        squares = np.sum((ahead[who] - layout.positions[to]) ** 2, axis=1) / sigma**2
        turned = yaws[who] + step.yaw - layout.yaws[to]
        turns = ((turned + np.pi) % (2 * np.pi) - np.pi) / _ANGLE_ERROR
        return who, to, np.exp(-0.5 * (squares + turns**2))

    def _onward(self, layout: MapLayout, seconds: float) -> Floats:
        """Return the belief (P, N) moved by time, each pace along the mapped path."""
        kept: Floats = self._belief
        total = kept.sum(axis=0)
        if len(kept) == 1:
            kept = self._USUAL * total
        kept = (1 - self._PACE_CHANGE) * kept + self._PACE_CHANGE * self._USUAL * total
        way, count = layout.by_seconds, len(layout)
        moved: Floats = np.empty_like(kept)
        for i, pace in enumerate(self._PACES):
            before, after, share, there = way.between(way.along + seconds * pace)
            arriving = kept[i] * there  # the part that leaves the map is lost
            moved[i] = np.bincount(before, arriving * (1 - share), minlength=count)
            moved[i] += np.bincount(after, arriving * share, minlength=count)
        return moved

    def _see(self, layout: MapLayout, log_ratios: Floats) -> Floats:
        if not self._belief.size:
            self._belief = np.full((1, len(layout)), (1 - OFF_MAP) / len(layout))
        off = max(1 - self._belief.sum(), 1e-12)
        weighed = self._belief * np.exp(log_ratios)
        self._belief = weighed / (weighed.sum() + off)
        return np.asarray(self._belief.sum(axis=0))
