# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map on the server: what its sessions have in common, which there are, and their places."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from vpr_ros.errors import FleetContentsError, FleetError, VprError
from vpr_ros.fleet.place_rows import (
    FETCHED,
    MOST_PLACES,
    NUMBER_BITS,
    columns_of,
    descriptor_layout,
    packed_of,
)
from vpr_ros.geometry.pose import are_poses
from vpr_ros.maps import Camera, Snapshot
from vpr_ros.maps.coder import fitted_of
from vpr_ros.maps.columns import Growing, empty
from vpr_ros.maps.descriptors import fault_of
from vpr_ros.maps.meta import Meta
from vpr_ros.parsing import parse

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection
    from datetime import datetime

    from numpy.typing import NDArray
    from psycopg import Connection
    from typing_extensions import LiteralString

    from vpr_ros.fleet.window_conditions import Condition
    from vpr_ros.maps.columns import Columns

_RULES = (
    'id', 'created', 'created_by', 'model', 'frame_id', 'datum', 'code_bits', 'coder', 'storage',
    'reducer', 'reduced_dim',
)  # fmt: skip
"""Metadata that all sessions of a map share."""
_POSE = 7
"""Numbers of a mount: a position and a quaternion."""
_SESSIONS: LiteralString = (
    'SELECT s.key, s.uid::text, s.owner, v.number AS version, s.version AS newest, s.deleted, '
    'v.name, v.started, v.frame, v.places, v.digest, v.pushed_by, '
    # Of a robot with another clock, or none; Python has no dates beyond.
    "greatest('0002-01-01', least('9998-12-31', v.pushed_at)) AS pushed_at "
    'FROM sessions s JOIN versions v ON v.session = s.key WHERE s.map = ANY (%s) '
)


@dataclass(frozen=True)
class FleetSession:
    """One version of a session on the server.

    Attributes:
        key: Identity on the server.
        uid: Identity everywhere (UUID).
        owner: Role that may change it.
        version: Number of the version, from 1.
        newest: Number of the newest version.
        deleted: Whether the newest version is that there is none.
        name: Given by its maker.
        started: Nanoseconds.
        frame: See `vpr_ros.maps.Session`.
        places: Number of places.
        digest: Tells versions apart.
        pushed_by: Role that pushed this version.
        pushed_at: When.
    """

    key: int
    uid: str
    owner: str
    version: int
    newest: int
    deleted: bool
    name: str
    started: int
    frame: str
    places: int
    digest: uuid.UUID
    pushed_by: str
    pushed_at: datetime


class FleetMap:
    """Sessions of many robots, all of one model, in one frame, under one coder.

    What is common to them comes from the map that was pushed first. Only what was published is
    seen. One thread uses it at a time.

    Args:
        connection: To the server, from `connected`.
        name: Of the map.

    Attributes:
        connection: The connection.
        name: Of the map.
        ids: Identity on the server, or on each of the servers that share the map.
        rules: The data common to all places, the cameras, and the sessions as last read; no
            places.

    Raises:
        FleetError: There is no such map, or it makes no sense.
    """

    def __init__(self, connection: Connection, name: str) -> None:
        self.connection = connection
        self.name = name
        found = connection.execute(
            'SELECT id, rules FROM maps WHERE name = %s ORDER BY id', [name]
        ).fetchall()
        if not found:
            msg = f'there is no map {name!r} on this server: the first push makes it'
            raise FleetError(msg)
        self.ids: list[int] = [row[0] for row in found]
        try:
            self.rules = self._rules(found[0][1])
        except (KeyError, TypeError, ValueError, VprError) as error:
            msg = f'the rules of map {name!r} on the server make no sense: {error}'
            raise FleetError(msg) from error
        self.refresh()

    @classmethod
    def made_like(cls, connection: Connection, name: str, snapshot: Snapshot) -> FleetMap:
        """Return the map of a name, made with the rules of another where there is none yet."""
        if not name:
            msg = 'a map on the server needs a name'
            raise FleetError(msg)
        meta = dataclasses.asdict(snapshot.meta)
        rules = Jsonb({key: meta[key] for key in _RULES})
        with connection.transaction():
            made = connection.execute(
                'INSERT INTO maps (name, rules) SELECT %(name)s, %(rules)s '
                'WHERE NOT EXISTS (SELECT FROM maps WHERE name = %(name)s) '
                'ON CONFLICT (name) DO NOTHING RETURNING id',
                {'name': name, 'rules': rules},
            ).fetchone()
            if made is not None:
                for fitted in (snapshot.coder, snapshot.reducer):
                    if fitted is not None:
                        arrays = fitted.mean, fitted.projection
                        connection.execute(
                            'INSERT INTO projections VALUES (%s, %s, %s, %s)',
                            [made[0], fitted.id, *(a.astype('<f4').tobytes() for a in arrays)],
                        )
        return cls(connection, name)

    def refresh(self) -> bool:
        """See which sessions and cameras there are now; return whether anything is new."""
        known = self.rules.names, self.rules.meta, self.rules.cameras
        self._listed = self.sessions()
        cameras = self.cameras()
        mounts = {str(k): list(c.mount) for k, c in cameras.items() if c.mount is not None}
        meta = replace(self.rules.meta, mounts=mounts)
        self.rules = _holding(replace(self.rules, meta=meta, cameras=cameras), self._listed)
        return known != (self.rules.names, self.rules.meta, cameras)

    def rules_without(self, uid: str) -> Snapshot:
        """Return `rules` as they are without a session, in whose place a new version comes."""
        return _holding(self.rules, [each for each in self._listed if each.uid != uid])

    def frame_of(self, uid: str) -> str:
        """Return the frame of a session as last read, see `vpr_ros.maps.Session`."""
        return next((each.frame for each in self._listed if each.uid == uid), '')

    def sessions(self, *, former: bool = False) -> list[FleetSession]:
        """Return the sessions that can be seen, in order of their keys.

        Args:
            former: Whether former versions are wanted, too, and what was deleted.
        """
        current: LiteralString = 'AND v.number = s.version AND NOT s.deleted '
        return self._sessions('' if former else current)

    def changed_since(self, moment: str) -> list[FleetSession]:
        """Return the sessions that transactions from a number on changed, and deleted."""
        condition: LiteralString = 'AND v.number = s.version AND s.changed >= %s::text::xid8 '
        return self._sessions(condition, moment)

    def session(self, uid: str, version: int | None = None) -> FleetSession | None:
        """Return a session, also a deleted one, or one version; None where there is none.

        Args:
            uid: Its UUID.
            version: Number of the version, None for the newest.
        """
        condition: LiteralString = 'AND s.uid = %s AND v.number = coalesce(%s, s.version) '
        found = self._sessions(condition, uid, version)
        return found[0] if found else None

    def cameras(self) -> dict[int, Camera]:
        """Return each camera by its identity on the server, but for those mounted nowhere."""
        rows = self.connection.execute(
            'SELECT id, name, mount FROM cameras WHERE map = ANY (%s) ORDER BY id', [self.ids]
        )
        return {
            key: Camera(name, mount and tuple(mount))
            for key, name, mount in rows
            if mount is None or _is_pose(mount)
        }

    def places(self, session: FleetSession, condition: Condition | None = None) -> Columns:
        """Return the places of a session, without descriptors, by their numbers.

        Args:
            session: One version of it.
            condition: Which are wanted, None for all.
        """
        # Only names of columns are put into the text.
        wanted: LiteralString = f'SELECT {FETCHED} FROM '  # noqa: S608
        if session.version != session.newest or session.deleted:
            wanted += 'former_places WHERE version = %(version)s AND session = %(session)s'
        else:
            wanted += 'places WHERE session = %(session)s'
        values = {'version': session.version, 'session': session.key}
        if condition is not None:
            wanted += f' AND {condition.text}'
            values.update(condition.values)
        with self.connection.cursor(binary=True) as cursor:
            return self.columns_of(cursor.execute(f'{wanted} ORDER BY number', values).fetchall())

    def columns_of(self, rows: list[tuple[Any, ...]]) -> Columns:
        """Return rows that were selected as places.

        Raises:
            FleetContentsError: They make no sense.
        """
        try:
            columns = columns_of(rows, self.rules.meta.code_bits // 8)
            fault = columns.fault
        except (TypeError, ValueError) as error:
            fault = str(error)
        if fault:
            msg = f'places of map {self.name!r} on the server make no sense: {fault}'
            raise FleetContentsError(msg)
        return columns

    def image_keys(self, session: int) -> dict[int, bytes]:
        """Return the key of each image of a session by its number, unfinished pushes included."""
        with self.connection.cursor(binary=True) as cursor:
            cursor.execute('SELECT number, key FROM descriptors WHERE session = %s', [session])
            return {number: key.bytes for number, key in cursor}

    def packed_descriptors(self, session: int, numbers: Collection[int]) -> NDArray[np.uint8]:
        """Return the packed descriptors (n, bytes) of places of a session, numbers ascending.

        Raises:
            FleetContentsError: One is missing, or makes no sense.
        """
        packing = self.rules.meta.packing
        query = (
            'COPY (SELECT session, number, step, key, data FROM descriptors WHERE session = %s '
            'AND number = ANY (%s) ORDER BY number) TO STDOUT (FORMAT binary)'
        )
        with self.connection.cursor().copy(query, [session, list(numbers)]) as copy:
            rows = descriptor_layout(packing).decode(b''.join(map(bytes, copy)))
        if len(rows) != len(numbers):
            msg = f'{len(numbers) - len(rows)} descriptors of map {self.name!r} are missing'
            raise FleetContentsError(msg)
        packed = packed_of(rows, packing)
        if fault := fault_of(packed, packing, rows['number'].tolist()):
            msg = f'descriptors of map {self.name!r} on the server make no sense: {fault}'
            raise FleetContentsError(msg)
        return packed

    def thumbnails(self, session: int, numbers: Collection[int]) -> dict[int, bytes]:
        """Return the JPEGs of places of a session by their numbers."""
        with self.connection.cursor(binary=True) as cursor:
            cursor.execute(
                'SELECT number, jpeg FROM thumbnails WHERE session = %s AND number = ANY (%s)',
                [session, list(numbers)],
            )
            return dict(cursor.fetchall())

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the small JPEG of a place, None where there is none."""
        session, number = place_id >> NUMBER_BITS, place_id & (MOST_PLACES - 1)
        return self.thumbnails(session, [number]).get(number)

    # Inside

    def _sessions(self, condition: LiteralString, *values: object) -> list[FleetSession]:
        order: LiteralString = 'ORDER BY s.key, v.number'
        with self.connection.cursor(row_factory=class_row(FleetSession)) as cursor:
            return cursor.execute(_SESSIONS + condition + order, [self.ids, *values]).fetchall()

    def _rules(self, rules: dict[str, Any]) -> Snapshot:
        meta = parse(Meta, {key: rules[key] for key in _RULES})
        if meta.fault:
            raise ValueError(meta.fault)
        coder, reducer = fitted_of(meta, self._projection)
        columns = empty(meta.code_bits // 8)
        return Snapshot(meta, {}, {}, coder, reducer, Growing(columns), columns, None)

    def _projection(self, key: str) -> Any:
        return self.connection.execute(
            'SELECT mean, projection FROM projections WHERE map = %s AND id = %s',
            [self.ids[0], key],
        ).fetchone()


def _holding(rules: Snapshot, sessions: Collection[FleetSession]) -> Snapshot:
    """Return rules with what they say of sessions."""
    meta = replace(
        rules.meta,
        places=sum(each.places for each in sessions),
        frames={str(each.key): each.frame for each in sessions if each.frame},
    )
    names = {each.key: (each.name, each.started, each.uid) for each in sessions}
    return replace(rules, meta=meta, names=names)


def _is_pose(mount: list[Any]) -> bool:
    """Whether an array of the server, which may hold anything, is a pose."""
    flat = len(mount) == _POSE and all(isinstance(each, float) for each in mount)
    return flat and bool(are_poses(np.array([mount])).all())
