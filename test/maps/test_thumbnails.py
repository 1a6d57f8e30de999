# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in a map: kept, merged, deleted and checked with their places."""

import sqlite3

import numpy as np
import pytest

from vpr_ros.errors import MapError
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, merge, verify
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('numbers', '0' * 64, 8, 8, 'none', trained=True)


def place(session, picture):
    descriptor = np.eye(8, dtype=np.float32)[0]
    return NewPlace(Description(descriptor, np.uint8([1])), session, 5, thumbnail=picture)


def town(path, pictures):
    with MapWriter.create(path, MODEL) as place_map:
        session = place_map.begin_session('drive', 0)
        place_map.add([place(session, picture) for picture in pictures])
    return path


def test_pictures_come_back_by_place_and_only_where_they_were_given(tmp_path):
    path = town(tmp_path / 'a.vprmap', [b'one', None, b'three'])
    with PlaceMap.open(path) as place_map:
        assert [place_map.thumbnail(i) for i in (1, 2, 3)] == [b'one', None, b'three']
    assert verify(path) == []


def test_map_without_pictures_has_no_table_for_them(tmp_path):
    path = town(tmp_path / 'a.vprmap', [None])
    tables = sqlite3.connect(path).execute('SELECT name FROM sqlite_master').fetchall()
    assert ('thumbnails',) not in tables
    with PlaceMap.open(path) as place_map:
        assert place_map.thumbnail(1) is None


def test_reader_sees_pictures_that_a_writer_adds_later(tmp_path):
    path = town(tmp_path / 'a.vprmap', [None])
    with PlaceMap.open(path) as reader, MapWriter.open(path) as writer:
        assert reader.thumbnail(1) is None
        writer.add([place(1, b'two')])
        reader.refresh()
        assert reader.thumbnail(2) == b'two'


def test_merging_takes_the_pictures_along(tmp_path):
    first = town(tmp_path / 'a.vprmap', [b'one', None])
    second = town(tmp_path / 'b.vprmap', [None, b'two'])
    merge(tmp_path / 'both.vprmap', [(first, None), (second, None)])
    with PlaceMap.open(tmp_path / 'both.vprmap') as both:
        assert [both.thumbnail(i) for i in both.ids.tolist()] == [b'one', None, None, b'two']


def test_deleted_places_leave_no_picture_behind(tmp_path):
    path = town(tmp_path / 'a.vprmap', [b'one', b'two'])
    with MapWriter.open(path) as place_map:
        place_map.delete([1])
        assert place_map.thumbnail(1) is None
        assert place_map.thumbnail(2) == b'two'
    assert verify(path) == []


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ("UPDATE thumbnails SET data = x'00' WHERE place = 1", 'thumbnail of place 1'),
        ("INSERT INTO thumbnails VALUES (9, x'00', 0)", 'belong to no place'),
    ],
)
def test_damage_is_found(tmp_path, change, reason):
    path = town(tmp_path / 'a.vprmap', [b'one'])
    database = sqlite3.connect(path)
    database.execute(change)
    database.commit()
    database.close()
    assert any(reason in problem for problem in verify(path))


def test_damaged_picture_is_never_handed_out(tmp_path):
    path = town(tmp_path / 'a.vprmap', [b'one'])
    database = sqlite3.connect(path)
    database.execute("UPDATE thumbnails SET data = x'00'")
    database.commit()
    database.close()
    with PlaceMap.open(path) as place_map, pytest.raises(MapError, match='thumbnail of place 1'):
        place_map.thumbnail(1)
