# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import psycopg
import pytest
from fleet_server import new_database

from vpr_ros.errors import FleetError, FleetUnreachableError
from vpr_ros.fleet import FleetMap, connected, initialise
from vpr_ros.fleet.schema import VERSION, problems, version_of
from vpr_ros.fleet.shards import initialise_front
from vpr_ros.fleet.status import status_of


def test_schema_is_made_once_and_says_its_version(database):
    with connected(database) as connection:
        assert initialise(connection) == []
        assert version_of(connection) == VERSION
        assert problems(connection) == []
        status = status_of(connection)
    assert (status.schema, status.role, status.maps) == (VERSION, 'owner', [])


def test_database_without_schema_says_what_to_do(server):
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute('CREATE DATABASE bare')
    bare = connected(server.url_of('owner', 'bare'))
    with pytest.raises(FleetError, match='vpr fleet init'), bare:
        pass


@pytest.mark.parametrize(('version', 'advice'), [(VERSION + 1, 'upgrade'), (1, 'vpr fleet init')])
def test_schema_of_another_version_says_what_to_do(server, version, advice):
    database = new_database(server)
    with connected(database) as connection:
        connection.execute('DELETE FROM migrations')
        connection.execute(
            'INSERT INTO migrations (version, name, software) VALUES (%s, %s, %s)',
            [version, 'another', 'test'],
        )
    with pytest.raises(FleetError, match=advice), connected(database):
        pass


def test_servers_of_one_fleet_never_give_a_key_twice(server):
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute('CREATE DATABASE shard_seven')
    with connected(server.url_of('owner', 'shard_seven'), checked=False) as connection:
        initialise(connection, shard=7)
        (key,) = connection.execute("SELECT nextval('session_keys')").fetchone()
        assert key == (7 << 24) + 1
        with pytest.raises(FleetError, match='from 0 to 127'):
            initialise(connection, shard=128)
        with pytest.raises(FleetError, match='has number 7 already'):
            initialise(connection, shard=0)
        assert initialise(connection, shard=7) == initialise(connection) == []


def test_server_that_does_not_answer_is_named():
    with (
        pytest.raises(FleetUnreachableError, match=r'127\.0\.0\.1:9'),
        connected('postgresql://127.0.0.1:9/town'),
    ):
        pass


def test_service_that_no_file_names_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv('PGSERVICEFILE', str(tmp_path / 'services'))
    (tmp_path / 'services').write_text('[town]\nhost=127.0.0.1\n')
    with pytest.raises(FleetUnreachableError, match=r'village: .*PGSERVICEFILE'):
        connected('service=village').__enter__()


SECRETS = [
    'postgresql://robot:secret@host/town',
    'host=a password=secret',
    'host=a sslpassword=secret',
    'postgresql://host/town?sslkey=key.pem&sslpassword=secret',
]
SENSELESS = [
    'host=a port',
    'http://host/town',
    'postgresql://robot:%zzsecret@host/town',
    'postgresql://robot:se secret@host/town',
    'host=a password=my secret',
    'host=\udcff',
]


@pytest.mark.parametrize(
    ('url', 'said'),
    [(url, 'PGPASSFILE') for url in SECRETS]
    + [(url, 'no connection string') for url in SENSELESS],
)
def test_connection_string_that_is_none_or_holds_a_password_is_refused_and_not_repeated(url, said):
    with pytest.raises(FleetError, match=said) as refused, connected(url):
        pass
    assert 'secret' not in str(refused.value)


def test_server_of_the_environment_is_named(monkeypatch):
    monkeypatch.setenv('PGHOST', '127.0.0.1')
    monkeypatch.setenv('PGPORT', '1')
    with pytest.raises(FleetUnreachableError, match=r'server 127\.0\.0\.1:1: '), connected(''):
        pass


def test_text_that_is_not_unicode_is_named(database):
    with pytest.raises(FleetError, match='not UTF-8'), connected(database) as connection:
        FleetMap(connection, 'town\udcff')


def test_front_takes_no_password(server):
    with (
        connected(server.url, checked=False) as connection,
        pytest.raises(FleetError, match='PGPASSFILE'),
    ):
        initialise_front(connection, {1: 'host=north password=secret'})


def test_statement_that_takes_too_long_is_given_up(database):
    limited = connected(database, seconds=0.05)
    with pytest.raises(FleetUnreachableError, match='in time'), limited as connection:
        connection.execute('SELECT pg_sleep(60)')


def test_killed_server_comes_back_with_all_that_was_committed(tmp_path_factory):
    from vpr_ros.fleet.local_server import LocalServer

    with LocalServer() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute('CREATE TABLE kept AS SELECT 42 AS answer')
        server.kill()
        server.start()
        with psycopg.connect(server.url) as connection:
            assert connection.execute('SELECT answer FROM kept').fetchone() == (42,)
        process = server.process
    assert process.poll() is not None
    assert not server.data.exists()
