# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks the structure and all checksums of a map."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError, shown
from vpr_ros.maps import descriptors
from vpr_ros.maps import file_format as schema
from vpr_ros.maps.connection import SQLITE_ERRORS
from vpr_ros.maps.log_witness import read_doubted, read_state
from vpr_ros.maps.snapshot import load, reading

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
        connection, _, doubt = read_doubted(path, read_state)
    except (MapError, *SQLITE_ERRORS) as error:
        return [f'cannot be opened: {error}']
    with closing(connection):
        return [doubt] * bool(doubt) + problems_of(connection)


def problems_of(connection: sqlite3.Connection) -> list[str]:
    """Return the problems of an open map: structure, places, then descriptors."""
    problems: list[str] = []
    try:
        with reading(connection):
            found = [row[0] for row in connection.execute('PRAGMA quick_check')]
            problems += [str(line) for line in found if line != 'ok']
            snapshot = load(connection, 0)
            for start in range(0, len(snapshot), _CHUNK):
                rows = slice(start, start + _CHUNK)
                problems += _descriptor_problems(connection, snapshot, rows)
            (stored,) = connection.execute('SELECT count(*) FROM descriptors').fetchone()
            if stored > len(snapshot):
                problems.append(f'{stored - len(snapshot)} descriptors belong to no place')
            problems += _projection_problems(connection, snapshot)
            problems += schema.thumbnail_problems(connection)
    except (MapError, *SQLITE_ERRORS) as error:
        problems.append(str(error))
    return problems


def _projection_problems(connection: sqlite3.Connection, snapshot: Snapshot) -> list[str]:
    used = {snapshot.meta.coder, snapshot.meta.reducer}
    stored = {key for (key,) in connection.execute('SELECT id FROM coder')}
    return [f'the projection {shown(key)} is of no use here' for key in stored - used]


def _descriptor_problems(
    connection: sqlite3.Connection, snapshot: Snapshot, rows: slice
) -> list[str]:
    part = snapshot.columns.take(rows)
    try:
        descriptors.read(connection, part.ids, part.descriptor_crcs, snapshot.meta.packing)
    except MapError as error:
        if len(part) == 1:
            return [str(error)]
        one_by_one = [
            _descriptor_problems(connection, snapshot, slice(row, row + 1))
            for row in range(rows.start, rows.start + len(part))
        ]
        return [problem for found in one_by_one for problem in found]
    return []
