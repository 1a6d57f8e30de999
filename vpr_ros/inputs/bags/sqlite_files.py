# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens the databases of rosbag2, also those whose recorder was killed."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING

from rosbags.rosbag2.errors import ReaderError
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags.storage import Storage, reasons
from vpr_ros.inputs.bags.unpacking import TemporaryFolder

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)
MAGIC = b'SQLite format 3\0'
_JOURNALS = ('-wal', '-journal')
_TABLES = ('topics', 'messages', 'schema', 'metadata', 'message_definitions')
"""What is read of a database, as far as it is there."""


def open_sqlite(path: Path) -> Storage:
    """Open a database; with what a killed recorder left beside it, as a copy.

    SQLite would move the messages of a ``-wal`` file into the database, or undo a half-written
    transaction by a ``-journal``, both of which change the user's file.

    Raises:
        BagError: It cannot be read.
    """
    journals = [path.with_name(path.name + end) for end in _JOURNALS]
    left = [journal for journal in journals if journal.is_file() and journal.stat().st_size]
    if not left:
        try:
            return _open(path, path, None)
        except BagError as error:
            if not isinstance(error.__cause__, sqlite3.DatabaseError | ReaderError):
                raise
            return _open_damaged(path, error)
    folder = TemporaryFolder()
    try:
        with reasons(path):
            copied = folder.copy(path)
            for journal in left:
                folder.copy(journal)
            with contextlib.closing(sqlite3.connect(copied)) as database:
                database.execute('PRAGMA journal_mode = DELETE').fetchall()
        storage = _open(copied, path, folder)
    except BaseException:
        folder.close()
        raise
    names = ' and '.join(journal.name for journal in left)
    _LOG.warning('%s was not closed: a copy is read, together with %s', path, names)
    return storage


def _open_damaged(path: Path, error: BagError) -> Storage:
    """Open what can be read of a database that was cut off or damaged, as a copy.

    Raises:
        BagError: No message can be read.
    """
    folder = TemporaryFolder()
    try:
        folder.require(path.stat().st_size, path)
        copied = folder.path / path.name
        try:
            with (
                contextlib.closing(_immutable(path)) as source,
                contextlib.closing(sqlite3.connect(copied)) as target,
            ):
                # Else SQLite reads nothing of a file with fewer pages than its first one says.
                source.execute('PRAGMA writable_schema = ON')
                _require_plain(source)
                count = _copy_rows(source, target)
        except (sqlite3.Error, ValueError):
            count = 0
        if not count:
            raise error  # noqa: TRY301
        storage = _open(copied, path, folder)
    except BaseException:
        folder.close()
        raise
    text = '%s is damaged or cut short: the %d messages before the damage are read'
    _LOG.warning(text, path, count)
    return storage


def _copy_rows(source: sqlite3.Connection, target: sqlite3.Connection) -> int:
    """Copy the tables of a recorder, each as far as it can be read; return the messages."""
    count = 0
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
    for name, statement in source.execute(query).fetchall():
        if name.lower() not in _TABLES:
            continue
        target.execute(statement)
        rows = source.execute(f'SELECT * FROM {name}')  # noqa: S608  one of our own names
        places = ', '.join('?' * len(rows.description))
        into = f'INSERT INTO {name} VALUES ({places})'  # noqa: S608
        with contextlib.suppress(sqlite3.DatabaseError):
            for row in rows:
                target.execute(into, row)
                count += name.lower() == 'messages'
    target.commit()
    return count


def _immutable(file: Path) -> sqlite3.Connection:
    """Open a database that is not written meanwhile, and never by us."""
    return sqlite3.connect(f'{file.absolute().as_uri()}?immutable=1', uri=True)


def _require_plain_tables(file: Path) -> None:
    """Refuse values that are computed as they are read, in any number and of any length.

    Raises:
        ValueError: A table is a view or virtual, or a column is generated.
        sqlite3.Error: It is no database.
    """
    with contextlib.closing(_immutable(file)) as db:
        _require_plain(db)


def _require_plain(db: sqlite3.Connection) -> None:
    query = 'SELECT lower(name), type, sql FROM sqlite_master'
    for name, kind, sql in db.execute(query).fetchall():
        if name not in _TABLES or kind == 'index':
            continue
        columns = db.execute('SELECT hidden FROM pragma_table_xinfo(?)', (name,)).fetchall()
        if kind != 'table' or 'VIRTUAL' in str(sql).upper() or any(h for (h,) in columns):
            msg = f'its table {name} does not hold what it shows, as that of a recorder does'
            raise ValueError(msg)


def _open(file: Path, path: Path, folder: TemporaryFolder | None) -> Storage:
    with reasons(path):
        _require_plain_tables(file)
        reader = Sqlite3Reader(file)
        reader.open()

    def close() -> None:
        reader.close()
        if folder is not None:
            folder.close()

    return Storage(
        path,
        list(reader.connections),
        reader.metadata.start_time,
        reader.metadata.end_time - 1,
        lambda wanted, start, stop: iter(reader.messages(wanted, start, stop)),
        close,
    )
