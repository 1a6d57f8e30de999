# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Float descriptors of a map: in memory while they fit a budget, else read for each query."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.maps.columns import widen

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

_VARIABLES = 500
"""Places asked for in one statement; SQLite allows at least 999."""


class MissingDescriptorError(MapError):
    """A descriptor is not in the file: deleted since, or lost."""


def pack(descriptor: NDArray[np.float16]) -> bytes:
    """Return the bytes that are stored."""
    return descriptor.astype('<f2').tobytes()


def checksum(place: int, data: bytes) -> int:
    """Return the CRC-32 that binds a stored descriptor to its place."""
    return zlib.crc32(data, place & 0xFFFFFFFF)


def read(
    connection: sqlite3.Connection, ids: NDArray[np.int64], crcs: NDArray[np.int64], dim: int
) -> NDArray[np.float32]:
    """Read the descriptors (n, dim) of places, in the order asked for, checking each.

    Raises:
        MissingDescriptorError: One is not there.
        MapError: One is damaged.
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
            raise MissingDescriptorError(msg)
        if not isinstance(data, bytes) or len(data) != 2 * dim or checksum(place, data) != crc:
            msg = f'is damaged: the checksum of the descriptor of place {place} does not match'
            raise MapError(msg)
        parts.append(data)
    return widen(np.frombuffer(b''.join(parts), '<f2').reshape(-1, dim))


class DescriptorCache:
    """Descriptors by row of the map, filled as they are used.

    Attributes:
        values: (capacity, D) float32; rows that were never filled hold nothing of meaning.

    Args:
        rows: Rows to begin with, at most `most`.
        dim: Length D of the descriptors.
        most: Rows there may ever be.
    """

    def __init__(self, rows: int, dim: int, most: int) -> None:
        self._most = most
        capacity = min(max(2 * rows, 1024), most)
        # Memory that is never touched is never taken from the system.
        self.values = np.empty((capacity, dim), np.float32)
        self._filled = np.zeros(capacity, np.bool_)

    def grow(self, rows: int) -> None:
        """Make room for this many rows."""
        if rows <= len(self._filled):
            return
        old_values, old_filled = self.values, self._filled
        capacity = min(2 * rows, self._most)
        self._filled = np.zeros(capacity, np.bool_)
        self._filled[: len(old_filled)] = old_filled
        values = np.empty((capacity, old_values.shape[1]), np.float32)
        filled = np.flatnonzero(old_filled)
        values[filled] = old_values[filled]
        self.values = values

    def missing(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return those of the rows that are not filled."""
        return rows[~self._filled[rows]]

    def fill(self, rows: NDArray[np.intp] | slice, values: NDArray[np.float32]) -> None:
        """Put descriptors into rows."""
        self.values[rows] = values
        self._filled[rows] = True
