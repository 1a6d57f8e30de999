# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens the databases of rosbag2, also those whose recorder was killed."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING

from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader

from vpr_ros.inputs.bags.storage import Storage, reasons
from vpr_ros.inputs.bags.unpacking import TemporaryFolder

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)
MAGIC = b'SQLite format 3\0'
_JOURNALS = ('-wal', '-journal')


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
        return _open(path, path, None)
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


def _open(file: Path, path: Path, folder: TemporaryFolder | None) -> Storage:
    with reasons(path):
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
