# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""More than one server: replicas, areas on servers of their own, and copies for a disaster."""

from __future__ import annotations

import time

import numpy as np
import psycopg
import pytest

from vpr_ros.errors import FleetAccessError, FleetError
from vpr_ros.fleet import (
    FleetMap,
    FleetRetriever,
    connected,
    delete,
    explained,
    initialise,
    open_copy,
    pull,
    push,
    tidy,
)
from vpr_ros.fleet.local_server import LocalServer
from vpr_ros.fleet.roles import grant
from vpr_ros.fleet.schema import problems
from vpr_ros.fleet.shards import initialise_front
from vpr_ros.fleet.sync import FleetSync
from vpr_ros.maps import PlaceMap
from vpr_ros.search import Retriever, Window

WINDOWS = (None, Window(near=(np.zeros(3), 40.0)), Window(cameras=frozenset({'rear'})))


def answers(searcher, describe, window):
    found = searcher.search(describe(90), 20, 30, window)
    return [(p.stamp, p.camera) for p in found.places()], found.similarities


def test_replica_answers_while_its_primary_is_dead(town, describe, tmp_path):
    with (
        LocalServer() as primary,
        connected(primary.url, checked=False) as connection,
        PlaceMap.open(town) as place_map,
    ):
        initialise(connection)
        with connected(primary.url) as checked:
            push(checked, 'town', place_map, [1, 2])
        with LocalServer(source=primary) as replica:
            with connected(primary.url) as checked:
                push(checked, 'town', place_map)
                wanted = [
                    answers(FleetRetriever(FleetMap(checked, 'town')), describe, window)
                    for window in WINDOWS
                ]
            path = tmp_path / 'robot.vprmap'
            with FleetSync(path, replica.url, 'town', interval=0.05) as sync:
                deadline = time.monotonic() + 60
                while sync.state.places < 120:  # a replica tells of nothing: it is asked
                    assert time.monotonic() < deadline, sync.state
                    time.sleep(0.02)
            primary.kill()
            with connected(replica.url) as checked:
                retriever = FleetRetriever(FleetMap(checked, 'town'))
                for window, (places, similarities) in zip(WINDOWS, wanted, strict=True):
                    found, similar = answers(retriever, describe, window)
                    assert found == places
                    assert similar.tobytes() == similarities.tobytes()
                refused = pytest.raises(FleetAccessError, match='goes to the primary')
                with refused, explained(replica.url):
                    checked.execute('DELETE FROM places')


def test_two_servers_answer_as_one(server, town, describe, tmp_path):
    urls = {}
    with PlaceMap.open(town) as place_map:
        for number, sessions in ((1, [1]), (2, [2, 3])):
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE area_{number}')
            urls[number] = server.url_of('owner', f'area_{number}')
            with connected(urls[number], checked=False) as connection:
                initialise(connection, shard=number)
            with connected(urls[number]) as connection:
                push(connection, 'town', place_map, sessions)
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute('CREATE DATABASE front')
        front = server.url_of('owner', 'front')
        with connected(front, checked=False) as connection:
            initialise_front(connection, urls)
            with pytest.raises(FleetError, match='already'):
                initialise_front(connection, urls)
        with connected(front) as connection:
            fleet = FleetMap(connection, 'town')
            assert [each.places for each in fleet.sessions()] == [40, 40, 40]
            retriever, local = FleetRetriever(fleet), Retriever(place_map)
            for window in WINDOWS:
                there, here = (
                    answers(retriever, describe, window),
                    answers(local, describe, window),
                )
                assert there[0] == here[0]
                assert np.allclose(there[1], here[1], atol=1e-6)
            with open_copy(tmp_path / 'all.vprmap', fleet) as pulled:
                assert pull(fleet, pulled, fleet.sessions()).places == 120
                assert pulled.verify() == []
            plan = plan_of_search(connection, retriever, describe)
            for change in (
                lambda: tidy(connection, 'town', 1),
                lambda: push(connection, 'town', place_map),
                lambda: delete(connection, 'town', fleet.sessions()[0].uid),
            ):
                with pytest.raises(FleetError, match='answers for others'):
                    change()
            grant(connection, 'passer_by', 'robot')
        with connected(front.replace('owner@', 'passer_by@')) as connection:
            fleet = FleetMap(connection, 'town')
            assert FleetRetriever(fleet).search(describe(90), k=1)
            with open_copy(tmp_path / 'theirs.vprmap', fleet) as pulled:
                assert pull(fleet, pulled, fleet.sessions()).places == 120
            with pytest.raises(FleetAccessError), explained(front):
                connection.execute('DELETE FROM places')
    # Each server sorts and cuts its own places; they do not all travel.
    assert plan.count('ORDER BY') >= 2


def plan_of_search(connection, retriever, describe):
    """Return the plan of a search, as text."""
    taken = []
    execute = psycopg.Cursor.execute

    def noted(self, query, params=None, **options):
        taken.append((query, params))
        return execute(self, query, params, **options)

    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(psycopg.Cursor, 'execute', noted)
        retriever.search(describe(90))
    query, values = next(each for each in taken if 'nearest' in str(each[0]))
    rows = connection.execute(f'EXPLAIN (VERBOSE) {query}', values).fetchall()
    return '\n'.join(row[0] for row in rows)


def test_backup_is_restored_elsewhere_byte_by_byte(server, database, town, tmp_path):
    """As the guide has it: pg_dump and pg_restore."""
    with connected(database) as connection, PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map)
    dump = server.data.parent / 'town.dump'
    server.run('pg_dump', '-Fc', '-f', str(dump), database)
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute('CREATE DATABASE restored')
    restored = server.url_of('owner', 'restored')
    server.run('pg_restore', '-d', restored, '--exit-on-error', str(dump))
    with connected(restored) as connection:
        initialise(connection)
        assert problems(connection) == []
        with PlaceMap.open(town) as place_map:
            assert {p.outcome for p in push(connection, 'town', place_map)} == {'unchanged'}
