# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens SQLite files, never changes them by reading, locks them and explains their errors."""

from __future__ import annotations

import fcntl
import logging
import os
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

if TYPE_CHECKING:
    from collections.abc import Iterator

SQLITE_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""Errors of the module sqlite3; the second where a damaged file garbles the message."""

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
        return MapError, 'is closed'
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


def logs_beside(path: Path) -> list[Path]:
    """Return the logs of SQLite that lie beside a map."""
    logs = (path.with_name(path.name + end) for end in ('-wal', '-journal'))
    return [log for log in logs if log.exists()]


def open_to_write(path: Path) -> sqlite3.Connection:
    """Open a map, already known to be one, for durable writes that readers can follow."""
    connection = _connect(f'{path.absolute().as_uri()}?mode=rw')
    connection.execute('PRAGMA journal_mode = WAL')
    connection.execute('PRAGMA synchronous = FULL')
    connection.execute(f'PRAGMA cache_size = -{_CACHE_KIB}')
    (size,) = connection.execute('PRAGMA page_size').fetchone()
    connection.execute(f'PRAGMA wal_autocheckpoint = {_LOG_BYTES // size}')
    return connection


def close_after_writing(connection: sqlite3.Connection) -> None:
    """Gather everything in one file that can be read from a read-only disk, where possible.

    Where another process is reading, the log stays beside the map until the next writer closes.
    """
    try:
        connection.execute('PRAGMA busy_timeout = 0')
        connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        connection.execute('PRAGMA journal_mode = DELETE')
    except sqlite3.Error as error:
        _LOG.debug('the log stays beside the map: %s', error)
    connection.close()


def open_to_read(path: Path) -> sqlite3.Connection:
    """Open a map without ever changing it; also while another process writes it.

    From a folder that cannot be written SQLite can read a map whose writer closed it, and one
    whose writer lives or was killed, as long as the `-shm` file lies beside the `-wal`. What is
    left (a log without `-shm`, an interrupted journal) is read from a temporary copy, in which
    SQLite may finish what the writer began.
    """
    uri = path.absolute().as_uri()
    connection = _connect(f'{uri}?mode=ro')
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
    left = _unfinished(path)
    if not left:
        # Nothing but the file itself, in a folder where SQLite may not put its index of the log.
        return _connect(f'{uri}?immutable=1')
    _LOG.warning('%s was not closed and its folder is read-only: reading a copy', path)
    folder = tempfile.TemporaryDirectory(prefix='vpr-map-')
    try:
        for file in (path, *left):
            shutil.copyfile(file, Path(folder.name) / file.name)
        copy = (Path(folder.name) / path.name).as_uri()
        return _connect(f'{copy}?mode=rw', partial(_ConnectionToCopy, folder))
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


def _unfinished(path: Path) -> list[Path]:
    """Return the logs beside a map that hold something."""
    return [log for log in logs_beside(path) if log.stat().st_size]


def _require_whole_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that ends within a page, which SQLite would fill up with zeros.

    Raises:
        MapError: It does, and there is no log with the rest.
    """
    (size,) = connection.execute('PRAGMA page_size').fetchone()
    if path.stat().st_size % size and not _unfinished(path):
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


class WriterLock:
    """Exclusive right to write a map, held through the file `MAP-lock` beside it.

    A lock on the map itself is not possible: closing any descriptor of an SQLite file drops the
    locks that SQLite holds on it in the same process.

    Raises:
        MapInUseError: Another process, or another map object of this one, is the writer.
        MapAccessError: The folder cannot be written.
    """

    def __init__(self, map_path: Path) -> None:
        self._path = map_path.with_name(map_path.name + '-lock')
        self._descriptor = self._acquire(map_path)

    def _acquire(self, map_path: Path) -> int:
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            except OSError as error:
                msg = f'cannot write {map_path}: {error.strerror} ({self._path.parent})'
                raise MapAccessError(msg) from error
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(os.fstat(descriptor), os.stat(self._path)):  # noqa: PTH116
                    os.truncate(descriptor, 0)
                    os.write(descriptor, str(os.getpid()).encode())
                    return descriptor
            except BlockingIOError as error:
                holder = os.pread(descriptor, 20, 0).decode(errors='replace')
                os.close(descriptor)
                msg = (
                    f'{map_path} is being written by process {holder}; a map has one writer at a '
                    'time: stop that process, or open the map read-only'
                )
                raise MapInUseError(msg) from error
            except FileNotFoundError:
                pass  # The last holder removed the file between our opening and locking it.
            except OSError as error:
                os.close(descriptor)
                msg = f'cannot lock {map_path} for writing: {error.strerror}'
                raise MapAccessError(msg) from error
            os.close(descriptor)

    def release(self) -> None:
        """Let another process write."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1
