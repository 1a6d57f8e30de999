# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors of SQLite are told apart by their result codes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from vpr_ros.errors import MapAccessError, MapDamagedError, MapError, MapInUseError, MapSpaceError
from vpr_ros.maps.connection import explained


def caused_by(error):
    with pytest.raises(MapError) as caught, explained(Path('town.vprmap')):
        raise error
    return type(caught.value)


@pytest.mark.parametrize(
    ('code', 'text', 'kind'),
    [
        (5, 'database is locked', MapInUseError),
        (8, 'attempt to write a readonly database', MapAccessError),
        (10, 'disk I/O error', MapSpaceError),
        (11, 'database disk image is malformed', MapDamagedError),
        (13, 'database or disk is full', MapSpaceError),
        (14, 'unable to open database file', MapAccessError),
        (26, 'file is not a database', MapDamagedError),
    ],
)
def test_code_decides_and_the_fixed_text_where_python_hides_the_code(code, text, kind):
    error = sqlite3.OperationalError('in other words: full, locked, readonly, malformed')
    error.sqlite_errorcode = code | 3 << 8  # Extended codes keep the primary one below.
    assert caused_by(error) is kind
    assert caused_by(sqlite3.OperationalError(text)) is kind


def test_words_in_a_text_decide_nothing():
    assert caused_by(sqlite3.OperationalError('no such table: full')) is MapDamagedError
    assert caused_by(sqlite3.OperationalError('no such column: locked')) is MapDamagedError


def test_closed_connection_says_so():
    connection = sqlite3.connect(':memory:')
    connection.close()
    with pytest.raises(MapError, match='is closed'), explained(Path('town.vprmap')):
        connection.execute('SELECT 1')


def test_locked_file_is_busy(tmp_path):
    path = tmp_path / 'file'
    with closing(sqlite3.connect(path)) as holder, closing(sqlite3.connect(path, 0)) as other:
        holder.execute('BEGIN EXCLUSIVE')
        with pytest.raises(MapInUseError, match='busy'), explained(path):
            other.execute('BEGIN EXCLUSIVE')
