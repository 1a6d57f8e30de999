# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import subprocess

import pytest

from vpr_ros.errors import MapError
from vpr_ros.maps import MapWriter, PlaceMap, verify
from vpr_ros.maps.log_witness import state_alone


def fill(place_map, new_place):
    places = [new_place(i) for i in range(50)]
    for _ in range(200):
        place_map.add(places)


def test_write_that_does_not_fit_the_disk_leaves_the_map_as_it_was(
    filled, new_place, files_limited_to
):
    with MapWriter.open(filled) as place_map, PlaceMap.open(filled) as reader:
        place_map.add([new_place(1)])
        reader.refresh()
        with files_limited_to(200_000), pytest.raises(MapError, match='disk'):
            fill(place_map, new_place)
        count = len(place_map)
        assert 41 <= count < 10000
        assert place_map.verify() == []
        reader.refresh()
        assert len(reader) == count
        assert place_map.add([new_place(2)]) == [count + 1]
    assert verify(filled) == []
    with PlaceMap.open(filled) as place_map:
        assert len(place_map) == count + 1


@pytest.mark.parametrize('freed', [False, True])
def test_log_that_does_not_fit_into_the_file_stays_beside_it(
    filled, new_place, files_limited_to, freed
):
    with MapWriter.open(filled) as place_map:
        fill(place_map, new_place)
    count = 40 + 200 * 50
    place_map = MapWriter.open(filled)
    with files_limited_to(filled.stat().st_size + 4096):
        place_map.add([new_place(i) for i in range(500)])
        assert state_alone(filled) is None
        # The file alone makes no sense any more, and is taken for no other.
        assert not place_map.displaced
        if not freed:
            place_map.add([new_place(1)])
            place_map.close()
    if freed:
        place_map.add([new_place(1)])
        place_map._connection.execute('PRAGMA wal_checkpoint(PASSIVE)')
        place_map.add([new_place(2)])
        place_map.close()
    assert verify(filled) == []
    with MapWriter.open(filled) as place_map:
        assert len(place_map) == count + 500 + 1 + freed
        place_map.add([new_place(3)])
    assert list(filled.parent.iterdir()) == [filled]


def test_database_that_may_not_grow_says_that_the_disk_is_full(filled, new_place):
    with MapWriter.open(filled) as place_map:
        place_map._database().execute('PRAGMA max_page_count = 1')
        with pytest.raises(MapError, match='disk is full'):
            place_map.add([new_place(i) for i in range(200)])
        assert len(place_map) == 40
        place_map._connection.execute('PRAGMA max_page_count = 1000000')
        assert len(place_map.add([new_place(i) for i in range(200)])) == 200
        assert place_map.verify() == []


def test_map_cannot_be_created_on_a_full_disk(path, model, files_limited_to):
    with files_limited_to(2000), pytest.raises(MapError):
        MapWriter.create(path, model)
    assert list(path.parent.iterdir()) == []
    MapWriter.create(path, model).close()


@pytest.mark.skipif(os.geteuid() != 0, reason='mounting a small disk needs root')
def test_map_on_a_disk_that_really_is_full(tmp_path, model, new_place):
    disk = tmp_path / 'disk'
    disk.mkdir()
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip('this machine does not allow mounting')
    try:
        with MapWriter.create(disk / 'town.vprmap', model) as place_map:
            place_map.begin_session('s', 0)
            with pytest.raises(MapError, match='full'):
                fill(place_map, new_place)
            count = len(place_map)
        assert count > 0
        assert verify(disk / 'town.vprmap') == []
        with PlaceMap.open(disk / 'town.vprmap') as place_map:
            assert len(place_map) == count
    finally:
        subprocess.run(['umount', str(disk)], check=True)
