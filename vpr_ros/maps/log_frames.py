# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds transactions in a log that SQLite passes over because of damage before them.

SQLite reads a log up to the first frame whose checksum is wrong, which is right after a crash:
what follows was never finished. But a writer that waits for the disk after each transaction begins
none before the one before is safe. So where whole transactions follow a broken one, it was
acknowledged, and the disk or a copy has altered it since. The format is that of
https://sqlite.org/fileformat2.html#the_write_ahead_log.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_HEADER = struct.Struct('>8I')
_MAGIC = 0x377F0682
"""The last bit is set where checksums are of big-endian words."""
_HEAD_WORDS = 6
_FRAME_HEAD = 4 * _HEAD_WORDS
_FIRST = bytes([0, 0, 0, 1])
_PAGE_SIZES = frozenset(1 << bits for bits in range(9, 17))
_AT_ONCE = 64 << 20


def first_page_is_of(log: Path, path: Path) -> bool:
    """Return whether the first page of a file is one that its log holds; no if either is gone.

    SQLite moves pages in their order, so that this tells a move that a full disk cut off, after
    which the file makes no sense without its log, from another file.
    """
    with suppress(OSError), log.open('rb') as file, path.open('rb') as moved:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return False
        size = _HEADER.unpack(header)[2]
        if size not in _PAGE_SIZES:
            return False
        first = moved.read(size)
        while len(frame := file.read(_FRAME_HEAD + size)) == _FRAME_HEAD + size:
            if frame[:4] == _FIRST and frame[_FRAME_HEAD:] == first:
                return True
    return False


def transactions_after_damage(log: Path) -> int:
    """Return how many whole transactions stand in a log after one that is damaged.

    Raises:
        OSError: The log cannot be read.
    """
    with log.open('rb') as file:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return 0
        magic, _, page, _, *salt_and_sum = _HEADER.unpack(header)
        if magic & ~1 != _MAGIC or page not in _PAGE_SIZES:
            return 0
        order = '>' if magic & 1 else '<'
        salt, state = np.array(salt_and_sum[:2], '>u4'), np.array(salt_and_sum[2:], np.uint32)
        words = _HEAD_WORDS + page // 4
        damaged, commits = False, 0
        while True:
            raw = np.fromfile(file, '>u4', words * max(1, _AT_ONCE // (4 * words)))
            frames = raw[: len(raw) // words * words].reshape(-1, words)
            if not len(frames):
                return max(0, commits - 1)
            current = (frames[:, 2:4] == salt).all(axis=1)
            begins = np.vstack([state, frames[:-1, 4:6].astype(np.uint32)])
            sound = current & (_checksums(frames, begins, order) == frames[:, 4:6]).all(axis=1)
            state = frames[-1, 4:6].astype(np.uint32)
            if not damaged and sound.all():
                continue
            first = 0 if damaged else int(np.argmin(sound))
            damaged = True
            # The first of them ends the transaction that is broken.
            commits += int(np.count_nonzero(current[first:] & (frames[first:, 1] != 0)))


def _checksums(
    frames: NDArray[np.uint32], begins: NDArray[np.uint32], order: str
) -> NDArray[np.uint32]:
    """Return the checksums (n, 2) of frames, each after that of the frame before it (n, 2)."""
    content = np.hstack([frames[:, :2], frames[:, _HEAD_WORDS:]])
    content = np.ascontiguousarray(content, '>u4').view(f'{order}u4').T.astype(np.uint32)
    first, second = begins[:, 0].copy(), begins[:, 1].copy()
    for one, other in zip(content[::2], content[1::2], strict=True):
        first += one + second
        second += other + first
    return np.stack([first, second], axis=1)
