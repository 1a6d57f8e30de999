# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lets rosbags read MCAP files whose recording was cut off.

A robot that loses power leaves a file without its index and footer. Every record before the cut is
whole; only the last, partial one is lost (format: https://mcap.dev/spec). rosbags refuses such a
file and can only open a path, so `InterruptedMcap` stands in for the path: it opens the whole
records followed by a footer that claims no index, and the file itself is never changed.
"""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b'\x89MCAP0\r\n'
_FOOTER = b'\x02' + struct.pack('<QQQI', 20, 0, 0, 0) + _MAGIC
_RECORD = struct.Struct('<BQ')
_ENDS = frozenset({0x00, 0x02, 0x0F})
"""Zeros that file systems leave after a crash, the footer, the end of the data section."""


class InterruptedMcap:
    """The part of ``pathlib.Path`` that rosbags uses, for the whole records of an MCAP file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.suffix = path.suffix
        self.name = path.name

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._path.exists()

    def is_dir(self) -> bool:
        """Tell that this is no folder."""
        return False

    def open(self, mode: str = 'rb') -> BinaryIO:
        """Open the whole records, followed by a footer that claims no index."""
        file = cast('BinaryIO', self._path.open(mode))
        return cast('BinaryIO', io.BufferedReader(_Mended(file, _end_of_records(file))))


class _Mended(io.RawIOBase):
    """The first bytes of a file, followed by a footer."""

    def __init__(self, file: BinaryIO, end: int) -> None:
        super().__init__()
        self._file, self._end, self._at = file, end, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = self._end + len(_FOOTER)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at < self._end:
            self._file.seek(self._at)
            data = self._file.read(min(len(buffer), self._end - self._at))
        else:
            begin = self._at - self._end
            data = _FOOTER[begin : begin + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def _end_of_records(file: BinaryIO) -> int:
    """Return the offset behind the last whole record of the data section."""
    size = file.seek(0, io.SEEK_END)
    at = len(_MAGIC)
    while at + _RECORD.size <= size:
        file.seek(at)
        kind, length = _RECORD.unpack(file.read(_RECORD.size))
        after = at + _RECORD.size + length
        if kind in _ENDS or after > size:
            break
        at = after
    return min(at, size)
