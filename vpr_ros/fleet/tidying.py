# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Giving space of the server back: old versions, and what unfinished pushes left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.errors import InsufficientPrivilege

from vpr_ros.errors import FleetError
from vpr_ros.fleet.fleet_map import FleetMap
from vpr_ros.fleet.publishing import lock_key, require_own_tables

if TYPE_CHECKING:
    from psycopg import Connection
    from typing_extensions import LiteralString

_UNUSED: LiteralString = (
    'WHERE session = %(key)s AND NOT EXISTS (SELECT FROM places p '
    'WHERE p.session = %(key)s AND p.number = t.number) AND NOT EXISTS (SELECT '
    'FROM former_places p WHERE p.session = %(key)s AND p.number = t.number)'
)


@dataclass(frozen=True)
class TidyReport:
    """What was removed.

    Attributes:
        versions: Former versions that can no longer be pulled.
        descriptors: Descriptors that belong to no place of any version any more, with their
            thumbnails.
        unpublished: Sessions of which nothing was ever published.
        busy: Sessions that were left alone, since they are being pushed.
    """

    versions: int
    descriptors: int
    unpublished: int
    busy: int


def tidy(connection: Connection, name: str, keep: int) -> TidyReport:
    """Remove old versions of a map, and what unfinished pushes sent; such a push sends it again.

    Each session is one transaction.

    Args:
        connection: From `connected`, of an owner.
        name: Of the map on the server.
        keep: Number of versions of each session that are kept beside the newest.

    Raises:
        FleetError: There is no such map, the server answers for others, or the role is no owner.
    """
    require_own_tables(connection)
    fleet = FleetMap(connection, name)
    sessions = connection.execute(
        'SELECT key, uid::text FROM sessions WHERE map = ANY (%s) ORDER BY key', [fleet.ids]
    ).fetchall()
    try:
        counts = [_tidied(connection, key, uid, keep) for key, uid in sessions]
    except InsufficientPrivilege as error:
        msg = 'only an owner may tidy up: ask one, or to be made one (vpr fleet grant)'
        raise FleetError(msg) from error
    done = [each for each in counts if each is not None]
    versions, descriptors, unpublished = map(sum, zip((0, 0, 0), *done, strict=True))
    return TidyReport(versions, descriptors, unpublished, busy=len(counts) - len(done))


def _tidied(connection: Connection, key: int, uid: str, keep: int) -> tuple[int, int, int] | None:
    """Return counts as in `TidyReport`; None where the session is being pushed."""
    with connection.transaction():
        free = connection.execute('SELECT pg_try_advisory_xact_lock(%s)', [lock_key(uid)])
        if free.fetchone() != (True,):
            return None
        values = {'key': key, 'keep': keep}
        old: LiteralString = '(SELECT version - %(keep)s FROM sessions WHERE key = %(key)s)'
        # Only texts of this module are put together.
        places: LiteralString = (
            f'DELETE FROM former_places WHERE session = %(key)s AND version < {old}'  # noqa: S608
        )
        versions: LiteralString = (
            f'DELETE FROM versions WHERE session = %(key)s AND number < {old}'  # noqa: S608
        )
        connection.execute(places, values)
        gone = connection.execute(versions, values).rowcount
        connection.execute(f'DELETE FROM thumbnails t {_UNUSED}', values)  # noqa: S608
        unused = connection.execute(f'DELETE FROM descriptors t {_UNUSED}', values)  # noqa: S608
        empty = connection.execute(
            'DELETE FROM sessions WHERE key = %(key)s AND version = 0', values
        )
        return gone, unused.rowcount, empty.rowcount
