# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Matching of a sequence of images to the mapped path."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.temporal.place_filter import OFF_MAP, PlaceFilter

if TYPE_CHECKING:
    from vpr_ros.geometry import Pose
    from vpr_ros.localize.temporal.map_layout import Floats, MapLayout, MappedPath


class SequenceMatcher(PlaceFilter):
    """Matches the last images to stretches of the mapped path, at several speeds.

    As in SeqSLAM (Milford and Wyeth, ICRA 2012) the log ratios are summed along straight lines
    through the matrix of images and places. The coordinate of images and places is the distance
    travelled where there is odometry, else time.
    """

    kind = 'sequence'

    _SPEEDS_BY_ODOMETRY = (0.9, 1.0, 1.1)
    _SPEEDS_BY_TIME = (0.5, 0.65, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0)

    def _forget(self) -> None:
        self._frames: deque[tuple[float, float, Floats]] = deque(maxlen=self._window)
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
        weights = np.exp(np.minimum(scores, 500.0)) * (1 - OFF_MAP) / len(layout)
        return np.asarray(weights / (weights.sum() + OFF_MAP))


def _along_line(way: MappedPath, seen: Floats, back: Floats) -> Floats:
    """Return the sums (N,) of log ratios along the lines that end at each place.

    Args:
        way: The places.
        seen: (F, N) log ratios of each image for each place.
        back: (F,) distance of each image from the end of the line.
    """
    rows, there = way.at(way.along - back[:, None])
    found = np.take_along_axis(seen, rows, axis=1)
    return np.asarray(np.where(there, found, seen.min(axis=1, keepdims=True)).sum(axis=0))
