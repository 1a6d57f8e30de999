# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time

import numpy as np
import psycopg
import pytest
from flaky_proxy import Proxy
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import FleetError, FleetUnreachableError
from vpr_ros.fleet import connected, delete, push
from vpr_ros.fleet.region import MapRegion
from vpr_ros.fleet.sync import FleetSync
from vpr_ros.geometry import Datum, Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.search import Retriever

from .conftest import START

DATUM = Datum(48.0, 11.0, 500.0)


def until(condition, seconds=30.0):
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, 'it never came true'
        time.sleep(0.01)


@pytest.fixture
def street(tmp_path, model, describe):
    """A map of two sessions along a street of 2 km to the east, a place each 100 m."""
    with MapWriter.create(tmp_path / 'street.vprmap', model, datum=DATUM) as place_map:
        for side in (0, 1):
            session = place_map.begin_session(f'side {side}', START)
            places = [
                NewPlace(describe(20 * side + i), session, START + i, Pose.of((100 * i, side, 0)))
                for i in range(20)
            ]
            place_map.add(places)
        yield place_map


def region(metres, radius):
    return MapRegion(DATUM.point_at((metres, 0, 0)), radius)


def eastings(path):
    with PlaceMap.open(path) as place_map:
        assert place_map.verify() == []
        return sorted(place_map.positions[:, 0].round().tolist())


def test_only_the_region_is_pulled_and_the_rest_as_it_moves(
    database, connection, street, tmp_path
):
    push(connection, 'town', street)
    path = tmp_path / 'robot.vprmap'
    sync = FleetSync(path, database, 'town', region(500, 210))
    assert sync.once().places == 10
    assert eastings(path) == sorted([300, 400, 500, 600, 700] * 2)
    assert sync.once().changed is False
    sync.move(DATUM.point_at((520, 0, 0)))  # too near to the centre to matter
    assert sync.once().changed is False
    sync.move(DATUM.point_at((700, 0, 0)))
    assert len(sync.once().replaced) == 2
    assert eastings(path) == sorted([500, 600, 700, 800, 900] * 2)
    sync.move(DATUM.point_at((50_000, 0, 0)))
    assert len(sync.once().removed) == 2
    assert eastings(path) == []


def test_region_of_a_map_that_is_nowhere_on_earth_is_refused(
    database, connection, model, describe, tmp_path
):
    sync = FleetSync(tmp_path / 'robot.vprmap', database, 'indoors', region(0, 100))
    with MapWriter.create(tmp_path / 'indoors.vprmap', model) as place_map:
        session = place_map.begin_session('indoors', START)
        place_map.add([NewPlace(describe(1), session, START, Pose.identity())])
        push(connection, 'indoors', place_map)
        with pytest.raises(FleetError, match='no geographic position'):
            sync.once()
        where = DATUM.point_at((0, 0, 0))
        place_map.add([NewPlace(describe(2), session, START, Pose.identity(), geo=where)])
        push(connection, 'indoors', place_map)
    assert sync.once().places == 1


def test_change_is_in_the_file_within_two_seconds(database, connection, street, tmp_path):
    path = tmp_path / 'robot.vprmap'
    push(connection, 'town', street, [1])
    with FleetSync(path, database, 'town', interval=60) as sync:
        until(lambda: sync.state.checked is not None)
        assert (sync.state.connected, sync.state.places, sync.state.fault) == (True, 20, '')
        assert sync.state.lag is None  # what was there before the robot began is not late
        until(lambda: sync.state.age > 0.1)
        answers = push(connection, 'town', street)
        until(lambda: sync.state.places == 40, 2)
        assert sync.state.lag < 2
        street.update_poses(street.ids[:1], [Pose.of((7, 7, 7))])
        push(connection, 'town', street)
        until(lambda: sync.state.changes == 3, 2)
        assert 7 in eastings(path)
        delete(connection, 'town', answers[0].uid)
        until(lambda: sync.state.places == 20, 2)
    assert len(eastings(path)) == 20


def test_sessions_of_the_robot_itself_are_left_alone(
    database, connection, street, describe, tmp_path
):
    push(connection, 'town', street)
    path = tmp_path / 'robot.vprmap'
    sync = FleetSync(path, database, 'town', region(0, 150))
    sync.once()
    with MapWriter.open(path) as own:
        session = own.begin_session('not pushed', START)
        own.add([NewPlace(describe(5), session, START, Pose.of((99_000, 0, 0)))])
    sync.move(DATUM.point_at((1500, 0, 0)))
    sync.once()
    assert eastings(path) == sorted([1400, 1500, 1600] * 2 + [99_000])


def test_transaction_that_commits_late_is_not_overlooked(database, connection, street, tmp_path):
    first, second = push(connection, 'town', street)
    path = tmp_path / 'robot.vprmap'
    with FleetSync(path, database, 'town', interval=0.1) as sync:
        until(lambda: sync.state.places == 40)
        with psycopg.connect(database) as slow, slow.transaction():
            slow.execute('SET search_path = vpr, public')
            slow.execute(
                'UPDATE sessions SET version = version + 1, deleted = true, '
                'changed = pg_current_xact_id() WHERE uid = %s',
                [first.uid],
            )
            slow.execute(
                'INSERT INTO versions SELECT session, 2, name, started, frame, 0, digest '
                'FROM versions v JOIN sessions s ON s.key = v.session WHERE s.uid = %s',
                [first.uid],
            )
            delete(connection, 'town', second.uid)  # begins later, and ends sooner
            until(lambda: sync.state.places == 20)
        until(lambda: sync.state.places == 0)


def test_file_stays_while_the_network_is_away_and_follows_when_it_is_back(
    server, database, connection, street, tmp_path, monkeypatch
):
    monkeypatch.setattr('vpr_ros.fleet.sync._PAUSES', (0.01, 0.1))
    monkeypatch.setattr('vpr_ros.fleet.sync._STATEMENT', 0.5)
    push(connection, 'town', street, [1])
    path = tmp_path / 'robot.vprmap'
    with Proxy(server.port) as proxy:
        url = server.url_of('owner', 'ready', proxy.port)
        with FleetSync(path, url, 'town', interval=0.1) as sync:
            until(lambda: sync.state.places == 20)
            proxy.closed = True
            proxy.cut()
            until(lambda: not sync.state.connected)
            assert 'cannot be reached' in sync.state.fault
            assert len(eastings(path)) == 20
            push(connection, 'town', street)
            proxy.closed = False
            until(lambda: sync.state.places == 40)
            assert sync.state.fault == ''
            proxy.lossy = True  # nothing is refused, and nothing arrives
            until(lambda: not sync.state.connected)
            delete(connection, 'town', street.session_list()[0].uid)
            proxy.lossy = False
            until(lambda: sync.state.places == 20)


def test_robot_searches_while_its_file_is_replaced_and_sees_no_mixture(
    database, connection, street, describe, tmp_path
):
    push(connection, 'town', street)
    path = tmp_path / 'robot.vprmap'
    FleetSync(path, database, 'town').once()
    rounds = 5
    with PlaceMap.open(path) as robot:
        retriever, seen = Retriever(robot), set()

        def read(_report):
            robot.refresh()

        def drive():
            with connected(database) as other:
                for i in range(1, rounds + 1):
                    poses = [Pose.of((x, 0, i)) for x, _, _ in street.positions]
                    street.update_poses(street.ids, poses)
                    push(other, 'town', street)

        with FleetSync(path, database, 'town', changed=read) as sync:
            pushing = threading.Thread(target=drive)
            pushing.start()
            deadline = time.monotonic() + 30
            while pushing.is_alive() or rounds not in seen:
                assert time.monotonic() < deadline, (seen, sync.state)
                found = retriever.search(describe(3), 40, 40)
                sessions = found.snapshot.columns.sessions[found.rows]
                assert len(found) == 40
                for session in set(sessions.tolist()):
                    heights = set(found.poses[sessions == session, 2].tolist())
                    assert len(heights) == 1
                    seen |= heights
            pushing.join()
            assert sync.state.fault == ''


def test_server_that_was_never_there_is_told(tmp_path):
    path = tmp_path / 'robot.vprmap'
    with pytest.raises(FleetUnreachableError):
        FleetSync(path, 'postgresql://127.0.0.1:9/town', 'town').once()
    with FleetSync(path, 'postgresql://127.0.0.1:9/town', 'town') as sync:
        until(lambda: sync.state.fault)
        assert sync.state.age is None
    assert not path.exists()


@pytest.mark.parametrize('radius', [0.0, -1.0, float('nan'), float('inf')])
def test_region_of_no_radius_is_refused(radius):
    with pytest.raises(ValueError, match='a radius must be'):
        region(0, radius)


@settings(max_examples=40)
@given(
    lat=st.floats(-89.9, 89.9),
    lon=st.floats(-180, 180),
    bearing=st.floats(0, 360),
    away=st.sampled_from([0.0, 10.0, 1e3, 5e4]),
    radius=st.sampled_from([1.0, 100.0, 1e4]),
    height=st.floats(-400, 2500),
)
def test_box_of_a_region_holds_its_circle(lat, lon, bearing, away, radius, height):
    """What the server leaves out is outside, wherever on Earth, and far from the datum, too."""
    datum = Datum(lat, lon, 0.0)
    centre = datum.point_at((away * np.cos(bearing), away * np.sin(bearing), 0.0))
    local = Datum(centre.lat, centre.lon, height)
    edges = [local.point_at((radius * np.cos(a), radius * np.sin(a), 0)) for a in range(7)]
    positions = np.array([datum.position_of(point) for point in edges])

    class Rules:
        class meta:  # noqa: N801
            pass

    Rules.meta.datum = datum
    values = MapRegion(centre, radius).condition(Rules).values
    if 'left' in values:
        assert (positions[:, 0] >= values['left']).all()
        assert (positions[:, 0] <= values['right']).all()
        assert (positions[:, 1] >= values['bottom']).all()
        assert (positions[:, 1] <= values['top']).all()
