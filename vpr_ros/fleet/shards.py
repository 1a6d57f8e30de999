# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One server in front of several: their tables as foreign partitions of its own.

Keys of sessions, maps and cameras tell which server they are on, since each begins elsewhere
(`vpr fleet init --shard`). Reading and searching go through the front; robots push to the server
of their area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from vpr_ros.errors import FleetError
from vpr_ros.fleet.schema import (
    KEYS_OF_A_SHARD,
    begin_schema,
    migrations,
    note_step,
    require_shard,
)
from vpr_ros.fleet.server_connection import require_no_password

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg import Connection

_TABLES = {
    'maps': 'id', 'projections': 'map', 'calibrations': 'map', 'cameras': 'id', 'sessions': 'key',
    'versions': 'session', 'places': 'session', 'former_places': 'session',
    'descriptors': 'session', 'thumbnails': 'session',
}  # fmt: skip
"""Each table, and the column whose range tells the server."""
_PLACE = 'host', 'hostaddr', 'port', 'dbname', 'service', 'sslmode', 'sslrootcert'
"""Parts of a connection string that say where a server is."""


def initialise_front(connection: Connection, shards: Mapping[int, str]) -> None:
    """Make an empty database the front of several servers.

    Args:
        connection: Of a role that may create schemas, extensions and foreign servers.
        shards: The connection string of each server by its number; without passwords, which the
            owner adds to the user mappings.

    Raises:
        FleetError: There is a schema already, a number is out of range, or a connection string
            holds a password.
    """
    for number, url in shards.items():
        require_shard(number)
        require_no_password(url)
    with connection.transaction():
        found = connection.execute("SELECT to_regnamespace('vpr')").fetchone()
        if found is not None and found[0] is not None:
            msg = 'this database holds maps already: take an empty one as the front of others'
            raise FleetError(msg)
        begin_schema(connection)
        connection.execute('CREATE EXTENSION IF NOT EXISTS postgres_fdw')
        for step in migrations():
            note_step(connection, step)
        first = min(shards)
        for number, url in shards.items():
            _add_server(connection, number, url)
        for table, column in _TABLES.items():
            _add_table(connection, table, column, first, sorted(shards))
        # All read here, and nobody writes.
        connection.execute('GRANT USAGE ON SCHEMA vpr TO vpr_reader')
        connection.execute('GRANT SELECT ON ALL TABLES IN SCHEMA vpr TO vpr_reader')


def _add_server(connection: Connection, number: int, url: str) -> None:
    given = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    options = {key: given[key] for key in _PLACE if key in given}
    # The extension's operators are computed there, and rows come by the thousand.
    options.update(extensions='vector', fetch_size='1000', use_remote_estimate='on')
    connection.execute(
        sql.SQL('CREATE SERVER {} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({})').format(
            _server(number), _options(options)
        )
    )
    login = {'user': given['user']} if 'user' in given else {}
    connection.execute(
        sql.SQL('CREATE USER MAPPING FOR PUBLIC SERVER {} OPTIONS ({})').format(
            _server(number), _options({**login, 'password_required': 'false'})
        )
    )


def _add_table(
    connection: Connection, table: str, column: str, first: int, shards: list[int]
) -> None:
    """Make a table whose partitions are those of the servers."""
    described = sql.Identifier(f'described_{table}')
    connection.execute(
        sql.SQL(
            'IMPORT FOREIGN SCHEMA vpr LIMIT TO ({}) FROM SERVER {} INTO vpr '
            "OPTIONS (import_default 'false')"
        ).format(sql.Identifier(table), _server(first))
    )
    connection.execute(
        sql.SQL('ALTER FOREIGN TABLE {} RENAME TO {}').format(sql.Identifier(table), described)
    )
    connection.execute(
        sql.SQL('CREATE TABLE {} (LIKE {}) PARTITION BY RANGE ({})').format(
            sql.Identifier(table), described, sql.Identifier(column)
        )
    )
    connection.execute(sql.SQL('DROP FOREIGN TABLE {}').format(described))
    for number in shards:
        connection.execute(
            sql.SQL(
                'CREATE FOREIGN TABLE {} PARTITION OF {} FOR VALUES FROM ({}) TO ({}) SERVER {} '
                "OPTIONS (schema_name 'vpr', table_name {})"
            ).format(
                sql.Identifier(f'{table}_of_{number}'),
                sql.Identifier(table),
                sql.Literal(number * KEYS_OF_A_SHARD),
                sql.Literal((number + 1) * KEYS_OF_A_SHARD),
                _server(number),
                sql.Literal(table),
            )
        )


def _server(number: int) -> sql.Identifier:
    return sql.Identifier(f'shard_{number}')


def _options(values: Mapping[str, str]) -> sql.Composable:
    return sql.SQL(', ').join(
        sql.SQL('{} {}').format(sql.Identifier(key), sql.Literal(str(value)))
        for key, value in values.items()
    )
