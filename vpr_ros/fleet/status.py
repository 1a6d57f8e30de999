# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a server of a fleet is, and what it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.rows import class_row

from vpr_ros.fleet.schema import version_of

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True)
class MapOnServer:
    """A map in numbers.

    Attributes:
        name: Of the map.
        sessions: How many there are.
        owners: Roles that own them.
        places: Of all sessions.
    """

    name: str
    sessions: int
    owners: int
    places: int


@dataclass(frozen=True)
class FleetStatus:
    """A server in numbers.

    Attributes:
        server: Version of PostgreSQL.
        pgvector: Version of the extension.
        schema: Version of the tables.
        role: Of the connection.
        replica: Whether it is one, which only reads.
        bytes: Of the database on the disk.
        maps: That it holds.
    """

    server: str
    pgvector: str
    schema: int
    role: str
    replica: bool
    bytes: int
    maps: list[MapOnServer]


def status_of(connection: Connection) -> FleetStatus:
    """Return what the server is, and what it holds."""
    with connection.cursor(row_factory=class_row(MapOnServer)) as cursor:
        maps = cursor.execute(
            'SELECT m.name, count(v) AS sessions, count(DISTINCT s.owner) AS owners, '
            'coalesce(sum(v.places), 0) AS places FROM maps m '
            'LEFT JOIN sessions s ON s.map = m.id AND NOT s.deleted '
            'LEFT JOIN versions v ON v.session = s.key AND v.number = s.version '
            'GROUP BY m.name ORDER BY m.name'
        ).fetchall()
    row = connection.execute(
        "SELECT current_setting('server_version'), "
        "(SELECT extversion FROM pg_extension WHERE extname = 'vector'), current_user, "
        'pg_is_in_recovery(), pg_database_size(current_database())'
    ).fetchone() or ('', '', '', False, 0)
    server, pgvector, role, replica, size = row
    return FleetStatus(server, pgvector, version_of(connection), role, replica, size, maps)
