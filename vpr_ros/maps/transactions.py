# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Transactions on a place map: they nest, and touch the file with their first statement."""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import (
    MapAccessError,
    MapDamagedError,
    MapError,
    MapInUseError,
    MapSpaceError,
)
from vpr_ros.maps import columns as cols
from vpr_ros.maps.connection import CLOSED, empty_log, explained, open_to_write, require_file
from vpr_ros.maps.log_frames import first_page_is_of
from vpr_ros.maps.log_witness import read_state, state_alone
from vpr_ros.maps.meta import read_version, write_meta
from vpr_ros.maps.reader import MEMORY_BUDGET, OVERWRITTEN, PlaceMap
from vpr_ros.maps.side_files import beside, unfinished
from vpr_ros.maps.snapshot import cache_for, load
from vpr_ros.maps.watched_file import WatchedFile
from vpr_ros.maps.writer_lock import Acknowledged, WriterLock, lock_if_free

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from vpr_ros.maps.log_witness import FileState
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import ModelInfo


_LOG = logging.getLogger(__name__)


class TransactionalMap(PlaceMap):
    """A place map with the exclusive right to write its file.

    The file is opened to be read, and opened to be written by the first statement that changes
    it. An operation that makes its checks before its first statement leaves the file as it was
    when it refuses.
    """

    def __init__(
        self, path: Path, model: ModelInfo | None, memory_budget: int, lock: WriterLock
    ) -> None:
        self._lock: WriterLock | None = lock
        self._reading: sqlite3.Connection | None = None
        self._log = ''
        self._log_file = WatchedFile(beside(path, '-wal'))
        self._depth = 0
        self._begun = 0
        self._undone = False
        self._pending: Snapshot | None = None
        self._alone: FileState | None = None
        super().__init__(path, model, memory_budget)
        if self._snapshot.meta.log:
            # The writer before was killed, perhaps before it noted its last write.
            self._note_write(lock)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        model: ModelInfo | None = None,
        memory_budget: int = MEMORY_BUDGET,
    ) -> Self:
        """Open a map to change it, and check every place of it.

        Args:
            path: The file; no other process may be writing it.
            model: The model of the places to come, to be sure that it also made the map.
            memory_budget: Bytes of float descriptors to keep in memory at most.

        Raises:
            MapError: The file is missing, damaged, foreign, newer, made with another model,
                read-only, or being written by another process; it is left as it was.
        """
        path = Path(path)
        require_file(path)
        return cls._open_locked(path, model, memory_budget, WriterLock(path))

    @classmethod
    def _open_locked(
        cls, path: Path, model: ModelInfo | None, memory_budget: int, lock: WriterLock
    ) -> Self:
        try:
            with explained(path):
                if not os.access(path, os.W_OK):
                    msg = 'cannot be written: the file or its folder is read-only'
                    raise MapAccessError(msg)  # noqa: TRY301
                if path.stat().st_nlink > 1:
                    msg = (
                        'cannot be written: the file has a second name (a hard link), by which '
                        'its log would not be found; copy it'
                    )
                    raise MapAccessError(msg)  # noqa: TRY301
                return cls(path, model, memory_budget, lock)
        except BaseException:
            lock.release()
            raise

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit everything written in the body at once, or undo all of it if the body raises.

        Transactions nest: one that is inside another is undone alone when it raises, and is
        committed with the outer one. `snapshot` and all that reads it show the committed map.

        Raises:
            MapError: The map is closed, displaced, or cannot be written.
        """
        with self._mutex, explained(self._path):
            self._require_place()
            # An interrupt may have come after a commit, before it was noted here.
            if self._pending is None and read_version(self._connection) != self.version:
                self._snapshot = load(self._connection, self._budget)
            before = self._now
            self._pending = before
            self._depth += 1
            try:
                yield
                self._end_level()
            except BaseException as error:
                self._undo_level(before)
                if isinstance(error, OverflowError):
                    msg = f'a number that was to be stored does not fit in 64 bits ({error})'
                    raise MapError(msg) from error
                if isinstance(error, UnicodeEncodeError):
                    msg = f'a text that was to be stored is not valid Unicode ({error})'
                    raise MapError(msg) from error
                raise
            finally:
                self._depth -= 1
                if not self._depth:
                    self._pending, self._undone = None, False

    @property
    def _now(self) -> Snapshot:
        """The map including the uncommitted writes of the open transaction."""
        return self._snapshot if self._pending is None else self._pending

    def _database(self) -> sqlite3.Connection:
        """Return the connection to write with; all checks must have been made before.

        Every open transaction begins in the file with this, not earlier.
        """
        if self._undone:
            msg = 'the disk is full; the transaction was undone'
            raise MapSpaceError(msg)
        if self._reading is None:
            self._begin_log(open_to_write(self._path))
        while self._begun < self._depth:
            begin = f'SAVEPOINT level{self._begun}' if self._begun else 'BEGIN IMMEDIATE'
            self._connection.execute(begin)
            self._begun += 1
        return self._connection

    def _begin_log(self, connection: sqlite3.Connection) -> None:
        """Write with a connection from now on, to a log of its own name if it begins one."""
        now = read_state(connection)
        if now is not None and not unfinished(self._path):
            self._log = f'{now.mark}.{secrets.token_hex(8)}'
        else:
            self._log = self._snapshot.meta.log
        self._file.note()
        self._log_file.note()
        self._alone = state_alone(self._path)
        # As long as it is open, SQLite does not move the log into a file that it has no part in.
        self._reading, self._connection = self._connection, connection
        self._reading.execute('SELECT count(*) FROM sqlite_master').fetchone()
        self._reading.execute('PRAGMA shrink_memory')

    def _store(
        self,
        new: Snapshot,
        added: cols.Columns | None = None,
        packed: NDArray[np.uint8] | None = None,
    ) -> None:
        """Write the metadata, and append places to the columns if any are given.

        Their packed descriptors (n, bytes) are kept in memory where they are given and fit the
        budget.
        """
        database = self._database()
        meta = replace(new.meta, version=new.meta.version + 1, log=self._log)
        write_meta(database, meta)
        columns, cache = new.columns, new.cache
        if added is not None:
            columns = new.growing.append(columns, added)
            cache = cache_for(len(columns), meta.packing.row_bytes, self._budget, new)
            if cache is not None and packed is not None:
                cache.fill(slice(len(new), len(columns)), packed)
        self._pending = replace(new, meta=meta, columns=columns, cache=cache)

    def _end_level(self) -> None:
        if self._undone:
            msg = 'the disk is full; the transaction was undone'
            raise MapSpaceError(msg)
        if self._begun == self._depth:
            if self._depth == 1:
                self._connection.execute('COMMIT')
                self._acknowledge()
            else:
                self._connection.execute(f'RELEASE level{self._depth - 1}')
            self._begun -= 1
        if self._depth == 1 and self._pending is not None:
            self._snapshot = self._pending

    def _undo_level(self, before: Snapshot) -> None:
        if self._begun == self._depth:
            if not self._connection.in_transaction:
                # A full disk makes SQLite roll back by itself, the outer transactions too.
                self._undone, self._begun = True, 0
            elif self._depth == 1:
                self._connection.execute('ROLLBACK')
                self._begun = 0
            else:
                self._connection.execute(f'ROLLBACK TO level{self._depth - 1}')
                self._connection.execute(f'RELEASE level{self._depth - 1}')
                self._begun -= 1
        if self._pending is not None and self._pending.columns is not before.columns:
            # The places undone may still be in memory that the two share.
            cache = before.cache and cache_for(
                len(before), before.meta.packing.row_bytes, self._budget, None
            )
            before = replace(before, growing=cols.Growing(before.columns), cache=cache)
        if self._depth == 1:
            self._snapshot = before
        else:
            self._pending = before

    def _acknowledge(self) -> None:
        """Note that what was committed is on the disk."""
        if self._lock is None:
            return
        self._log_file.note()
        first = self._lock.acknowledged is None
        self._note_write(self._lock)
        if first:
            # So that the file alone tells that there is a log.
            try:
                self._connection.execute('PRAGMA wal_checkpoint(PASSIVE)')
            except sqlite3.Error as error:
                _LOG.debug('%s: the first write stays in the log: %s', self._path, error)

    def _note_write(self, lock: WriterLock) -> None:
        meta = self._now.meta
        lock.acknowledge(Acknowledged(meta.id, meta.log, meta.version, meta.places))

    @property
    def overwritten(self) -> bool:
        """Whether anything else was written over the file: once it has a log, any other state."""
        with self._mutex:
            if self._reading is None:
                return super().overwritten
            if self._file.displaced or not self._file.touched:
                return False
            if self._holds_another_state(self._path):
                return True
            # SQLite moved a part of the log into the file, or it was only touched.
            self._file.note()
            return False

    def _holds_another_state(self, path: Path) -> bool:
        log, before, found = beside(self._path, '-wal'), self._alone, state_alone(path)
        moved_here = (
            found is not None
            and before is not None
            and (found.id, found.log) == (before.id, self._log)
            and found.version >= before.version
        )
        full = found is None and first_page_is_of(log, path)
        if found != before and not moved_here and not full:
            return True
        self._alone = found or before
        return False

    @contextmanager
    def _written_elsewhere(self, lock: WriterLock) -> Iterator[str]:
        """Tell how others write the file that was moved; if empty, nobody does in the body."""
        there = self._file.new_name
        if there is None or lock.covers(there):
            yield ''
            return
        with lock_if_free(there) as free:
            ours = free and not unfinished(there) and not self._holds_another_state(there)
            yield '' if ours else f'the file was moved to {there}, and others write to it'

    def _require_place(self) -> None:
        if self._lock is None:
            raise MapError(CLOSED)
        if not self._lock.in_place:
            # Somebody removed it; unless another writer has come since, there is a new one.
            lost, self._lock = self._lock, WriterLock(self._path)
            self._lock.acknowledge(lost.acknowledged)
            lost.release()
        # Writes to a file that has lost its name are lost with it.
        if self._file.displaced:
            msg = 'the file was removed or replaced since it was opened: bring it back, or reopen'
            raise MapInUseError(msg)
        if self._reading is not None and self._log_file.shortened:
            # SQLite would take the zeros that are there now for pages.
            msg = 'another process cut off its log, or moved that into the file: open it again'
            raise MapDamagedError(msg)
        if self.overwritten:
            raise MapInUseError(OVERWRITTEN)
        if self._reading is None and self._file.touched:
            self._snapshot = self._read_again()

    def refresh(self) -> bool:
        """Return False: the writer has seen everything that was committed.

        Raises:
            MapError: The map is closed.
        """
        if self._lock is None:
            msg = f'{self._path}: is closed'
            raise MapError(msg)
        return False

    def close(self) -> None:
        """Leave the file complete and free for others; the object is of no use afterwards."""
        with self._mutex:
            if self._lock is None:
                return
            if self._reading is None:
                self._connection.close()
            elif self._log_file.shortened:
                # The last one to close may not write, or it would move the log into the file.
                self._connection.close()
                self._reading.close()
            elif self.overwritten:
                self._abandon(self._reading, 'another map was written over the file')
            else:
                with self._written_elsewhere(self._lock) as written:
                    if written:
                        self._abandon(self._reading, written)
                    else:
                        self._reading.close()
                        if self._complete():
                            self._lock.acknowledge(None)
                        self._connection.close()
            self._lock.release()
            self._lock = None

    def _complete(self) -> bool:
        """Gather everything in one file that can be read from a read-only disk, where possible.

        Where another process is reading just now, the log stays beside the map until the next
        writer closes.
        """
        connection, complete = self._connection, False
        try:
            connection.execute('PRAGMA busy_timeout = 0')
            if not empty_log(connection):
                return False
            if self._log:
                connection.execute('BEGIN IMMEDIATE')
                write_meta(connection, replace(self._snapshot.meta, log=''))
                connection.execute('COMMIT')
            complete = empty_log(connection)
            connection.execute('PRAGMA journal_mode = DELETE')
        except sqlite3.Error as error:
            _LOG.debug('%s: the log stays beside the map: %s', self._path, error)
        return complete

    def _abandon(self, reading: sqlite3.Connection, why: str) -> None:
        """Leave a file that others wrote as it is, and put the log aside."""
        self._connection.close()
        log = beside(self._path, '-wal')
        aside = log.with_name(f'{log.name}-overwritten')
        try:
            log.rename(aside)
            beside(self._path, '-shm').unlink(missing_ok=True)
        except OSError as error:
            _LOG.debug('%s stays: %s', log, error)
        reading.close()
        if self._lock is not None:
            self._lock.acknowledge(None)
        text = '%s: %s while it was being written; what was added last is kept as %s'
        _LOG.warning(text, self._path, why, aside)
