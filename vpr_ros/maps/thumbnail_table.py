# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small pictures of the places, for maps that were asked to keep them.

They serve geometric checks and people; a map without them, or one that lost them, still
recognises. Each is bound to its place by a CRC-32.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError
from vpr_ros.maps.file_format import THUMBNAILS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


def store(connection: sqlite3.Connection, pictures: Sequence[tuple[int, bytes]]) -> None:
    """Insert JPEGs by place; the caller holds the transaction."""
    if not pictures:
        return
    if not _present(connection):
        connection.execute(THUMBNAILS)
    connection.executemany(
        'INSERT INTO thumbnails VALUES (?, ?, ?)',
        [(place, jpeg, _checksum(place, jpeg)) for place, jpeg in pictures],
    )


def read(connection: sqlite3.Connection, place: int) -> bytes | None:
    """Return the JPEG of a place, None where there is none.

    Raises:
        MapError: It is damaged.
    """
    if not _present(connection):
        return None
    query = 'SELECT data, crc FROM thumbnails WHERE place = ?'
    row = connection.execute(query, (place,)).fetchone()
    if row is None:
        return None
    if not _intact(place, *row):
        raise MapError(_damage(place))
    return bytes(row[0])


def delete(connection: sqlite3.Connection, places: Sequence[tuple[int]]) -> None:
    """Delete the pictures of places; the caller holds the transaction."""
    if _present(connection):
        connection.executemany('DELETE FROM thumbnails WHERE place = ?', places)


def problems(connection: sqlite3.Connection) -> list[str]:
    """Return the problems of the thumbnails."""
    if not _present(connection):
        return []
    rows = connection.execute('SELECT place, data, crc FROM thumbnails')
    found = [_damage(place) for place, data, crc in rows if not _intact(place, data, crc)]
    query = 'SELECT count(*) FROM thumbnails WHERE place NOT IN (SELECT id FROM places)'
    (orphans,) = connection.execute(query).fetchone()
    if orphans:
        found.append(f'{orphans} thumbnails belong to no place')
    return found


def _present(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'thumbnails'"
    return connection.execute(query).fetchone() is not None


def _checksum(place: int, jpeg: bytes) -> int:
    return zlib.crc32(jpeg, place & 0xFFFFFFFF)


def _intact(place: int, data: object, crc: object) -> bool:
    return isinstance(data, bytes) and _checksum(place, data) == crc


def _damage(place: int) -> str:
    return f'is damaged: the checksum of the thumbnail of place {place} does not match'
