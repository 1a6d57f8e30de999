# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs frames with the poses at their stamps."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from vpr_ros.inputs.poses.pose_buffer import KEPT, NoPose, PoseBuffer, PoselessFrames
from vpr_ros.stamps import format_stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vpr_ros.inputs.frames import Frame
    from vpr_ros.inputs.poses.pose_reading import PoseReading

_log = logging.getLogger(__name__)

_TOLD = 5
"""Jumps of the pose that the log tells."""


class FramesWithPoses:
    """Pairs frames with the pose at their stamp; the same for live topics and for bags.

    A frame is paired once the pose source has passed its stamp, so the answer does not depend on
    which of the two messages came first. A frame that is stamped far beyond the poses and the
    frames after it has no pose: it would hold up the others until their poses are forgotten.

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
        self._waiting: deque[tuple[Frame, int]] = deque()
        """Frames, and how many poses had come before each."""
        self._came = self._jumps = 0
        self._spans: list[tuple[int, int] | None] = [None, None]
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
        self._waiting.append((frame, self._came))
        self._span(0, frame.stamp)

    def add_poses(self, readings: Iterable[PoseReading]) -> None:
        """Add readings of the pose source."""
        for reading in readings:
            self._came += 1
            self._span(1, reading.stamp)
            known = self._poses.jump
            if self._poses.add(reading):
                self.dropped += len(self._waiting)
                self._waiting.clear()
            if (jump := self._poses.jump) is not known and jump is not None:
                self._tell(jump, reading.stamp)

    def ready(self) -> Iterator[tuple[Frame, PoseReading | None]]:
        """Take the frames whose pose is decided, in order; None where it is unknown."""
        while self._waiting and (
            self._poses.decided(self._waiting[0][0].stamp) or self._is_ahead()
        ):
            yield self._next()

    def rest(self) -> Iterator[tuple[Frame, PoseReading | None]]:
        """Take the frames that are still waiting when no more poses will come."""
        while self._waiting:
            yield self._next()

    def unpaired(self) -> Iterator[tuple[Frame, None]]:
        """Take the frames that wait where nothing gives poses."""
        while self._waiting:
            yield self._waiting.popleft()[0], None

    @property
    def late(self) -> int:
        """Poses left out because one with the same or a later stamp came before them."""
        return self._poses.late

    @property
    def apart(self) -> str:
        """How the stamps of frames and poses differ, in words; empty where they overlap."""
        frames, poses = self._spans
        if frames is None or poses is None or (frames[0] <= poses[1] and poses[0] <= frames[1]):
            return ''
        one, other = (' to '.join(map(format_stamp, span)) for span in (frames, poses))
        return f'the images are stamped {one} s and the poses {other} s: are the clocks the same?'

    def _tell(self, jump: NoPose, stamp: int) -> None:
        """Say that the pose jumped; not more than a few times, for some never stop."""
        self._jumps += 1
        if self._jumps <= _TOLD:
            _log.warning(
                'the pose jumps by %.1f m at %s s, as where localisation finds itself anew: '
                'places before it, or after, are wrong%s',
                jump.metres,
                format_stamp(stamp),
                '; further jumps are not told' * (self._jumps == _TOLD),
            )

    def _span(self, index: int, stamp: int) -> None:
        """Widen the times of the frames (0) or the poses (1)."""
        first, last = self._spans[index] or (stamp, stamp)
        self._spans[index] = min(first, stamp), max(last, stamp)

    def _is_ahead(self) -> bool:
        """Tell whether the first frame is stamped far beyond all that came after it.

        Where the clock was set back, the next pose shows it: then all frames are dropped.
        """
        newest = self._poses.newest
        if newest is None or len(self._waiting) < 2:
            return False
        after, came = self._waiting[1]
        ahead = self._waiting[0][0].stamp - max(newest, after.stamp) > KEPT
        return ahead and self._came > came and self._poses.decided(after.stamp)

    def _next(self) -> tuple[Frame, PoseReading | None]:
        frame, _ = self._waiting.popleft()
        self.taken += 1
        found = self._poses.find(frame.stamp)
        if isinstance(found, NoPose):
            self.poseless.add(found)
            return frame, None
        return frame, found
