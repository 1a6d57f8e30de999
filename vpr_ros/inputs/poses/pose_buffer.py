# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The latest readings of a pose source, interpolated at the stamps of images."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from vpr_ros.inputs.poses.pose_reading import PoseReading
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from vpr_ros.geometry import Pose

_KEPT = 30 * SECOND
"""Nanoseconds of history; frames wait for their poses far shorter than this."""
_TIME_JUMP = SECOND
"""A stamp this many nanoseconds in the past means a restarted clock, not a late message."""


class PoseBuffer:
    """Pose readings in order of stamp; interpolates between neighbours.

    Args:
        max_gap: Longest time between neighbours that is interpolated over, nanoseconds.

    Attributes:
        late: Readings ignored because a newer one came first.
    """

    def __init__(self, max_gap: int = SECOND) -> None:
        self._max_gap = max_gap
        self._readings: list[PoseReading] = []
        self.late = 0

    def add(self, reading: PoseReading) -> bool:
        """Append a reading; return True where time jumped back and the history was dropped."""
        jumped = False
        if self._readings and reading.stamp <= self._readings[-1].stamp:
            if self._readings[-1].stamp - reading.stamp < _TIME_JUMP:
                self.late += 1
                return False
            self._readings.clear()
            jumped = True
        self._readings.append(reading)
        if self._readings[0].stamp < reading.stamp - 2 * _KEPT:
            del self._readings[: self._index(reading.stamp - _KEPT)]
        return jumped

    def decided(self, stamp: int) -> bool:
        """Whether no later reading can change the answer of ``at(stamp)``."""
        return bool(self._readings) and self._readings[-1].stamp >= stamp

    def at(self, stamp: int) -> PoseReading | None:
        """Return the reading at a stamp, interpolated, or None where it is unknown."""
        i = self._index(stamp)
        if i == len(self._readings):
            return None
        after = self._readings[i]
        if after.stamp == stamp:
            return after
        if i == 0:
            return None
        before = self._readings[i - 1]
        gap = after.stamp - before.stamp
        if gap > self._max_gap:
            return None
        fraction = (stamp - before.stamp) / gap
        pose: Pose = before.pose.interpolate(after.pose, fraction)
        nearest = before if fraction < 0.5 else after
        return PoseReading(stamp, pose, nearest.covariance, nearest.geo)

    def _index(self, stamp: int) -> int:
        return bisect_left(self._readings, stamp, key=lambda reading: reading.stamp)
