# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from vpr_ros.errors import FleetAccessError, FleetError
from vpr_ros.fleet import (
    FleetMap,
    FleetRetriever,
    connected,
    delete,
    explained,
    open_copy,
    pull,
    push,
)
from vpr_ros.fleet.roles import grant, roles_of
from vpr_ros.fleet.schema import problems
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, PlaceMap, copy

ROLES = {'robot_a': 'robot', 'robot_b': 'robot', 'screen': 'reader', 'chief': 'owner'}


@pytest.fixture
def roles(database):
    """Return what connects as one of the roles."""
    with connected(database) as connection:
        for name, role in ROLES.items():
            grant(connection, name, role)
        assert roles_of(connection).items() >= ROLES.items()
    return lambda name: connected(database.replace('owner@', f'{name}@'))


def test_robot_pushes_its_own_and_reads_all(roles, town, describe, tmp_path):
    with PlaceMap.open(town) as place_map:
        with roles('robot_a') as connection:
            assert [p.outcome for p in push(connection, 'town', place_map, [1, 2])] == ['new'] * 2
        with roles('robot_b') as connection:
            answers = push(connection, 'town', place_map)
            assert [p.outcome for p in answers] == ['refused', 'refused', 'new']
            assert 'belongs to robot_a' in answers[0].reason
            assert len(FleetRetriever(FleetMap(connection, 'town')).search(describe(50))) == 10
        with roles('screen') as connection:
            fleet = FleetMap(connection, 'town')
            with open_copy(tmp_path / 'pulled.vprmap', fleet) as pulled:
                assert pull(fleet, pulled, fleet.sessions()).places == 120


def test_robot_replaces_its_session_and_no_other(roles, town, tmp_path):
    path = tmp_path / 'moved.vprmap'
    copy(town, path)
    with MapWriter.open(path) as place_map:
        with roles('robot_a') as connection:
            uid = push(connection, 'town', place_map, [1])[0].uid
        ids = place_map.ids[place_map.sessions == 1]
        place_map.update_poses(ids, [Pose.identity()] * len(ids))
        with roles('robot_b') as connection:
            assert push(connection, 'town', place_map, [1])[0].outcome == 'refused'
            with pytest.raises(FleetError, match='belongs to robot_a'):
                delete(connection, 'town', uid)
        with roles('robot_a') as connection:
            assert push(connection, 'town', place_map, [1])[0].version == 2
        with roles('chief') as connection:
            assert delete(connection, 'town', uid) == 3
            assert problems(connection) == []


HOSTILE = [
    'UPDATE sessions SET deleted = true',
    'UPDATE sessions SET version = version + 1',
    'DELETE FROM places',
]
"""What row security hides from a robot: nothing happens."""
REFUSED = [
    'UPDATE sessions SET owner = current_user',
    'UPDATE places SET x = 0',
    'DELETE FROM sessions',
    'DELETE FROM descriptors',
    'DELETE FROM places_0',
    'TRUNCATE places',
    "UPDATE maps SET name = 'mine'",
    'UPDATE migrations SET version = 99',
    'INSERT INTO versions SELECT session, 9, name, started, frame, places, digest FROM versions',
    'INSERT INTO thumbnails SELECT session, 9999, jpeg FROM thumbnails',
    'INSERT INTO descriptors SELECT session, 9999, step, key, data FROM descriptors LIMIT 1',
    "INSERT INTO sessions (map, uid, owner) SELECT map, gen_random_uuid(), 'a' FROM sessions",
]
"""What a robot is told that it may not do."""


@pytest.fixture
def pushed(roles, town):
    with roles('robot_a') as connection, PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map)
    return roles


@pytest.mark.parametrize('statement', HOSTILE)
def test_rows_of_others_are_out_of_reach(pushed, statement):
    with pushed('robot_b') as connection:
        assert connection.execute(statement).rowcount == 0
    with pushed('screen') as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize('statement', REFUSED)
def test_what_nobody_but_an_owner_may_do_is_refused(pushed, statement):
    for name in ('robot_b', 'screen'):
        with pushed(name) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)


def test_places_of_a_robot_stay_in_the_map_of_their_session(pushed):
    with pushed('robot_a') as connection:
        connection.execute('CREATE TEMPORARY TABLE stray AS SELECT * FROM places LIMIT 1')
        connection.execute('UPDATE stray SET number = 9999')
        connection.execute('INSERT INTO places SELECT * FROM stray')
        connection.execute('UPDATE stray SET number = 10000, map = map + 1')
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute('INSERT INTO places SELECT * FROM stray')


def test_reader_that_pushes_is_told_whom_to_ask(pushed, town, database):
    with (
        pushed('screen') as connection,
        PlaceMap.open(town) as place_map,
        pytest.raises(FleetAccessError, match='vpr fleet grant'),
        explained(database),
    ):
        push(connection, 'elsewhere', place_map)


def test_stranger_is_told_whom_to_ask(database, server):
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute('CREATE ROLE stranger LOGIN')
    with (
        pytest.raises(FleetAccessError, match='vpr fleet grant'),
        connected(database.replace('owner@', 'stranger@')),
    ):
        pass


def test_a_role_becomes_another_and_a_superuser_none(database):
    with connected(database) as connection:
        assert grant(connection, 'trainee', 'reader') is True
        assert grant(connection, 'trainee', 'robot') is False
        assert roles_of(connection)['trainee'] == 'robot'
        with pytest.raises(FleetError, match='superuser'):
            grant(connection, 'owner', 'robot')


@pytest.mark.parametrize('role', ['reader', 'robot', 'owner'])
@pytest.mark.parametrize(
    ('name', 'reason'),
    [
        ('vpr_owner', 'group'),
        ('vpr_robot', 'group'),
        ('vpr_reader', 'group'),
        ('pg_monitor', 'group'),
        ('', '1 to 63 bytes'),
        ('ü' * 32, '1 to 63 bytes'),
    ],
)
def test_only_who_logs_in_gets_a_role(database, name, reason, role):
    with connected(database) as connection:
        before = connection.execute('SELECT * FROM pg_auth_members ORDER BY oid').fetchall()
        with pytest.raises(FleetError, match=reason):
            grant(connection, name, role)
        assert (
            before == connection.execute('SELECT * FROM pg_auth_members ORDER BY oid').fetchall()
        )
