# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The file format: tables, identity of the file, metadata and checksums.

Every value a user could lose is covered by a CRC-32: places (which bind the CRC of their
descriptor), sessions, cameras, the coder and `meta`; `meta` also binds the number of places and
the sum of their checksums, so that lost rows are noticed as well as changed ones.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from vpr_ros.errors import MapAccessError, MapDamagedError, MapError, MapInUseError, MapNewerError
from vpr_ros.maps.descriptors import checksum
from vpr_ros.maps.meta import write_meta
from vpr_ros.maps.side_files import logs_beside, real_path, remove_all

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vpr_ros.maps.meta import Meta

APPLICATION_ID = 0x5650524D
"""'VPRM' in the SQLite header."""
FORMAT = 3
"""Raised when older software could no longer read the file correctly.

1: without mounts. 2: `meta` has mounts of cameras. 3: `meta` has frames of sessions. A map is
written in the oldest format that can say all that it holds.
"""

_META = 'CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID'
_SESSIONS = (
    'CREATE TABLE sessions (id INTEGER PRIMARY KEY, name TEXT NOT NULL, '
    'started INTEGER NOT NULL, uid TEXT NOT NULL, crc INTEGER NOT NULL)'
)
_CAMERAS = (
    'CREATE TABLE cameras (id INTEGER PRIMARY KEY, name TEXT NOT NULL, crc INTEGER NOT NULL)'
)
_PLACES = (
    'CREATE TABLE places (id INTEGER PRIMARY KEY, session INTEGER NOT NULL, '
    'camera INTEGER NOT NULL, stamp INTEGER NOT NULL, distance REAL, x REAL, y REAL, z REAL, '
    'qx REAL, qy REAL, qz REAL, qw REAL, latitude REAL, longitude REAL, altitude REAL, '
    'covariance BLOB, code BLOB, descriptor_crc INTEGER NOT NULL, crc INTEGER NOT NULL)'
)
_DESCRIPTORS = 'CREATE TABLE descriptors (place INTEGER PRIMARY KEY, data BLOB NOT NULL)'
_CODER = (
    'CREATE TABLE coder (id TEXT PRIMARY KEY, mean BLOB NOT NULL, projection BLOB NOT NULL) '
    'WITHOUT ROWID'
)
TABLES = (_META, _SESSIONS, _CAMERAS, _PLACES, _DESCRIPTORS, _CODER)
THUMBNAILS = (
    'CREATE TABLE thumbnails (place INTEGER PRIMARY KEY, data BLOB NOT NULL, crc INTEGER NOT NULL)'
)
"""Only in maps that keep thumbnails; made with the first of them."""


def check_identity(connection: sqlite3.Connection) -> None:
    """Refuse a file that is no map, or a map this version cannot read.

    Raises:
        MapError: With the reason, without the name of the file.
    """
    (application,) = connection.execute('PRAGMA application_id').fetchone()
    (version,) = connection.execute('PRAGMA user_version').fetchone()
    if application != APPLICATION_ID:
        msg = 'is not a place map (another kind of SQLite file, or an empty one)'
        raise MapDamagedError(msg)
    if version > FORMAT:
        msg = (
            f'was written in format {version} by a newer version of vpr_ros; this one reads up '
            f'to format {FORMAT}: upgrade vpr_ros'
        )
        raise MapNewerError(msg)
    if version < 1:
        msg = f'is damaged: it claims format {version}, which never existed'
        raise MapDamagedError(msg)
    # A map holds these tables and nothing else: no triggers or views that a stranger added.
    found = {sql for (sql,) in connection.execute('SELECT sql FROM sqlite_master') if sql}
    if found - {THUMBNAILS} != set(TABLES):
        msg = 'is damaged or was altered: its tables are not those of a place map'
        raise MapDamagedError(msg)


def page_size(descriptor_bytes: int) -> int:
    """Return the SQLite page size that wastes least on descriptors of this size.

    Small pages are preferred where they cost at most 3 % more, for they are cheaper to log.
    """
    sizes = (4096, 8192, 16384, 32768, 65536)
    costs = {size: _bytes_per_row(size, descriptor_bytes + 5) for size in sizes}
    enough = 1.03 * min(costs.values())
    return next(size for size in sizes if costs[size] <= enough)


def _bytes_per_row(size: int, payload: int) -> float:
    """File bytes of one row in a table b-tree leaf (SQLite file format, section 1.6)."""
    cell = 9  # Lengths and pointer.
    if payload <= size - 35:
        return size / ((size - 8) // (payload + cell))
    least = (size - 12) * 32 // 255 - 23
    local = least + (payload - least) % (size - 4)
    if local > size - 35:
        local = least
    overflow_pages = -(-(payload - local) // (size - 4))
    return size / ((size - 8) // (local + cell + 4)) + overflow_pages * size


def create_file(path: Path, meta: Meta) -> None:
    """Make the file of an empty map, whole or not at all.

    The caller holds the writer's lock and found nothing at the path.

    Raises:
        sqlite3.Error, OSError: The folder cannot be written.
    """
    path = real_path(path)
    draft = path.with_name(path.name + '-new')
    remove_all(draft)
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute(f'PRAGMA page_size = {page_size(meta.packing.row_bytes)}')
            # A draft that is not finished is thrown away.
            connection.execute('PRAGMA journal_mode = OFF')
            connection.execute('BEGIN')
            connection.execute(f'PRAGMA application_id = {APPLICATION_ID}')
            for statement in TABLES:
                connection.execute(statement)
            write_meta(connection, meta)
            connection.execute('COMMIT')
        put_in_place(draft, path)
    finally:
        remove_all(draft)


def put_in_place(draft: Path, path: Path) -> None:
    """Give a finished file its name, durably.

    Raises:
        MapError: The log of another map lies there, which SQLite would mix with this one; or the
            links of the name, followed already, end in a circle.
        OSError: The folder cannot be written.
    """
    if path.is_symlink():
        msg = 'its links lead in a circle: remove them'
        raise MapAccessError(msg)
    for log in logs_beside(path):
        msg = (
            f'{log} belongs to a map that is gone and holds the last places of it: bring that map '
            'back, or move the log away'
        )
        raise MapInUseError(msg)
    draft.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def store_thumbnails(
    connection: sqlite3.Connection, pictures: Sequence[tuple[int, bytes]]
) -> None:
    """Insert JPEGs by place; the caller holds the transaction."""
    if not pictures:
        return
    if not _has_thumbnails(connection):
        connection.execute(THUMBNAILS)
    connection.executemany(
        'INSERT INTO thumbnails VALUES (?, ?, ?)',
        [(place, jpeg, checksum(place, jpeg)) for place, jpeg in pictures],
    )


def read_thumbnail(connection: sqlite3.Connection, place: int) -> bytes | None:
    """Return the JPEG of a place, None where there is none.

    Raises:
        MapError: It is damaged.
    """
    if not _has_thumbnails(connection):
        return None
    query = 'SELECT data, crc FROM thumbnails WHERE place = ?'
    row = connection.execute(query, (place,)).fetchone()
    if row is None:
        return None
    if damage := _thumbnail_damage(place, *row):
        raise MapError(damage)
    return bytes(row[0])


def delete_thumbnails(connection: sqlite3.Connection, places: Sequence[tuple[int]]) -> None:
    """Delete the pictures of places; the caller holds the transaction."""
    if _has_thumbnails(connection):
        connection.executemany('DELETE FROM thumbnails WHERE place = ?', places)


def thumbnail_problems(connection: sqlite3.Connection) -> list[str]:
    """Return the problems of the thumbnails."""
    if not _has_thumbnails(connection):
        return []
    rows = connection.execute('SELECT place, data, crc FROM thumbnails')
    found = [damage for row in rows if (damage := _thumbnail_damage(*row))]
    query = 'SELECT count(*) FROM thumbnails WHERE place NOT IN (SELECT id FROM places)'
    (orphans,) = connection.execute(query).fetchone()
    if orphans:
        found.append(f'{orphans} thumbnails belong to no place')
    return found


def _has_thumbnails(connection: sqlite3.Connection) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE name = 'thumbnails'"
    return connection.execute(query).fetchone() is not None


def _thumbnail_damage(place: int, data: object, crc: object) -> str:
    if isinstance(data, bytes) and checksum(place, data) == crc:
        return ''
    return f'is damaged: the checksum of the thumbnail of place {place} does not match'
