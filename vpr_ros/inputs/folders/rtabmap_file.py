# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the database of RTAB-Map as what it is: a file that anybody may have written."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError, reason_of
from vpr_ros.inputs.folders.image_files import FolderError
from vpr_ros.inputs.folders.rtabmap_blobs import Version, optimised_poses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.geometry import Pose

_log = logging.getLogger(__name__)

_TABLES = ('Admin', 'Data', 'Link', 'Node')
_KEYED = ('Data', 'Node')
_LOGS = ('-journal', '-wal')
_MOST_NODES = 10_000_000
_MOST_BYTES = 256 * 2**20
"""Of one value: a picture, or all optimised poses."""
_SMALL = 2**16
"""Bytes of a pose, a fix or a calibration."""
# Only blobs are read, and none that is larger than it can be.
_NODES = """
SELECT n.id, n.map_id, n.weight, n.stamp,
    CASE WHEN typeof(n.pose) = 'blob' AND length(n.pose) <= :most THEN n.pose END,
    CASE WHEN typeof(n.gps) = 'blob' AND length(n.gps) <= :most THEN n.gps END,
    CASE WHEN typeof(d.image) = 'blob' THEN length(d.image) ELSE 0 END,
    CASE WHEN typeof(d.calibration) = 'blob' AND length(d.calibration) <= :most
        THEN d.calibration END
FROM Node n LEFT JOIN Data d ON d.id = n.id ORDER BY n.id
"""
_GRAPH = """
SELECT CASE WHEN typeof(opt_ids) = 'blob' AND length(opt_ids) <= :most THEN opt_ids END,
    CASE WHEN typeof(opt_poses) = 'blob' AND length(opt_poses) <= :most THEN opt_poses END
FROM Admin
"""
_PICTURE = """
SELECT CASE WHEN typeof(image) = 'blob' AND length(image) <= :most THEN image END
FROM Data WHERE id = :id
"""


@dataclass(frozen=True)
class Node:
    """A row of the tables Node and Data, as it is in the file.

    Attributes:
        id: Identity.
        session: Number of the session.
        weight: -9: merged into another; -1: intermediate.
        stamp: Seconds.
        pose: By odometry, in the frame of the session.
        gps: Measured position.
        picture: Bytes of the picture, 0 where there is none.
        calibration: Of its cameras.
    """

    id: int
    session: int
    weight: int
    stamp: object
    pose: object
    gps: object
    picture: int
    calibration: object


class RtabmapFile:
    """A database of RTAB-Map, open for reading.

    Raises:
        FolderError: It is none, cannot be read, or its layout is not known.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        if not path.is_file():
            msg = f'{path} is no file: an RTAB-Map database is one, often rtabmap.db'
            raise FolderError(msg)
        with self._explained():
            self._db = sqlite3.connect(f'{self._source().absolute().as_uri()}?mode=ro', uri=True)
            self._db.execute('PRAGMA query_only = ON')
            self._db.execute('PRAGMA trusted_schema = OFF')
            self._columns = {table: self._columns_of(table) for table in _TABLES}
            self.version = self._read_version()

    def nodes(self) -> list[Node]:
        """Return all nodes in order of identity.

        Raises:
            FolderError: They cannot be read.
        """
        query = _NODES if 'gps' in self._columns['Node'] else _NODES.replace('n.gps', 'NULL')
        with self._explained():
            rows = self._db.execute(query, {'most': _SMALL}).fetchmany(_MOST_NODES + 1)
            if len(rows) > _MOST_NODES:
                msg = f'{self.path} has more than {_MOST_NODES} nodes'
                raise FolderError(msg)
            for row in rows:
                if not all(isinstance(value, int) for value in row[:3]):
                    msg = f'{self.path} is damaged: node {row[0]!r:.40} has no session or weight'
                    raise FolderError(msg)
            return [Node(*row) for row in rows]

    def optimised(self, nodes: int) -> dict[int, Pose]:
        """Return the poses of the optimised graph by node; empty where there is none.

        Raises:
            FolderError: They are damaged.
        """
        if not self.version.has_graph or not {'opt_ids', 'opt_poses'} <= self._columns['Admin']:
            return {}
        with self._explained():
            row = self._db.execute(_GRAPH, {'most': _MOST_BYTES}).fetchone()
            if row is None or not all(isinstance(value, bytes) and value for value in row):
                return {}
            ids, poses = row
            return optimised_poses(ids, poses, nodes)

    def picture(self, node: int) -> bytes:
        """Return the encoded picture of a node.

        Raises:
            ImageError: There is none, or it is too large.
            FolderError: The file cannot be read.
        """
        with self._explained():
            row = self._db.execute(_PICTURE, {'most': _MOST_BYTES, 'id': node}).fetchone()
        if row is None or not isinstance(row[0], bytes):
            msg = f'it is not there, or larger than {_MOST_BYTES} bytes'
            raise ImageError(msg)
        return row[0]

    def _source(self) -> Path:
        """Return the file to open: a copy where a recorder that was killed left a log.

        Only SQLite can bring such a file in order, and it has to write for that.
        """
        logs = [log for kind in _LOGS if (log := Path(f'{self.path}{kind}')).is_file()]
        if not any(log.stat().st_size for log in logs):
            return self.path
        self._copy = tempfile.TemporaryDirectory(prefix='vpr_rtabmap_')
        for file in (self.path, *logs):
            shutil.copyfile(file, Path(self._copy.name) / file.name)
        copy = Path(self._copy.name) / self.path.name
        db = sqlite3.connect(copy)
        try:
            db.execute('SELECT count(*) FROM sqlite_master').fetchone()
            db.execute('PRAGMA journal_mode = DELETE').fetchone()
        finally:
            db.close()
        return copy

    def _columns_of(self, table: str) -> set[str]:
        """Return the columns of a table, and refuse what only looks like one."""
        found = self._db.execute(
            'SELECT type, sql FROM sqlite_master WHERE name = ?', (table,)
        ).fetchone()
        if found is None:
            msg = f'{self.path} is no database of RTAB-Map: it has no table {table}'
            raise FolderError(msg)
        kind, sql = found
        columns = self._db.execute(f'PRAGMA table_xinfo({table})').fetchall()
        computed = any(column[6] for column in columns)
        # Else a small file could have endless pairs of a node and its data.
        keyed = table not in _KEYED or [c[1] for c in columns if c[5]] == ['id']
        if kind != 'table' or computed or not keyed or str(sql).split()[1:2] != ['TABLE']:
            msg = f'{self.path} is no database of RTAB-Map: {table} is no ordinary table'
            raise FolderError(msg)
        names = {str(column[1]) for column in columns}
        if missing := _NEEDED[table] - names:
            msg = f'{self.path}: the table {table} has no column {", ".join(sorted(missing))}'
            raise FolderError(msg)
        return names

    def _read_version(self) -> Version:
        row = self._db.execute('SELECT version FROM Admin').fetchone()
        version = Version.parse(row[0] if row else None)
        if not version.readable:
            msg = f'{self.path} was made by RTAB-Map {row[0]}, whose layout is not read: 0.11.2 is'
            raise FolderError(msg)
        if not version.known:
            _log.warning('%s was made by RTAB-Map %s, newer than known here', self.path, row[0])
        return version

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and damaged values raise into a FolderError."""
        try:
            yield
        except (sqlite3.Error, ValueError, OverflowError, OSError) as error:
            used = '; a program has it open: close that first' * ('locked' in str(error))
            msg = f'{self.path} cannot be read as a database of RTAB-Map: {reason_of(error)}{used}'
            raise FolderError(msg) from error


_NEEDED: dict[str, set[str]] = {
    'Admin': {'version'},
    'Data': {'id', 'image', 'calibration'},
    'Link': {'from_id', 'to_id', 'type', 'transform'},
    'Node': {'id', 'map_id', 'weight', 'stamp', 'pose'},
}
