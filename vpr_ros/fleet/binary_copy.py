# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows of fixed width in the binary format of COPY, made and read whole by numpy.

The format: PostgreSQL documentation, COPY, "Binary Format". Numbers are big-endian; each field
follows its length, each row the number of its fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import FleetContentsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_HEADER = b'PGCOPY\n\xff\r\n\0' + bytes(8)
_TRAILER = b'\xff\xff'


class RowLayout:
    """The columns of rows, all of one width.

    Args:
        columns: The type of each column by its name, as it goes over the line.
    """

    def __init__(self, columns: Mapping[str, np.dtype[np.void] | str]) -> None:
        types = {name: np.dtype(kind) for name, kind in columns.items()}
        fields: list[tuple[str, np.dtype[np.generic]]] = [('fields of', np.dtype('>i2'))]
        for name, kind in types.items():
            fields += [(f'length of {name}', np.dtype('>i4')), (name, kind)]
        self.names = tuple(types)
        self.row = np.dtype(fields)
        self._widths = {f'length of {name}': kind.itemsize for name, kind in types.items()}

    def encode(self, columns: Mapping[str, NDArray[np.generic]], count: int) -> bytes:
        """Return rows as COPY FROM reads them.

        Args:
            columns: Values of each column (count,), or one for all rows.
            count: Number of rows.
        """
        rows = np.zeros(count, self.row)
        rows['fields of'] = len(self.names)
        for name, width in self._widths.items():
            rows[name] = width
        for name in self.names:
            rows[name] = columns[name]
        return _HEADER + rows.tobytes() + _TRAILER

    def decode(self, data: bytes) -> NDArray[np.void]:
        """Return the rows that COPY TO wrote, as a structured array.

        Raises:
            FleetContentsError: They are not of this layout.
        """
        body = memoryview(data)[len(_HEADER) : -len(_TRAILER)]
        if data[: len(_HEADER)] != _HEADER or len(body) % self.row.itemsize:
            raise FleetContentsError(_FOREIGN)
        rows: NDArray[np.void] = np.frombuffer(body, self.row)
        if (rows['fields of'] != len(self.names)).any() or any(
            (rows[name] != width).any() for name, width in self._widths.items()
        ):
            raise FleetContentsError(_FOREIGN)
        return rows


_FOREIGN = 'rows on the server are not of the form that the rules of their map say'


def half_vectors(dim: int) -> np.dtype[np.void]:
    """Return the type of vectors of half precision as pgvector sends them."""
    return np.dtype([('dim', '>i2'), ('unused', '>i2'), ('bits', '>u2', (dim,))])


def bit_strings(count: int) -> np.dtype[np.void]:
    """Return the type of texts of bits, a multiple of 8 of them."""
    return np.dtype([('bits', '>i4'), ('bytes', 'u1', (count // 8,))])
