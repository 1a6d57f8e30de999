# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Notices that a file was removed, replaced by another, or written over in place."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os

_SETTLED = 50_000_000
"""Nanoseconds after which a further write shows in the times of a file; they advance in steps."""


class _Look(NamedTuple):
    device: int
    inode: int
    size: int
    modified: int
    changed: int


class WatchedFile:
    """Compares how a file looks with how it looked when it was read last.

    Args:
        path: Its name, links being followed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._look()
        self._settled = self._is_settled()

    @property
    def displaced(self) -> bool:
        """Whether there is no file of this name any more, or another one."""
        found, seen = self._look(), self._seen
        return found is None or seen is None or found[:2] != seen[:2]

    @property
    def new_name(self) -> Path | None:
        """Where the file is now, if it was moved and this process has it open; else None."""
        if self._seen is None or not self.displaced:
            return None
        with suppress(OSError):  # There is no such folder but on Linux.
            for link in Path('/proc/self/fd').iterdir():
                with suppress(OSError):
                    if self._is_it(link.stat()) and self._is_it((name := link.readlink()).stat()):
                        return name
        return None

    def _is_it(self, found: os.stat_result) -> bool:
        return self._seen is not None and (found.st_dev, found.st_ino) == self._seen[:2]

    @property
    def shortened(self) -> bool:
        """Whether it is the same file and has become shorter."""
        found, seen = self._look(), self._seen
        if found is None or seen is None or found[:2] != seen[:2]:
            return False
        return found.size < seen.size

    @property
    def touched(self) -> bool:
        """Whether it may have been written since."""
        return not self._settled or self._look() != self._seen

    def note(self) -> None:
        """Remember how the file looks now; to be called before it is read."""
        self._seen = self._look() or self._seen
        self._settled = self._is_settled()

    def _is_settled(self) -> bool:
        seen = self._seen
        return seen is not None and time.time_ns() - max(seen.modified, seen.changed) > _SETTLED

    def _look(self) -> _Look | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return _Look(
            found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
        )
