# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from vpr_ros.errors import FleetError, MapFrameError, MapModelError
from vpr_ros.fleet import FleetMap, connected, delete, open_copy, publishing, pull, push
from vpr_ros.fleet.schema import problems
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, copy

from .conftest import KINDS, START


def pulled(connection, path, name='town', **wanted):
    """Pull a map into a file; return the report."""
    fleet = FleetMap(connection, name)
    with open_copy(path, fleet) as place_map:
        return pull(fleet, place_map, wanted.get('sessions') or fleet.sessions())


def outcomes(answers):
    return [answer.outcome for answer in answers]


def same_maps(one, other):
    """Compare maps byte by byte, but for what belongs to a file: its id, dates and versions."""
    ours, theirs = one.snapshot, other.snapshot
    for name in ('ids', 'sessions', 'stamps', 'codes', 'descriptor_crcs'):
        assert np.array_equal(getattr(ours.columns, name), getattr(theirs.columns, name)), name
    for name in ('distances', 'poses', 'geo', 'covariances'):
        a, b = getattr(ours.columns, name), getattr(theirs.columns, name)
        assert a.tobytes() == b.tobytes(), name
    rows = np.arange(len(ours))
    packed = one.packed_descriptors(ours, rows), other.packed_descriptors(theirs, rows)
    assert packed[0].tobytes() == packed[1].tobytes()
    assert ours.names == theirs.names
    for snapshot in (ours, theirs):
        assert set(snapshot.columns.cameras.tolist()) <= set(snapshot.cameras)
    cameras = [[s.cameras[key] for key in s.columns.cameras.tolist()] for s in (ours, theirs)]
    assert cameras[0] == cameras[1]
    thumbnails = [[m.thumbnail(key) for key in m.ids.tolist()] for m in (one, other)]
    assert thumbnails[0] == thumbnails[1]
    for name in (
        'model',
        'frame_id',
        'datum',
        'coder',
        'code_bits',
        'storage',
        'reducer',
        'frames',
    ):
        assert getattr(ours.meta, name) == getattr(theirs.meta, name), name
    for name in ('coder', 'reducer'):
        a, b = getattr(ours, name), getattr(theirs, name)
        assert (a and a.id) == (b and b.id)


@KINDS
def test_what_is_pulled_is_what_was_pushed(connection, town, tmp_path):
    path = tmp_path / 'pulled.vprmap'
    with PlaceMap.open(town) as place_map:
        assert outcomes(push(connection, 'town', place_map)) == ['new'] * 3
        assert len(pulled(connection, path).added) == 3
        with PlaceMap.open(path) as again:
            same_maps(place_map, again)
            assert again.verify() == []
    assert problems(connection) == []
    report = pulled(connection, path)
    assert (report.unchanged, report.changed, report.places) == (3, False, 0)


@pytest.mark.parametrize('storage', ['int8', 'float16'])
def test_descriptors_come_back_to_the_last_bit(connection, town, tmp_path, storage):
    stored, path = tmp_path / 'stored.vprmap', tmp_path / 'pulled.vprmap'
    copy(town, stored)
    with MapWriter.open(stored) as place_map:
        place_map.recode(storage=storage)
        push(connection, 'town', place_map)
        pulled(connection, path)
        with PlaceMap.open(path) as again:
            same_maps(place_map, again)


def test_pushing_again_changes_nothing(connection, town):
    with PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map, [2])
        assert outcomes(push(connection, 'town', place_map)) == ['new', 'unchanged', 'new']
        before = counts(connection)
        assert outcomes(push(connection, 'town', place_map)) == ['unchanged'] * 3
        assert counts(connection) == before
        # No identity is spent, of which a server has 16 million.
        push(connection, 'town', place_map)
        push(connection, 'village', place_map)
    town, village = FleetMap(connection, 'town'), FleetMap(connection, 'village')
    assert [each.key for each in (*town.sessions(), *village.sessions())] == [*range(1, 7)]
    assert village.ids[0] == town.ids[0] + 1
    assert [*village.cameras()] == [key + len(town.cameras()) for key in town.cameras()]
    assert before['descriptors'] == before['places'] == 120


def counts(connection):
    tables = ('places', 'former_places', 'descriptors', 'thumbnails', 'versions', 'sessions')
    return {
        table: connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]
        for table in tables
    }


def test_session_that_grew_and_moved_is_a_new_version(connection, town, describe, tmp_path):
    path, ours, old = (tmp_path / f'{name}.vprmap' for name in ('ours', 'theirs', 'old'))
    copy(town, path)
    with MapWriter.open(path) as place_map:
        first = place_map.ids[place_map.sessions == 2]
        push(connection, 'town', place_map)
        pulled(connection, ours)
        moved = [Pose.of((i, 0, 0)) for i in range(len(first))]
        place_map.update_poses(first, moved)
        place_map.add([NewPlace(describe(999), 2, START + 9, Pose.identity(), thumbnail=b'new')])
        answers = push(connection, 'town', place_map)
        assert outcomes(answers) == ['unchanged', 'changed', 'unchanged']
        assert answers[1].version == 2
        assert counts(connection)['descriptors'] == 121
        report = pulled(connection, ours)
        assert (report.replaced, report.unchanged) == ([answers[1].uid], 2)
        with PlaceMap.open(ours) as theirs:
            (key,) = (
                k for k, (_, _, uid) in theirs.snapshot.names.items() if uid == answers[1].uid
            )
            rows = np.flatnonzero(theirs.sessions == key)
            mine = np.flatnonzero(place_map.sessions == 2)
            assert theirs.positions[rows].tobytes() == place_map.positions[mine].tobytes()
            assert theirs.thumbnail(int(theirs.ids[rows[-1]])) == b'new'
            assert theirs.verify() == []
    former = FleetMap(connection, 'town').session(answers[1].uid, version=1)
    assert (former.version, former.newest, former.places) == (1, 2, 40)
    pulled(connection, old, sessions=[former])
    with PlaceMap.open(old) as before, PlaceMap.open(town) as original:
        rows = np.flatnonzero(original.sessions == 2)
        assert before.positions.tobytes() == original.positions[rows].tobytes()
    assert problems(connection) == []


def test_places_are_removed_only_where_that_is_said(connection, town, tmp_path):
    path = tmp_path / 'part.vprmap'
    copy(town, path)
    with MapWriter.open(path) as place_map:
        push(connection, 'town', place_map)
        place_map.delete(place_map.ids[place_map.sessions == 1][:7])
        answer = push(connection, 'town', place_map, [1])[0]
        assert answer.outcome == 'refused'
        assert '7 of its 40 places' in answer.reason
        answer = push(connection, 'town', place_map, [1], shrink=True)[0]
        assert (answer.outcome, answer.version) == ('changed', 2)
    assert FleetMap(connection, 'town').session(answer.uid).places == 33


def test_deleted_session_is_gone_and_its_versions_stay(connection, town, tmp_path):
    with PlaceMap.open(town) as place_map:
        answers = push(connection, 'town', place_map)
        uid = answers[0].uid
        assert delete(connection, 'town', uid) == 2
        fleet = FleetMap(connection, 'town')
        assert [each.uid for each in fleet.sessions()] == [each.uid for each in answers[1:]]
        assert counts(connection)['places'] == 80
        with pytest.raises(FleetError, match='has no session'):
            delete(connection, 'town', uid)
        pulled(connection, tmp_path / 'old.vprmap', sessions=[fleet.session(uid, 1)])
        with PlaceMap.open(tmp_path / 'old.vprmap') as old:
            assert len(old) == 40
        assert push(connection, 'town', place_map, [1])[0].version == 3
    assert len(FleetMap(connection, 'town').sessions()) == 3


def test_interrupted_push_is_not_seen_and_goes_on_where_it_stopped(connection, town, monkeypatch):
    monkeypatch.setattr('vpr_ros.fleet.pushing._BATCH_PLACES', 16)
    with PlaceMap.open(town) as place_map:

        def interrupt(done, _total):
            if done > 16:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            push(connection, 'town', place_map, [2], interrupt)
        assert FleetMap(connection, 'town').sessions() == []
        assert counts(connection)['descriptors'] == 32
        newest = connection.execute('SELECT max(xmin::text::bigint) FROM descriptors').fetchone()
        assert outcomes(push(connection, 'town', place_map, [2])) == ['new']
    kept = connection.execute(
        'SELECT count(*) FROM descriptors WHERE xmin::text::bigint <= %s', newest
    ).fetchone()
    assert kept == (32,)
    assert counts(connection)['descriptors'] == 40


@pytest.mark.parametrize('robots', [2, 8])
def test_robots_that_push_at_once_do_not_disturb_each_other(
    database, model, describe, tmp_path, robots
):
    start = threading.Barrier(robots)
    failures = []

    def drive(robot):
        try:
            with MapWriter.create(tmp_path / f'{robot}.vprmap', model) as place_map:
                for _ in range(2):
                    session = place_map.begin_session(f'robot {robot}', START)
                    for i in range(24):
                        pose = Pose.of((i, robot, 0))
                        description = describe(100 * robot + i)
                        place_map.add([NewPlace(description, session, START + i, pose)])
                start.wait()
                with connected(database) as connection:
                    assert outcomes(push(connection, 'town', place_map)) == ['new', 'new']
        except Exception as error:  # noqa: BLE001
            failures.append(error)
            start.abort()

    threads = [threading.Thread(target=drive, args=(robot,)) for robot in range(robots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with connected(database) as connection:
        assert problems(connection) == []
        fleet = FleetMap(connection, 'town')
        assert [each.places for each in fleet.sessions()] == [24] * (2 * robots)
        for session in fleet.sessions():
            columns = fleet.places(session)
            assert set(columns.poses[:, 1].tolist()) == {float(session.name.split()[1])}
            assert columns.poses[:, 0].tolist() == list(range(24))


def test_two_processes_of_one_robot_push_a_session_once(database, town):
    answers, threads = [], []

    def drive():
        with connected(database) as connection, PlaceMap.open(town) as place_map:
            answers.extend(outcomes(push(connection, 'town', place_map, [1])))

    for _ in range(2):
        threads.append(threading.Thread(target=drive))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ['new', 'unchanged']


def test_map_of_another_model_is_refused(connection, town, model, tmp_path):
    other = tmp_path / 'other.vprmap'
    MapWriter.create(other, replace(model, weights_id='others')).close()
    with PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map, [1])
    with MapWriter.open(other) as place_map:
        place_map.begin_session('theirs', START)
        with pytest.raises(MapModelError, match='another model'):
            push(connection, 'town', place_map)


def test_session_in_a_frame_that_begins_with_it_is_refused(connection, model, describe, tmp_path):
    for name, frame in (('first', ''), ('second', 'odom')):
        with MapWriter.create(tmp_path / f'{name}.vprmap', model) as place_map:
            session = place_map.begin_session(name, START, frame)
            place_map.add([NewPlace(describe(1), session, START, Pose.identity())])
            if not frame:
                push(connection, 'town', place_map)
                continue
            with pytest.raises(MapFrameError, match='cannot be related'):
                push(connection, 'town', place_map)
            assert outcomes(push(connection, 'town', place_map, anchored=True)) == ['new']


def test_session_in_a_frame_that_begins_with_it_comes_in_new_versions(
    connection, model, describe, tmp_path
):
    path = tmp_path / 'drive.vprmap'
    with MapWriter.create(path, model) as place_map:
        place_map.begin_session('drive', START, 'odom')
        place_map.begin_session('on its way', START)
        for session, stamp in ((1, 0), (2, 1)):
            place_map.add([NewPlace(describe(stamp), session, START, Pose.identity())])
        assert outcomes(push(connection, 'town', place_map)) == ['new', 'new']
        assert outcomes(push(connection, 'town', place_map)) == ['unchanged', 'unchanged']
        place_map.add([NewPlace(describe(7), 1, START + 1, Pose.identity())])
        assert outcomes(push(connection, 'town', place_map)) == ['changed', 'unchanged']
        place_map.delete_session(2)
        assert outcomes(push(connection, 'town', place_map)) == ['unchanged']
        pulled(connection, tmp_path / 'pulled.vprmap')
    with PlaceMap.open(tmp_path / 'pulled.vprmap') as theirs:
        assert [each.frame for each in theirs.session_list()] == ['odom', '']
        assert outcomes(push(connection, 'town', theirs)) == ['unchanged', 'unchanged']


def test_days_in_a_frame_that_begins_with_the_first_are_pushed_one_by_one(
    connection, model, describe, tmp_path
):
    with MapWriter.create(tmp_path / 'days.vprmap', model) as place_map:
        for day in (1, 2, 3):
            session = place_map.begin_session(f'day {day}', START, 'odom')
            place_map.add([NewPlace(describe(day), session, START + day, Pose.identity())])
            known = ['unchanged'] * (day - 1)
            assert outcomes(push(connection, 'town', place_map)) == [*known, 'new']
        assert outcomes(push(connection, 'town', place_map)) == ['unchanged'] * 3
        pulled(connection, tmp_path / 'copy.vprmap')
        with MapWriter.open(tmp_path / 'copy.vprmap') as again:
            same_maps(place_map, again)
            assert outcomes(push(connection, 'town', again)) == ['unchanged'] * 3


def test_session_that_another_connection_pushes_for_long_is_an_answer(
    connection, database, town, monkeypatch
):
    monkeypatch.setattr(publishing, '_WAIT', '50ms')
    with PlaceMap.open(town) as place_map, connected(database) as other:
        busy = place_map.snapshot.names[2][2]
        with publishing.alone(other, busy):
            answers = push(connection, 'town', place_map)
        assert outcomes(answers) == ['new', 'refused', 'new']
        assert 'another connection' in answers[1].reason
        assert outcomes(push(connection, 'town', place_map)) == ['unchanged', 'new', 'unchanged']


def test_map_without_a_name_is_refused(connection, town):
    with PlaceMap.open(town) as place_map, pytest.raises(FleetError, match='needs a name'):
        push(connection, '', place_map)


def test_map_made_under_other_rules_is_not_pulled_into(
    connection, town, model, describe, tmp_path
):
    with PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map)
    with MapWriter.create(tmp_path / 'other.vprmap', model, 'elsewhere') as place_map:
        session = place_map.begin_session('a', START)
        place_map.add([NewPlace(describe(1), session, START, Pose.identity())])
    with pytest.raises(MapModelError, match='other rules'):
        pulled(connection, tmp_path / 'other.vprmap')


@pytest.mark.parametrize('model', ['recoded'], indirect=True)
def test_coder_that_is_damaged_on_the_server_is_refused(connection, town):
    with PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map, [1])
    connection.execute('UPDATE projections SET mean = set_byte(mean, 0, get_byte(mean, 0) # 1)')
    with pytest.raises(FleetError, match='make no sense: the checksum of its coder'):
        FleetMap(connection, 'town')


def test_map_that_is_not_there_is_named(connection):
    with pytest.raises(FleetError, match="no map 'city'"):
        FleetMap(connection, 'city')
