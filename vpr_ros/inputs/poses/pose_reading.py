# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses of the base by stamp, also from those of a sensor on it, and their pairing with frames."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.inputs.frames import Frame

_UNKNOWN_ROTATION_VARIANCE = np.pi**2
"""Variance of an unknown angle, radians squared."""
_UNKNOWN_POSITION_VARIANCE = 25.0
"""Of a fix without covariance, metres squared; usual for a receiver on its own."""
_KEPT = 30 * SECOND
"""Nanoseconds of history; frames wait for their poses far shorter than this."""
_TIME_JUMP = SECOND
"""A stamp this many nanoseconds in the past means a restarted clock, not a late message."""
_MAX_GAP = SECOND
"""Longest time between readings that is interpolated over, nanoseconds."""


@dataclass(frozen=True)
class PoseReading:
    """The pose of the robot at one stamp.

    Attributes:
        stamp: Nanoseconds.
        pose: The base frame in the map frame.
        covariance: (6, 6) of x, y, z and rotations about the fixed axes, or None where the source
            gives none.
        geo: Geodetic position where the source is a GNSS receiver.
        frame: Name of the frame of the pose as the message has it, such as ``odom``; empty where
            it names none, and for fixes, whose header names the antenna.
    """

    stamp: int
    pose: Pose
    covariance: NDArray[np.float64] | None = None
    geo: GeoPoint | None = None
    frame: str = ''


def unknown_rotation(position: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the covariance (6, 6) of a pose of which only the position (3, 3) was measured.

    Args:
        position: Its covariance; None for that of a common receiver.
    """
    covariance = np.eye(6) * _UNKNOWN_ROTATION_VARIANCE
    covariance[:3, :3] = np.eye(3) * _UNKNOWN_POSITION_VARIANCE if position is None else position
    return covariance


def base_of(reading: PoseReading, mount: Pose) -> PoseReading:
    """Return the pose of the base from that of a sensor with this pose in the base frame.

    The uncertainty of the rotation becomes, through the lever, one of the position (first order).
    """
    pose = reading.pose @ mount.inverse()
    covariance = reading.covariance
    if covariance is not None:
        x, y, z = pose.rotation @ mount.position
        jacobian = np.eye(6)
        jacobian[:3, 3:] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        covariance = jacobian @ covariance @ jacobian.T
        covariance = (covariance + covariance.T) / 2
    return replace(reading, pose=pose, covariance=covariance)


def base_of_antenna(reading: PoseReading, lever: NDArray[np.float64]) -> PoseReading:
    """Return the pose of the base from a fix, which has no rotation.

    The base stands upright below (or above) the antenna. The direction of the horizontal part of
    the lever is unknown, so this part widens the covariance instead.

    Args:
        reading: Of the antenna, with a covariance.
        lever: Position (3,) of the antenna in the base frame, metres.
    """
    position = reading.pose.position - np.array([0, 0, lever[2]])
    covariance = reading.covariance
    if covariance is not None:
        # Of a point on a circle: half the squared radius along each axis.
        spread = (lever[0] ** 2 + lever[1] ** 2) / 2
        covariance = covariance + np.diag([spread, spread, 0, 0, 0, 0])
    return replace(reading, pose=Pose.of(position), covariance=covariance)


class PoseBuffer:
    """Pose readings in order of stamp; interpolates between neighbours.

    Attributes:
        late: Readings ignored because a newer one came first.
    """

    def __init__(self) -> None:
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
        if gap > _MAX_GAP:
            return None
        fraction = (stamp - before.stamp) / gap
        pose: Pose = before.pose.interpolate(after.pose, fraction)
        nearest = before if fraction < 0.5 else after
        return PoseReading(stamp, pose, nearest.covariance, nearest.geo, nearest.frame)

    def _index(self, stamp: int) -> int:
        return bisect_left(self._readings, stamp, key=lambda reading: reading.stamp)


class FramesWithPoses:
    """Pairs frames with the pose at their stamp; the same for live topics and for bags.

    A frame is paired once the pose source has passed its stamp, so the answer does not depend on
    which of the two messages came first.

    Args:
        capacity: Frames that may wait; the oldest is dropped. None for no limit (offline).

    Attributes:
        capacity: As given.
        dropped: Frames dropped for want of room, or because the clock jumped back.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self._poses = PoseBuffer()
        self.capacity = capacity
        self._waiting: deque[Frame] = deque()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Frames that have no pose yet."""
        return len(self._waiting)

    def add_frame(self, frame: Frame) -> None:
        """Queue a frame until its pose is known."""
        if self.capacity is not None and len(self._waiting) >= self.capacity:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(frame)

    def add_pose(self, reading: PoseReading) -> None:
        """Add a reading of the pose source."""
        if self._poses.add(reading):
            self.dropped += len(self._waiting)
            self._waiting.clear()

    def ready(self) -> Iterator[tuple[Frame, PoseReading | None]]:
        """Take the frames whose pose is decided, in order; None where it is unknown."""
        while self._waiting and self._poses.decided(self._waiting[0].stamp):
            frame = self._waiting.popleft()
            yield frame, self._poses.at(frame.stamp)

    def rest(self) -> Iterator[tuple[Frame, None]]:
        """Take the frames that are still waiting when no more poses will come."""
        while self._waiting:
            yield self._waiting.popleft(), None
