# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vpr_ros.errors import FleetError
from vpr_ros.fleet import FleetMap, TidyReport, connected, delete, open_copy, pull, push, tidy
from vpr_ros.fleet.publishing import alone
from vpr_ros.fleet.schema import problems
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, copy

from .conftest import START


@pytest.fixture
def pushed(connection, town, describe, tmp_path):
    """Push a map of three sessions, the first in three versions, and return its path.

    The second version has a place that the third lacks.
    """
    path = tmp_path / 'pushed.vprmap'
    copy(town, path)
    with MapWriter.open(path) as place_map:
        push(connection, 'town', place_map)
        new = NewPlace(describe(999), 1, START, Pose.identity(), thumbnail=b'new')
        (added,) = place_map.add([new])
        push(connection, 'town', place_map)
        place_map.delete([added])
        push(connection, 'town', place_map, shrink=True)
    return path


def versions(connection):
    sessions = FleetMap(connection, 'town').sessions(former=True)
    return [[each.version for each in sessions if each.name == name] for name in ('s1', 's2')]


def descriptors(connection):
    return connection.execute('SELECT count(*) FROM descriptors').fetchone()[0]


@pytest.mark.parametrize(
    ('keep', 'left', 'removed'), [(2, [1, 2, 3], (0, 0)), (1, [2, 3], (1, 0)), (0, [3], (2, 1))]
)
def test_old_versions_go_with_what_belongs_to_them_alone(
    connection, pushed, tmp_path, keep, left, removed
):
    assert tidy(connection, 'town', keep) == TidyReport(*removed, unpublished=0, busy=0)
    assert versions(connection) == [left, [1]]
    assert descriptors(connection) == 121 - removed[1]
    assert problems(connection) == []
    fleet = FleetMap(connection, 'town')
    uid = fleet.sessions()[0].uid
    assert [fleet.session(uid, number) is not None for number in (1, 2, 3)] == [
        number in left for number in (1, 2, 3)
    ]
    for number in left:
        path = tmp_path / f'{number}.vprmap'
        with open_copy(path, fleet) as place_map:
            pull(fleet, place_map, [fleet.session(uid, number)])
            assert len(place_map) == 40 + (number == 2)
            assert place_map.verify() == []
    with PlaceMap.open(pushed) as place_map:
        assert [each.outcome for each in push(connection, 'town', place_map)] == ['unchanged'] * 3


def test_what_an_unfinished_push_left_goes_and_is_sent_again(connection, town, monkeypatch):
    monkeypatch.setattr('vpr_ros.fleet.pushing._BATCH_PLACES', 16)

    def interrupt(done, _total):
        if done:
            raise KeyboardInterrupt

    with PlaceMap.open(town) as place_map:
        with pytest.raises(KeyboardInterrupt):
            push(connection, 'town', place_map, [2], interrupt)
        assert tidy(connection, 'town', 1) == TidyReport(0, 16, unpublished=1, busy=0)
        assert descriptors(connection) == 0
        assert [each.outcome for each in push(connection, 'town', place_map)] == ['new'] * 3


def test_a_session_that_is_being_pushed_is_left_alone(connection, database, pushed):
    uid = FleetMap(connection, 'town').sessions()[0].uid
    with connected(database) as other, alone(other, uid):
        assert tidy(connection, 'town', 0) == TidyReport(0, 0, unpublished=0, busy=1)
    assert tidy(connection, 'town', 0).versions == 2


def test_a_deleted_session_stays_deleted_for_those_who_follow(connection, pushed):
    uid = FleetMap(connection, 'town').sessions()[1].uid
    delete(connection, 'town', uid)
    assert tidy(connection, 'town', 0).descriptors == 41
    session = FleetMap(connection, 'town').session(uid)
    assert (session.version, session.deleted) == (2, True)


def test_only_an_owner_may_tidy_up(connection, pushed):
    connection.execute('SET ROLE vpr_robot')
    try:
        with pytest.raises(FleetError, match='only an owner'):
            tidy(connection, 'town', 0)
    finally:
        connection.execute('RESET ROLE')
    assert versions(connection)[0] == [1, 2, 3]
