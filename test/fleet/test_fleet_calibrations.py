# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import vpr_ros.localize
from vpr_ros.errors import FleetAccessError, FleetError, MapModelError, VprError
from vpr_ros.fleet import FleetMap, connected, explained
from vpr_ros.fleet.fleet_calibrations import pull_calibration, push_calibration
from vpr_ros.fleet.roles import grant
from vpr_ros.localize import Calibration
from vpr_ros.maps import MapWriter

SHIPPED = Path(vpr_ros.localize.__file__).parent / 'calibrations' / 'd2vpr-nano.yaml'


@pytest.fixture
def fleet(connection, tmp_path):
    model = Calibration.load(SHIPPED).model
    with MapWriter.create(tmp_path / 'a.vprmap', model) as place_map:
        yield FleetMap.made_like(connection, 'town', place_map.snapshot)


def test_calibration_comes_back_byte_by_byte(fleet, tmp_path):
    push_calibration(fleet, SHIPPED)
    push_calibration(fleet, SHIPPED)
    path = tmp_path / SHIPPED.name
    pull_calibration(fleet, path)
    assert path.read_bytes() == SHIPPED.read_bytes()


def test_calibration_that_is_not_there_is_named(fleet, tmp_path):
    push_calibration(fleet, SHIPPED)
    with pytest.raises(FleetError, match='no calibration night'):
        pull_calibration(fleet, tmp_path / 'night.yaml')


def test_what_is_no_calibration_replaces_none(fleet, tmp_path):
    path = tmp_path / SHIPPED.name
    shutil.copy(SHIPPED, path)
    push_calibration(fleet, path)
    fleet.connection.execute("UPDATE calibrations SET data = 'no calibration'")
    with pytest.raises(VprError):
        pull_calibration(fleet, path)
    assert path.read_bytes() == SHIPPED.read_bytes()
    assert [each.name for each in tmp_path.glob('*.yaml*')] == [path.name]


def test_calibration_of_another_model_is_refused(connection, model, tmp_path):
    with MapWriter.create(tmp_path / 'b.vprmap', replace(model, name='other')) as place_map:
        fleet = FleetMap.made_like(connection, 'town', place_map.snapshot)
    with pytest.raises(MapModelError, match='another model'):
        push_calibration(fleet, SHIPPED)


def test_calibration_of_another_robot_stays(fleet, database):
    push_calibration(fleet, SHIPPED)
    grant(fleet.connection, 'robot_c', 'robot')
    url = database.replace('owner@', 'robot_c@')
    with connected(url) as connection, pytest.raises(FleetAccessError), explained(url):
        push_calibration(FleetMap(connection, 'town'), SHIPPED)
