# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs frames with the poses at their stamps."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from vpr_ros.inputs.poses.pose_buffer import NoPose, PoseBuffer, PoselessFrames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vpr_ros.inputs.frames import Frame
    from vpr_ros.inputs.poses.pose_reading import PoseReading


class FramesWithPoses:
    """Pairs frames with the pose at their stamp; the same for live topics and for bags.

    A frame is paired once the pose source has passed its stamp, so the answer does not depend on
    which of the two messages came first.

    Args:
        capacity: Frames that may wait; the oldest is dropped. None for no limit (offline).

    Attributes:
        capacity: As given.
        dropped: Frames dropped for want of room, or because the clock jumped back.
        taken: Frames that were paired, or found to have no pose.
        poseless: Those without a pose, by cause.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self._poses = PoseBuffer()
        self.capacity = capacity
        self._waiting: deque[Frame] = deque()
        self.dropped = 0
        self.poseless = PoselessFrames()
        self.taken = 0

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

    def add_poses(self, readings: Iterable[PoseReading]) -> None:
        """Add readings of the pose source."""
        for reading in readings:
            if self._poses.add(reading):
                self.dropped += len(self._waiting)
                self._waiting.clear()

    def ready(self) -> Iterator[tuple[Frame, PoseReading | None]]:
        """Take the frames whose pose is decided, in order; None where it is unknown."""
        while self._waiting and self._poses.decided(self._waiting[0].stamp):
            yield self._next()

    def rest(self) -> Iterator[tuple[Frame, PoseReading | None]]:
        """Take the frames that are still waiting when no more poses will come."""
        while self._waiting:
            yield self._next()

    def unpaired(self) -> Iterator[tuple[Frame, None]]:
        """Take the frames that wait where nothing gives poses."""
        while self._waiting:
            yield self._waiting.popleft(), None

    def _next(self) -> tuple[Frame, PoseReading | None]:
        frame = self._waiting.popleft()
        self.taken += 1
        found = self._poses.find(frame.stamp)
        if isinstance(found, NoPose):
            self.poseless.add(found)
            return frame, None
        return frame, found
