# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Lets rosbags read files whose recording was cut off, as if they had been closed properly.

rosbags opens a path. `MendedFile` stands in for it: it shows the bytes of the file up to a point,
some of them replaced, and behind them the index that the recorder never wrote. The file itself is
never changed.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, BinaryIO, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class MendedFile:
    """The part of ``pathlib.Path`` that rosbags uses, for the mended bytes of a file.

    Args:
        path: The file.
        end: Bytes of it that are shown.
        patches: Bytes shown instead of those of the file, by their offsets.
        suffix: Bytes shown behind ``end``.
    """

    def __init__(self, path: Path, end: int, patches: Mapping[int, bytes], suffix: bytes) -> None:
        self._path, self._end, self._patches, self._suffix = path, end, dict(patches), suffix

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Tell whether the file is there."""
        return self._path.exists()

    def open(self, mode: str = 'rb') -> BinaryIO:
        """Open the mended bytes for reading."""
        file = cast('BinaryIO', self._path.open(mode))
        mended = _Mended(file, self._end, self._patches, self._suffix)
        return cast('BinaryIO', io.BufferedReader(mended))


class _Mended(io.RawIOBase):
    def __init__(
        self, file: BinaryIO, end: int, patches: Mapping[int, bytes], suffix: bytes
    ) -> None:
        super().__init__()
        self._file, self._end, self._patches, self._suffix = file, end, patches, suffix
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        size = self._end + len(self._suffix)
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at < self._end:
            self._file.seek(self._at)
            data = self._patched(self._file.read(min(len(buffer), self._end - self._at)))
        else:
            begin = self._at - self._end
            data = self._suffix[begin : begin + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _patched(self, data: bytes) -> bytes:
        """Return bytes read at the present position with the patches that overlap them."""
        begin, end = self._at, self._at + len(data)
        for offset, patch in self._patches.items():
            low, high = max(begin, offset), min(end, offset + len(patch))
            if low < high:
                inside = patch[low - offset : high - offset]
                data = data[: low - begin] + inside + data[high - begin :]
        return data
