# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tells whether the log beside a map is the map's, and whether it still has all that it had.

SQLite applies any log that has the right name, also that of another map or of an older state, and
takes one that is damaged for one that ends before the damage. So the file without its log, the
file with its log, and what the writer was told are compared before anything is believed or
written.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from vpr_ros.errors import MapDamagedError
from vpr_ros.maps.connection import SQLITE_ERRORS, explained, open_alone, open_to_read
from vpr_ros.maps.log_frames import transactions_after_damage
from vpr_ros.maps.meta import read_items
from vpr_ros.maps.side_files import beside, unfinished
from vpr_ros.maps.writer_lock import last_acknowledged

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.maps.writer_lock import Acknowledged

_LOG = logging.getLogger(__name__)
_PATIENCE = (0.02, 0.05)
"""Seconds to wait before asking again where a writer may have written between two looks."""
_REMEDY = '`vpr map recover` takes what can be read and keeps the rest aside'
_Read = TypeVar('_Read')


@dataclass(frozen=True)
class FileState:
    """Which map a file holds, and which of its states.

    Attributes:
        id: Of the map.
        version: Of the map.
        places: How many there are.
        log: Of its metadata, see `meta.Meta`.
        mark: Tells the state from others, those of other copies that were changed, too.
    """

    id: str
    version: int
    places: int
    log: str
    mark: str

    def follows(self, before: FileState) -> bool:
        """Tell whether this is what a file with its log holds, which holds another state alone."""
        continued = self.log == before.log or self.log.startswith(f'{before.mark}.')
        # The last that a writer does is to leave out the name of its log.
        closed = not self.log and self.version == before.version
        return self.id == before.id and self.version >= before.version and (continued or closed)


def read_state(connection: sqlite3.Connection) -> FileState | None:
    """Return which state of which map a connection shows; None where that cannot be read."""
    try:
        items, crc = read_items(connection)
        return FileState(
            id=items['id'].strip('"'),
            version=int(items['version']),
            places=int(items['places']),
            log=items.get('log', '').strip('"'),
            mark=f'{items["version"]}.{crc}',
        )
    # A process may have been killed while it wrote the page.
    except (MapDamagedError, *SQLITE_ERRORS, AttributeError, KeyError, TypeError, ValueError):
        return None


def state_alone(path: Path) -> FileState | None:
    """Return the state that a file holds without its log; None where that cannot be read."""
    try:
        with closing(open_alone(path)) as connection:
            return read_state(connection)
    except SQLITE_ERRORS:
        return None


@dataclass(frozen=True)
class LogWitness:
    """What is known of a map from other sources than the file with its log.

    Attributes:
        path: Of the map.
        acknowledged: The last write that the writer was told of, where that is known.
        logged: Whether a log lies beside the map that holds something.
        alone: State of the file without that.
    """

    path: Path
    acknowledged: Acknowledged | None
    logged: bool
    alone: FileState | None

    @classmethod
    def of(cls, path: Path) -> LogWitness:
        """Look at a map, before the file with its log is read."""
        acknowledged, logged = last_acknowledged(path), bool(unfinished(path))
        return cls(path, acknowledged, logged, state_alone(path) if logged else None)

    def fault(self, now: FileState) -> str:
        """Return what is wrong with the log; empty if nothing is.

        Args:
            now: State of the file with its log.
        """
        log = beside(self.path, '-wal')
        if self.alone is not None and not now.follows(self.alone):
            return (
                f'the log {log} beside it is of another map, or of another state of this one: '
                f'{_REMEDY}'
            )
        told = self.acknowledged
        if told is None or told.id != now.id:
            return self._fault_by_itself(log)
        if told.version <= now.version:
            return ''
        if told.log != now.log and not told.log.startswith(f'{now.mark}.'):
            return ''
        missing = (
            f'of {told.places} acknowledged places {now.places} can be read'
            if told.places > now.places
            else f'the last {told.version - now.version} acknowledged changes are missing'
        )
        return f'is damaged: {missing}, its log {log} was lost, cut off or altered: {_REMEDY}'

    def _fault_by_itself(self, log: Path) -> str:
        """Return what a log tells of its own damage, where nothing is known of its writer."""
        try:
            missing = transactions_after_damage(log) if self.logged else 0
        except OSError:
            return ''
        if not missing:
            return ''
        return (
            f'is damaged: its log {log} is altered within, so that at least {missing + 1} '
            f'acknowledged changes are missing: {_REMEDY}'
        )

    def doubt(self, now: FileState) -> str:
        """Return what may be missing though nothing is known to be; empty if nothing is."""
        told = self.acknowledged
        if not now.log or self.logged or (told is not None and told.log == now.log):
            return ''
        return 'was not closed, and its log was not copied along: the last places may be missing'


def read_checked(
    path: Path, read: Callable[[sqlite3.Connection], _Read]
) -> tuple[sqlite3.Connection, _Read]:
    """Open a map to be read and read from it, unless its log is not to be trusted.

    What may be missing is said in a warning.

    Args:
        path: The file, known to be there.
        read: Reads something of the open map.

    Returns:
        The connection, and what was read.

    Raises:
        MapError: The log is of another map or state, or was damaged; or what `read` raises.
    """
    connection, found, doubt = read_doubted(path, read)
    if doubt:
        _LOG.warning('%s %s', path, doubt)
    return connection, found


def read_doubted(
    path: Path, read: Callable[[sqlite3.Connection], _Read]
) -> tuple[sqlite3.Connection, _Read, str]:
    """Open and read a map as `read_checked`; return also what may be missing of it.

    A writer may begin or end its log between the look at what is beside the map and the reading,
    so that a fault or a doubt counts only if it is there again.
    """
    fault = ''
    waits = 0.0, *_PATIENCE
    for wait in waits:
        if wait:
            time.sleep(wait)
        witness = LogWitness.of(path)
        try:
            connection, found, now = _read(path, read)
        except MapDamagedError as error:
            if not witness.logged:
                raise
            fault = f'{error}; its log {beside(path, "-wal")} may not belong to it: {_REMEDY}'
            continue
        fault = witness.fault(now) if now is not None else ''
        doubt = witness.doubt(now) if now is not None else ''
        if not fault and (not doubt or wait == waits[-1]):
            return connection, found, doubt
        connection.close()
    raise MapDamagedError(fault)


def _read(
    path: Path, read: Callable[[sqlite3.Connection], _Read]
) -> tuple[sqlite3.Connection, _Read, FileState | None]:
    with explained(path):
        connection = open_to_read(path)
        try:
            return connection, read(connection), read_state(connection)
        except BaseException:
            connection.close()
            raise
