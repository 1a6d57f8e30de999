# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Descriptors of a map: packed into bytes, the same in the file and in memory.

In memory they are kept while they fit a budget; else they are read for each query.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.maps.columns import widen

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray

_CHUNK = 256
_MOST_NORM = 2.0
_VARIABLES = 500
"""Places asked for in one statement; SQLite allows at least 999."""


FLOAT16 = 'float16'
INT8 = 'int8'
STORAGES = (FLOAT16, INT8)


class DescriptorError(MapError):
    """A descriptor in the file differs from the snapshot: changed since, or damaged."""


@dataclass(frozen=True)
class Packing:
    """How a descriptor becomes bytes.

    Attributes:
        storage: `float16`: two bytes an element. `int8`: one byte an element, which is 128 and
            the element in steps of 1/127 of the largest magnitude; that step follows as float32.
        dim: Number of elements.
    """

    storage: str
    dim: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a packed descriptor."""
        return 2 * self.dim if self.storage == FLOAT16 else self.dim + 4

    def pack(self, vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return packed descriptors (n, row_bytes) of descriptors (n, dim)."""
        if self.storage == FLOAT16:
            return np.ascontiguousarray(vectors, '<f2').view(np.uint8)
        steps = (np.abs(vectors).max(axis=1, keepdims=True) / np.float32(127)).astype('<f4')
        rows = np.empty((len(vectors), self.row_bytes), np.uint8)
        rows[:, : self.dim] = np.rint(vectors / np.where(steps > 0, steps, 1)) + np.float32(128)
        rows[:, self.dim :] = steps.view(np.uint8)
        return rows

    def unpack(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return descriptors (n, dim), rounded as they are stored."""
        if self.storage == FLOAT16:
            return widen(np.ascontiguousarray(rows).view('<f2'))
        levels = rows[:, : self.dim].astype(np.float32) - np.float32(128)
        levels *= self.steps(rows, slice(None))[:, None]
        return levels

    def steps(
        self, packed: NDArray[np.uint8], rows: NDArray[np.intp] | slice
    ) -> NDArray[np.float32]:
        """Return the scale (n,) of the int8 descriptors of some rows."""
        return np.ascontiguousarray(packed[rows, self.dim :]).view('<f4')[:, 0]


def checksum(place: int, data: bytes) -> int:
    """Return the CRC-32 that binds a stored descriptor to its place."""
    return zlib.crc32(data, place & 0xFFFFFFFF)


def checksums(places: NDArray[np.int64], packed: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the checksums (n,) of packed descriptors (n, bytes)."""
    pairs = zip(places.tolist(), packed, strict=True)
    return np.array([checksum(key, row.tobytes()) for key, row in pairs], np.int64)


def read(
    connection: sqlite3.Connection,
    ids: NDArray[np.int64],
    crcs: NDArray[np.int64],
    packing: Packing,
) -> NDArray[np.uint8]:
    """Read the packed descriptors (n, row_bytes) of places in the order asked for, checking each.

    Raises:
        DescriptorError: One is missing, has the wrong shape or values, or is far from unit norm.
    """
    found: dict[int, bytes] = {}
    wanted = ids.tolist()
    for start in range(0, len(wanted), _VARIABLES):
        part = wanted[start : start + _VARIABLES]
        marks = ', '.join('?' * len(part))
        # Only question marks are put into the text.
        query = f'SELECT place, data FROM descriptors WHERE place IN ({marks})'  # noqa: S608
        found.update(connection.execute(query, part))
    parts = []
    for place, crc in zip(wanted, crcs.tolist(), strict=True):
        data = found.get(place)
        if data is None:
            msg = f'the descriptor of place {place} is missing'
            raise DescriptorError(msg)
        whole = isinstance(data, bytes) and len(data) == packing.row_bytes
        if not whole or checksum(place, data) != crc:
            msg = f'is damaged: the checksum of the descriptor of place {place} does not match'
            raise DescriptorError(msg)
        parts.append(data)
    rows = np.frombuffer(b''.join(parts), np.uint8).reshape(-1, packing.row_bytes)
    if fault := fault_of(rows, packing, wanted):
        msg = f'is damaged: {fault}'
        raise DescriptorError(msg)
    return rows


def fault_of(rows: NDArray[np.uint8], packing: Packing, places: Sequence[int]) -> str:
    """Return in words the first of packed descriptors (n, bytes) that is none; empty: all are."""
    for start in range(0, len(rows), _CHUNK):
        with np.errstate(over='ignore', invalid='ignore'):
            norms = np.linalg.norm(packing.unpack(rows[start : start + _CHUNK]), axis=1)
        # Rounding to int8 may lengthen a descriptor somewhat; NaN is not within the bound.
        wrong = np.flatnonzero(~(norms <= _MOST_NORM))
        if len(wrong):
            place, norm = places[start + wrong[0]], norms[wrong[0]]
            return f'the descriptor of place {place} has norm {norm:.6g}'
    return ''


class DescriptorCache:
    """Packed descriptors by row of the map, filled as they are used.

    Attributes:
        values: (capacity, row_bytes) uint8; rows that were never filled hold nothing of meaning.

    Args:
        rows: Rows to begin with, at most `most`.
        row_bytes: Of a packed descriptor.
        most: Rows there may ever be.
    """

    def __init__(self, rows: int, row_bytes: int, most: int) -> None:
        self._most = most
        capacity = min(max(2 * rows, 1024), most)
        # Memory that is never touched is never taken from the system.
        self.values = np.empty((capacity, row_bytes), np.uint8)
        self._filled = np.zeros(capacity, np.bool_)

    def grow(self, rows: int) -> None:
        """Make room for this many rows."""
        if rows <= len(self._filled):
            return
        old_values, old_filled = self.values, self._filled
        capacity = min(2 * rows, self._most)
        self._filled = np.zeros(capacity, np.bool_)
        self._filled[: len(old_filled)] = old_filled
        values = np.empty((capacity, old_values.shape[1]), np.uint8)
        filled = np.flatnonzero(old_filled)
        values[filled] = old_values[filled]
        self.values = values

    def missing(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return those of the rows that are not filled."""
        filled = self._filled[rows]
        return rows[:0] if filled.all() else rows[~filled]

    def fill(self, rows: NDArray[np.intp] | slice, values: NDArray[np.uint8]) -> None:
        """Put packed descriptors into rows."""
        self.values[rows] = values
        self._filled[rows] = True
