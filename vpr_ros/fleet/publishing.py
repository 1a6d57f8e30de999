# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishing versions of sessions: each is one transaction, and deletion is a version, too."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.errors import LockNotAvailable

from vpr_ros.errors import FleetBusyError, FleetError
from vpr_ros.fleet.fleet_map import FleetMap
from vpr_ros.fleet.place_rows import (
    NUMBERS,
    UNKNOWN_COVARIANCE,
    SessionLabel,
    place_layout,
    place_values,
)
from vpr_ros.maps.columns import Columns, empty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray
    from psycopg import Connection
    from typing_extensions import LiteralString

    from vpr_ros.fleet.binary_copy import RowLayout

_WAIT = '30s'
"""How long a push waits for another one of the same session."""

CHANNEL = 'vpr'
"""On which the server tells of sessions that changed."""
# COPY is not for tables with row security: rows come by a temporary one. NaN becomes NULL there.
_STAGE_PLACES: LiteralString = (
    'CREATE TEMPORARY TABLE IF NOT EXISTS staged_places (session bigint, stamp bigint, map int, '
    'number int, camera int, code bit varying, '
    + ', '.join(f'{name} float8' for name in NUMBERS)
    + ', covariance bytea) ON COMMIT DELETE ROWS'
)
# Only names of columns are put into the text.
_ADD_PLACES: LiteralString = (
    'INSERT INTO places SELECT session, stamp, map, number, camera, code, '  # noqa: S608
    + ', '.join(f"nullif({name}, 'NaN')" for name in NUMBERS)
    + ', nullif(covariance, %s) FROM staged_places'
)


def delete(connection: Connection, name: str, uid: str) -> int:
    """Delete a session, as a new version without places; return the number of that.

    Former versions can still be pulled.

    Raises:
        FleetError: There is no such session, or the role may not delete it.
    """
    require_own_tables(connection)
    fleet = FleetMap(connection, name)
    with alone(connection, uid):
        session = fleet.session(uid)
        if session is None or session.deleted:
            msg = f'map {name!r} has no session {uid}'
            raise FleetError(msg)
        if not may_change(connection, session.owner):
            msg = f'session {uid} belongs to {session.owner}, who alone may delete it'
            raise FleetError(msg)
        label = SessionLabel(session.name, session.started, session.frame)
        return publish(fleet, session.key, session.version, label, empty(0), bytes(16))


def publish(
    fleet: FleetMap,
    key: int,
    version: int,
    label: SessionLabel,
    columns: Columns,
    digest: bytes,
) -> int:
    """Make places (ids: their numbers) the newest version of a session; return its number."""
    connection, code_bits = fleet.connection, fleet.rules.meta.code_bits
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(
            'UPDATE sessions SET version = version + 1, deleted = %s, '
            'changed = pg_current_xact_id() WHERE key = %s AND version = %s',
            [not len(columns), key, version],
        )
        if cursor.rowcount != 1:
            msg = f'session {key} was changed meanwhile, or its owner is another: push again'
            raise FleetError(msg)
        if version:
            cursor.execute(
                'INSERT INTO former_places SELECT *, %s FROM places WHERE session = %s',
                [version, key],
            )
            cursor.execute('DELETE FROM places WHERE session = %s', [key])
        if len(columns):
            cursor.execute(_STAGE_PLACES)
            values = place_values(columns, fleet.ids[0], key)
            copy_in(connection, 'staged_places', place_layout(code_bits), values, len(columns))
            cursor.execute(_ADD_PLACES, [UNKNOWN_COVARIANCE])
        cursor.execute(
            'INSERT INTO versions (session, number, name, started, frame, places, digest) '
            'VALUES (%s, %s, %s, %s, %s, %s, %s)',
            [key, version + 1, *label, len(columns), uuid.UUID(bytes=digest)],
        )
        cursor.execute('SELECT pg_notify(%s, %s)', [CHANNEL, str(fleet.ids[0])])
    return version + 1


def copy_in(
    connection: Connection,
    table: str,
    layout: RowLayout,
    values: Mapping[str, NDArray[np.generic]],
    number: int,
) -> None:
    """Send rows to a table, which has no row security, by COPY in binary format."""
    query = sql.SQL('COPY {} ({}) FROM STDIN (FORMAT binary)').format(
        sql.Identifier(table), sql.SQL(', ').join(map(sql.Identifier, layout.names))
    )
    with connection.cursor().copy(query) as copy:
        copy.write(layout.encode(values, number))


@contextmanager
def alone(connection: Connection, uid: str) -> Iterator[None]:
    """Keep other pushes of a session out, which end with their connections.

    Raises:
        FleetBusyError: One goes on, and does not end.
    """
    key = lock_key(uid)
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [_WAIT])
    try:
        connection.execute('SELECT pg_advisory_lock(%s)', [key])
    except LockNotAvailable as error:
        msg = f'it is being pushed by another connection, which did not end within {_WAIT}'
        raise FleetBusyError(msg) from error
    try:
        yield
    finally:
        if not connection.closed and not connection.broken:
            connection.execute('SELECT pg_advisory_unlock(%s)', [key])


def lock_key(uid: str) -> int:
    """Return the key of the advisory lock that who changes a session holds."""
    return int.from_bytes(uuid.UUID(uid).bytes[:8], 'big', signed=True)


def require_own_tables(connection: Connection) -> None:
    """Refuse to change anything by way of a server that answers for others.

    Raises:
        FleetError: It does.
    """
    query = (
        'SELECT FROM pg_foreign_table f JOIN pg_class c ON c.oid = f.ftrelid '
        "WHERE c.relnamespace = 'vpr'::regnamespace"
    )
    if connection.execute(query).fetchone() is not None:
        msg = 'this server only answers for others: name the one whose maps are to be changed'
        raise FleetError(msg)


def may_change(connection: Connection, owner: str) -> bool:
    """Return whether the connection's role may change the sessions of an owner."""
    row = connection.execute(
        "SELECT %s = current_user OR pg_has_role('vpr_owner', 'MEMBER')", [owner]
    ).fetchone()
    return bool(row and row[0])
