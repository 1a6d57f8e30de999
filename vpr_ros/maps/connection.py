# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens SQLite files, never changes them by reading, and explains their errors."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpr_ros.errors import (
    MapAccessError,
    MapDamagedError,
    MapError,
    MapInUseError,
    MapMissingError,
    MapSpaceError,
)
from vpr_ros.maps.side_files import real_path, require_plain, unfinished

if TYPE_CHECKING:
    from collections.abc import Iterator

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""Errors of the module sqlite3; the second where a damaged file garbles the message."""
CLOSED = 'is closed'
"""What a map says that is used after its end."""

_LOG = logging.getLogger(__name__)
_BUSY_SECONDS = 10.0
_CACHE_KIB = 65536
"""Pages that SQLite keeps, for maps whose descriptors are read for each query."""
_LOG_BYTES = 8 << 20
"""Size of the write-ahead log at which SQLite moves it into the file."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into a MapError that names the file and the remedy."""
    try:
        yield
    except MapError as error:
        if str(error).startswith(f'{path}: '):
            raise
        msg = f'{path}: {error}'
        raise type(error)(msg) from error
    except SQLITE_ERRORS as error:
        kind, reason = _reason(error)
        msg = f'{path}: {reason} (SQLite: {error})'
        raise kind(msg) from error


_REASONS: dict[int, tuple[type[MapError], str]] = {
    5: (MapInUseError, 'is busy: another process holds it locked'),
    6: (MapInUseError, 'is busy: another process holds it locked'),
    8: (MapAccessError, 'cannot be written: the file or its folder is read-only'),
    10: (MapSpaceError, 'the disk failed or is full; nothing was written'),
    11: (MapDamagedError, 'is damaged; restore a copy'),
    13: (MapSpaceError, 'the disk is full; nothing was written, the map is as it was'),
    14: (MapAccessError, 'cannot be opened: check that it is readable'),
    26: (MapDamagedError, 'is not a place map, or its header is damaged'),
}
"""Primary result codes of SQLite (https://sqlite.org/rescode.html) and their meaning."""

_READONLY, _CANTOPEN = 8, 14

_TEXTS = {
    'database is locked': 5,
    'database table is locked': 6,
    'attempt to write a readonly database': 8,
    'disk I/O error': 10,
    'database disk image is malformed': 11,
    'database or disk is full': 13,
    'unable to open database file': 14,
    'file is not a database': 26,
}
"""The fixed texts of these codes (`sqlite3_errstr`), for Python 3.10, which hides the codes."""


def _code(error: BaseException) -> int | None:
    """Return the primary result code of an error, None if SQLite gave none."""
    code = getattr(error, 'sqlite_errorcode', None)
    return _TEXTS.get(str(error)) if code is None else code & 0xFF


def _reason(error: BaseException) -> tuple[type[MapError], str]:
    if isinstance(error, sqlite3.ProgrammingError):
        return MapError, CLOSED
    if isinstance(error, UnicodeDecodeError):
        return MapDamagedError, 'is damaged; restore a copy'
    return _REASONS.get(_code(error) or 0, (MapDamagedError, 'is damaged or cannot be used'))


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def require_file(path: Path) -> None:
    """Refuse a path without a file.

    Raises:
        MapMissingError: There is none.
    """
    if not path.is_file():
        msg = f'{path}: there is no such file'
        raise MapMissingError(msg)


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a map, already known to be one, for durable writes that readers can follow.

    What a killed writer left in its log is moved into the file, where no reader hinders.
    """
    require_plain(path)
    connection = _connect(f'{path.absolute().as_uri()}?mode=rw')
    connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = FULL')
    connection.execute(f'PRAGMA cache_size = -{_CACHE_KIB}')
    (size,) = connection.execute('PRAGMA page_size').fetchone()
    connection.execute(f'PRAGMA wal_autocheckpoint = {_LOG_BYTES // size}')
    if unfinished(path):
        empty_log(connection)
    return connection


def empty_log(connection: sqlite3.Connection) -> bool:
    """Move the whole log into the file; return False where a reader hinders."""
    (hindered, _, _) = connection.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()
    return not hindered


def open_alone(path: Path) -> sqlite3.Connection:
    """Open a file as it is without its log, at a moment when nobody writes to it."""
    return _connect(f'{path.absolute().as_uri()}?immutable=1')


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a map without ever changing it; also while another process writes it.

    From a folder that cannot be written SQLite can read a map whose writer closed it, and one
    whose writer lives or was killed, as long as the `-shm` file lies beside the `-wal`. What is
    left (a log without `-shm`, an interrupted journal) is read from a temporary copy, in which
    SQLite may finish what the writer began.
    """
    require_plain(path)
    connection = _connect(f'{path.absolute().as_uri()}?mode=ro')
    try:
        # Reads the schema, and so is the first to fail.
        connection.execute(f'PRAGMA cache_size = -{_CACHE_KIB}')
        connection.execute('SELECT count(*) FROM sqlite_master').fetchone()
        _require_whole_pages(connection, path)
    except BaseException as error:
        connection.close()
        if _code(error) not in (_READONLY, _CANTOPEN):
            raise
    else:
        return connection
    left = unfinished(path)
    if not left:
        # Nothing but the file itself, in a folder where SQLite may not put its index of the log.
        return open_alone(path)
    _LOG.warning('%s was not closed, and is read from a temporary copy', path)
    folder = tempfile.TemporaryDirectory(prefix='vpr-map-')
    try:
        copy = Path(folder.name) / real_path(path).name
        shutil.copyfile(path, copy)
        for file in left:
            shutil.copyfile(file, copy.with_name(file.name))
        return _connect(f'{copy.as_uri()}?mode=rw', partial(_ConnectionToCopy, folder))
    except OSError as error:
        folder.cleanup()
        msg = f'{path}: cannot be copied to a temporary folder: {error.strerror}'
        raise MapError(msg) from error


class _ConnectionToCopy(sqlite3.Connection):
    """A connection to a temporary copy, which is removed when the connection is closed."""

    def __init__(
        self, folder: tempfile.TemporaryDirectory[str], *args: Any, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        self._folder = folder

    def close(self) -> None:
        super().close()
        self._folder.cleanup()


def _require_whole_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that ends within a page, which SQLite would fill up with zeros.

    Raises:
        MapError: It does, and there is no log with the rest.
    """
    (size,) = connection.execute('PRAGMA page_size').fetchone()
    if path.stat().st_size % size and not unfinished(path):
        msg = f'{path}: is damaged: the end of the file is missing'
        raise MapDamagedError(msg)


def _connect(uri: str, factory: Any = sqlite3.Connection) -> sqlite3.Connection:
    # The map serialises its use of the connection itself.
    connection: sqlite3.Connection = sqlite3.connect(
        uri,
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=factory,
    )
    try:
        connection.execute('PRAGMA trusted_schema = OFF')
        connection.execute('PRAGMA cell_size_check = ON')
    except sqlite3.Error:
        connection.close()
        raise
    return connection
