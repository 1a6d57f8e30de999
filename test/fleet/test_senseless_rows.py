# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rows that a robot of the fleet may write and that make no sense concern its own session only."""

from __future__ import annotations

import pytest

from vpr_ros.fleet import FleetMap, FleetRetriever, delete, open_copy, publishing, pull, push, tidy
from vpr_ros.fleet.pulling import _Download
from vpr_ros.fleet.schema import problems
from vpr_ros.fleet.sync import FleetSync
from vpr_ros.maps import PlaceMap

from .test_sync import until

PLACE = 'WHERE session = 2 AND number = 3'
OF_PLACES = [
    "code = B'1010'",
    "code = B''",
    "covariance = '\\x0102'",
    "covariance = decode(repeat('0000807f', 21), 'hex')",
    "x = 'infinity'",
    'x = 1e300',
    'x = 1, y = NULL',
    'x = 0, y = 0, z = 0, qx = 0, qy = 0, qz = 0, qw = 0',
    'x = 0, y = 0, z = 0, qx = 1e300, qy = 0, qz = 0, qw = 1',
    'latitude = 1000, longitude = 0',
    'latitude = 48, longitude = NULL',
    "latitude = 48, longitude = 11, altitude = '-infinity'",
    'distance = -1e308',
    'number = 0',
    'number = -7',
    'number = 2147483647',
    'camera = 99999',
]
OF_DESCRIPTORS = [
    "data = '[1, 2, 3]'",
    'data = (SELECT array_agg(60000)::halfvec FROM generate_series(1, 32))',
]
FOUND_BY_PULLS_ALONE = {OF_PLACES[3], OF_DESCRIPTORS[1]}


@pytest.fixture
def pushed(connection, town):
    """Push the town; its sessions are 1, 2 and 3 on the server."""
    with PlaceMap.open(town) as place_map:
        push(connection, 'town', place_map)


@pytest.mark.usefixtures('pushed')
@pytest.mark.parametrize(
    'statement',
    [f'UPDATE places SET {each} {PLACE}' for each in OF_PLACES]
    + [f'UPDATE descriptors SET {each} {PLACE}' for each in OF_DESCRIPTORS]
    + [f'DELETE FROM descriptors {PLACE}'],
)
def test_session_that_makes_no_sense_keeps_no_other_from_anybody(
    connection, database, describe, tmp_path, statement
):
    connection.execute(statement)
    path = tmp_path / 'robot.vprmap'
    (reason,) = FleetSync(path, database, 'town').once().refused.values()
    assert reason.startswith("session 2 ('s2'): ")
    with PlaceMap.open(path) as place_map:
        assert [each.name for each in place_map.session_list()] == ['s1', 's3']
        assert place_map.verify() == []
    found = FleetRetriever(FleetMap(connection, 'town')).search(describe(45), k=100)
    assert len(found.ids) >= 100 - 1
    if not any(each in statement for each in FOUND_BY_PULLS_ALONE):
        assert problems(connection)


@pytest.mark.usefixtures('pushed')
def test_robot_that_follows_says_what_it_leaves_alone(connection, database, tmp_path):
    connection.execute(f'UPDATE places SET camera = 99999 {PLACE}')
    following = FleetSync(tmp_path / 'robot.vprmap', database, 'town', interval=0.1)
    with following:
        until(lambda: following.state.places == 80)
        assert following.state.refused[0].startswith("session 2 ('s2'): ")
        delete(connection, 'town', FleetMap(connection, 'town').sessions()[1].uid)
        until(lambda: not following.state.refused)
    assert following.state.fault == ''


@pytest.mark.usefixtures('pushed')
def test_sense_that_is_lost_costs_the_robot_nothing_it_has(connection, tmp_path):
    fleet, path = FleetMap(connection, 'town'), tmp_path / 'robot.vprmap'
    with open_copy(path, fleet) as place_map:
        pull(fleet, place_map, fleet.sessions())
        connection.execute(f'UPDATE places SET camera = 99999 {PLACE}')
        report = pull(fleet, place_map, fleet.sessions())
        assert (report.unchanged, len(report.refused), report.changed) == (2, 1, False)
        assert len(place_map) == 120


@pytest.mark.usefixtures('pushed')
@pytest.mark.parametrize('mount', ['{1, 2}', '{NaN, 0, 0, 0, 0, 0, 1}', '{{1, 2, 3, 0, 0, 0, 1}}'])
def test_camera_mounted_nowhere_disturbs_nobody(connection, town, tmp_path, mount):
    connection.execute(
        "INSERT INTO cameras (map, name, mount) SELECT id, 'x', %s FROM maps", [mount]
    )
    fleet = FleetMap(connection, 'town')
    with open_copy(tmp_path / 'copy.vprmap', fleet) as place_map:
        assert len(pull(fleet, place_map, fleet.sessions()).added) == 3
    with PlaceMap.open(town) as place_map:
        assert {each.outcome for each in push(connection, 'town', place_map)} == {'unchanged'}


@pytest.mark.usefixtures('pushed')
@pytest.mark.parametrize('moment', ['infinity', '-infinity', '4000-01-01 BC', '12000-01-01'])
def test_moments_beyond_all_calendars_disturb_nobody(connection, moment):
    connection.execute('UPDATE versions SET pushed_at = %s WHERE session = 2', [moment])
    assert len(FleetMap(connection, 'town').sessions()) == 3


@pytest.mark.usefixtures('pushed')
def test_version_that_is_tidied_away_while_it_is_pulled_is_pulled_anew(
    connection, tmp_path, monkeypatch
):
    fleet, fetch = FleetMap(connection, 'town'), _Download.packed_descriptors
    (first, *_) = fleet.sessions()

    def replaced(*arguments):
        """Fetch what belongs to a version that has been removed."""
        monkeypatch.setattr(_Download, 'packed_descriptors', fetch)
        rows = fleet.places(first)
        label = publishing.SessionLabel(first.name, first.started, first.frame)
        numbers = rows.take(slice(0, 10))
        publishing.publish(fleet, first.key, 1, label, _numbered(numbers), bytes(16))
        assert tidy(connection, 'town', 0).descriptors == 30
        return fetch(*arguments)

    monkeypatch.setattr(_Download, 'packed_descriptors', replaced)
    with open_copy(tmp_path / 'copy.vprmap', fleet) as place_map:
        report = pull(fleet, place_map, [first])
        assert (report.places, report.refused) == (10, {})


def _numbered(columns):
    """Return places of the server with their numbers as identities."""
    from dataclasses import replace

    from vpr_ros.fleet.place_rows import MOST_PLACES

    return replace(columns, ids=columns.ids & (MOST_PLACES - 1))
