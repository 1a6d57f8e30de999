# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map whose file is removed or replaced while it is open."""

from __future__ import annotations

import shutil

import pytest

from vpr_ros.errors import MapInUseError
from vpr_ros.maps import MapWriter, PlaceMap, verify


@pytest.mark.parametrize('how', ['removed', 'moved', 'replaced'])
def test_nothing_is_written_where_nobody_would_find_it(filled, tmp_path, new_place, how):
    with MapWriter.open(filled) as place_map:
        assert not place_map.displaced
        aside = tmp_path / 'aside'
        shutil.copy(filled, aside)
        if how == 'removed':
            filled.unlink()
        elif how == 'moved':
            filled.rename(tmp_path / 'moved')
        else:
            aside.rename(filled)
        assert place_map.displaced
        with pytest.raises(MapInUseError, match='removed or replaced'):
            place_map.add([new_place(1)])
        assert len(place_map) == 40


def test_map_that_is_brought_back_is_written_again(filled, tmp_path, new_place):
    with MapWriter.open(filled) as place_map:
        filled.rename(tmp_path / 'moved')
        with pytest.raises(MapInUseError):
            place_map.add([new_place(1)])
        (tmp_path / 'moved').rename(filled)
        place_map.add([new_place(1)])
    assert verify(filled) == []
    with PlaceMap.open(filled) as place_map:
        assert len(place_map) == 41


def test_cleared_map_is_empty_and_can_be_filled_again(filled, new_place):
    with MapWriter.open(filled) as place_map:
        place_map.clear()
        assert len(place_map) == 0
        assert place_map.session_list() == ()
        session = place_map.begin_session('again', 0)
        assert session == 3
        assert place_map.add([new_place(1, session)]) == [41]
    assert verify(filled) == []
