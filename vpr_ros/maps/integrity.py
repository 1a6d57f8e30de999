# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks the structure and all checksums of a map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError
from vpr_ros.maps import descriptors
from vpr_ros.maps import thumbnail_table as thumbnails
from vpr_ros.maps.connection import SQLITE_ERRORS, open_to_read
from vpr_ros.maps.snapshot import load

if TYPE_CHECKING:
    import os
    import sqlite3

    from vpr_ros.maps.snapshot import Snapshot

_CHUNK = 1024


def verify(path: str | os.PathLike[str]) -> list[str]:
    """Check a file that may not even open; return its problems, none if it is sound."""
    path = Path(path)
    if not path.is_file():
        return ['there is no such file']
    try:
        connection, copy = open_to_read(path)
    except (MapError, *SQLITE_ERRORS) as error:
        return [f'cannot be opened: {error}']
    try:
        return problems_of(connection)
    finally:
        connection.close()
        if copy is not None:
            copy.cleanup()


def problems_of(connection: sqlite3.Connection) -> list[str]:
    """Return the problems of an open map: structure, places, then descriptors."""
    problems: list[str] = []
    try:
        found = [row[0] for row in connection.execute('PRAGMA quick_check')]
        problems += [str(line) for line in found if line != 'ok']
        snapshot = load(connection, 0)
        problems += _descriptor_problems(connection, snapshot)
        problems += thumbnails.problems(connection)
    except (MapError, *SQLITE_ERRORS) as error:
        problems.append(str(error))
    return problems


def _descriptor_problems(connection: sqlite3.Connection, snapshot: Snapshot) -> list[str]:
    problems = []
    columns, row_bytes = snapshot.columns, snapshot.meta.packing.row_bytes
    for start in range(0, len(columns), _CHUNK):
        part = columns.take(slice(start, start + _CHUNK))
        try:
            descriptors.read(connection, part.ids, part.descriptor_crcs, row_bytes)
        except MapError:
            problems += _one_by_one(connection, snapshot, start)
    (stored,) = connection.execute('SELECT count(*) FROM descriptors').fetchone()
    if stored > len(columns):
        problems.append(f'{stored - len(columns)} descriptors belong to no place')
    return problems


def _one_by_one(connection: sqlite3.Connection, snapshot: Snapshot, start: int) -> list[str]:
    problems = []
    for row in range(start, min(start + _CHUNK, len(snapshot))):
        one = snapshot.columns.take(slice(row, row + 1))
        try:
            descriptors.read(
                connection, one.ids, one.descriptor_crcs, snapshot.meta.packing.row_bytes
            )
        except MapError as error:
            problems.append(str(error))
    return problems
