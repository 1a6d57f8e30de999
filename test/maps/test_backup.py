# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

import numpy as np
import pytest

from vpr_ros.errors import MapError, MapExistsError, MapInUseError, MapMissingError
from vpr_ros.maps import MapWriter, PlaceMap, copy, verify


def test_copy_of_a_map_that_is_being_written_is_whole(filled, tmp_path, new_place):
    target = tmp_path / 'copy.vprmap'
    with MapWriter.open(filled) as place_map:
        place_map.add([new_place(99)])
        copy(filled, target)
        assert verify(target) == []
        with PlaceMap.open(target) as copied:
            assert copied.id == place_map.id
            np.testing.assert_array_equal(copied.codes, place_map.codes)
        place_map.add([new_place(100)])
    assert sorted(file.name for file in tmp_path.iterdir()) == ['copy.vprmap', 'town.vprmap']


def test_file_that_is_there_is_replaced_only_if_asked(filled, tmp_path):
    target = tmp_path / 'copy.vprmap'
    target.write_bytes(b'precious')
    with pytest.raises(MapExistsError, match='overwrite'):
        copy(filled, target)
    assert target.read_bytes() == b'precious'
    copy(filled, target, overwrite=True)
    assert verify(target) == []


def test_map_is_not_copied_onto_itself_nor_onto_one_that_is_written(filled, tmp_path):
    with pytest.raises(MapInUseError, match='itself'):
        copy(filled, filled, overwrite=True)
    other = tmp_path / 'other.vprmap'
    shutil.copy(filled, other)
    with MapWriter.open(other), pytest.raises(MapInUseError, match='written by'):
        copy(filled, other, overwrite=True)
    assert verify(filled) == verify(other) == []


def test_missing_map_and_missing_folder_are_named(filled, tmp_path):
    with pytest.raises(MapMissingError, match='no such file'):
        copy(tmp_path / 'none.vprmap', tmp_path / 'copy.vprmap')
    with pytest.raises(MapMissingError, match='no folder'):
        copy(filled, tmp_path / 'nowhere' / 'copy.vprmap')


def test_copy_that_does_not_fit_the_disk_leaves_the_old_file(filled, tmp_path, files_limited_to):
    target = tmp_path / 'copy.vprmap'
    target.write_bytes(b'precious')
    with files_limited_to(8000), pytest.raises(MapError, match='disk'):
        copy(filled, target, overwrite=True)
    assert target.read_bytes() == b'precious'
    assert sorted(file.name for file in tmp_path.iterdir()) == ['copy.vprmap', 'town.vprmap']
