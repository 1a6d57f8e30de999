# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keyframes that wait to be described, in order, in memory and then on the disk."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.inputs.frames import Frame
    from vpr_ros.inputs.poses import PoseReading

_MEMORY = 2**28
"""Bytes of pictures that wait in memory; more wait on the disk."""
_DISK = 2**32
"""Bytes of pictures that wait on the disk; more are dropped."""
_SPARE = 2**28
"""Bytes of the disk that are left free."""


class PosedFrame(NamedTuple):
    """A frame and the robot's pose at its stamp; None only if the node maps without poses.

    Attributes:
        frame: The frame.
        reading: The pose.
        travelled: Metres that the robot had travelled by then, of a keyframe.
    """

    frame: Frame
    reading: PoseReading | None
    travelled: float | None = None


class KeyframeQueue:
    """Works on keyframes in a thread, each in its turn; none is dropped while there is room.

    Args:
        work: Called in the thread with the next keyframes; returns how many could be used.
        failed: Called in the thread with each error that ``work`` raises; the thread goes on.
        together: Keyframes that ``work`` takes at most.
        memory: Bytes of pictures that wait in memory.
        disk: Bytes of pictures that wait on the disk.

    Attributes:
        received: Number of keyframes submitted.
        dropped: Number of keyframes for which there was no room.
        processed: Number of keyframes that could be used.
    """

    def __init__(
        self,
        work: Callable[[list[PosedFrame]], int],
        failed: Callable[[Exception], None],
        together: int = 1,
        *,
        memory: int = _MEMORY,
        disk: int = _DISK,
    ) -> None:
        self._work, self._failed, self._together = work, failed, together
        self._memory, self._disk = memory, disk
        self._waiting: deque[tuple[PosedFrame, int, bool]] = deque()
        self._sizes = {False: 0, True: 0}
        """Bytes that wait in memory (False) and on the disk (True)."""
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._busy = self._stopping = False
        self._changed = threading.Condition()
        self.received = self.dropped = self.processed = 0
        self._thread = threading.Thread(target=self._run, name='vpr-keyframes', daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Keyframes that wait, and those in progress."""
        return len(self._waiting) + self._busy

    def submit(self, item: PosedFrame, source: str = '') -> None:  # noqa: ARG002  as other workers
        """Append a keyframe whose picture is decoded, or drop it where there is no room."""
        size = item.frame.rgb.nbytes
        with self._changed:
            self.received += 1
            outside = self._sizes[False] + size > self._memory
            if outside and not self._store(item.frame, size):
                self.dropped += 1
                return
            self._waiting.append((item, size, outside))
            self._sizes[outside] += size
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all keyframes are done; return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.waiting, timeout)

    def discard(self) -> int:
        """Drop the keyframes that wait and return how many."""
        with self._changed:
            count = len(self._waiting)
            for _ in range(count):
                self._take()
            self._changed.notify_all()
        return count

    def stop(self) -> None:
        """Finish the keyframes in progress, drop those that wait, end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()
        self.discard()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _store(self, frame: Frame, size: int) -> bool:
        """Move the picture of a frame to the disk; return False where it has no room."""
        try:
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix='vpr_keyframes_')
            free = shutil.disk_usage(self._folder.name).free - _SPARE
            if self._sizes[True] + size > self._disk or size > free:
                return False
            frame.store(Path(self._folder.name) / f'{self.received}.npy')
        except OSError:
            return False
        return True

    def _run(self) -> None:
        while items := self._next_items():
            try:
                self.processed += self._work(items)
            except Exception as error:  # noqa: BLE001  a node survives any message
                self._failed(error)
            with self._changed:
                self._busy = False
                self._changed.notify_all()

    def _next_items(self) -> list[PosedFrame]:
        """Wait for keyframes; return none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._stopping)
            if self._stopping:
                return []
            self._busy = True
            return [self._take() for _ in range(min(self._together, len(self._waiting)))]

    def _take(self) -> PosedFrame:
        item, size, outside = self._waiting.popleft()
        self._sizes[outside] -= size
        return item
