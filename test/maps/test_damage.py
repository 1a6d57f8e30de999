# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.geometry import Datum, GeoPoint
from vpr_ros.maps import MapWriter, PlaceMap, verify


class Sound:
    """The bytes of a map, and all it says; its text is short, for reports of failures."""

    def __init__(self, content, truth):
        self.content = content
        self.truth = truth


@pytest.fixture(scope='module')
def sound(tmp_path_factory, model, new_place):
    path = tmp_path_factory.mktemp('sound') / 'town.vprmap'
    with MapWriter.create(path, model, datum=Datum(48, 11, 0)) as place_map:
        for name in ('morning', 'evening'):
            session = place_map.begin_session(name, 7)
            place_map.add(
                [
                    new_place(i, session, geo=GeoPoint(48, 11), covariance=np.eye(6), camera='c')
                    for i in range(60)
                ]
            )
    with PlaceMap.open(path) as place_map:
        return Sound(path.read_bytes(), everything(place_map))


def everything(place_map):
    info = {key: value for key, value in asdict(place_map.info()).items() if key != 'path'}
    columns = place_map.snapshot.columns
    arrays = [np.asarray(getattr(columns, name)).tobytes() for name in vars(columns)]
    return (
        info,
        place_map.snapshot.names,
        arrays,
        place_map.descriptors(range(len(place_map))).tobytes(),
    )


def judge(path, truth):
    """Check that a damaged file is refused, or says nothing but the truth."""
    problems = verify(path)
    before = path.read_bytes()
    try:
        with PlaceMap.open(path) as place_map:
            said = everything(place_map)
    except MapError:
        assert problems
    else:
        assert said[1:] == truth[1:]
        assert {**said[0], 'bytes': 0} == {**truth[0], 'bytes': 0}
    assert path.read_bytes() == before
    return problems


@settings(max_examples=100)
@given(data=st.data())
def test_flipped_bytes_are_refused_or_harmless(tmp_path_factory, sound, data):
    original, truth = sound.content, sound.truth
    damaged = bytearray(original)
    places = st.integers(0, 200) | st.integers(0, len(original) - 1)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(places)
        length = data.draw(st.sampled_from([1, 1, 4, 100]))
        mask = data.draw(st.integers(1, 255))
        zeroed = data.draw(st.booleans()) and length > 1
        part = damaged[start : start + length]
        damaged[start : start + length] = bytes(0 if zeroed else byte ^ mask for byte in part)
    path = tmp_path_factory.mktemp('damaged') / 'town.vprmap'
    path.write_bytes(damaged)
    judge(path, truth)


@settings(max_examples=40)
@given(data=st.data())
def test_truncated_map_is_refused_with_the_reason(tmp_path_factory, sound, data):
    original, truth = sound.content, sound.truth
    length = data.draw(st.integers(0, len(original) - 1))
    path = tmp_path_factory.mktemp('short') / 'town.vprmap'
    path.write_bytes(original[:length])
    assert judge(path, truth)
    with pytest.raises(MapError, match=r'damaged|not a place map'):
        PlaceMap.open(path)
    with pytest.raises(MapError, match=r'damaged|not a place map'):
        MapWriter.open(path)
    assert path.read_bytes() == original[:length]


def alter(path, *statements):
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ('statement', 'reason'),
    [
        ('DELETE FROM places WHERE id = 5', 'of 120 places 119'),
        ('UPDATE places SET x = x + 1e-9 WHERE id = 5', 'checksum of place 5'),
        ('UPDATE places SET x = NULL WHERE id = 5', 'checksum of place 5'),
        ("UPDATE places SET x = 'north' WHERE id = 5", 'makes no sense'),
        ('UPDATE places SET code = NULL WHERE id = 5', 'makes no sense'),
        ("UPDATE places SET covariance = x'00' WHERE id = 5", 'makes no sense'),
        ('UPDATE places SET id = 500 WHERE id = 5', 'checksum of place 500'),
        ("UPDATE sessions SET name = 'noon' WHERE id = 1", 'checksum of session 1'),
        ('DELETE FROM sessions WHERE id = 1', 'are missing'),
        ("UPDATE cameras SET name = 'rear'", 'checksum of camera 1'),
        ('DELETE FROM cameras', 'are missing'),
        ("UPDATE meta SET value = '\"odom\"' WHERE key = 'frame_id'", 'checksum of table meta'),
        ("DELETE FROM meta WHERE key = 'datum'", 'checksum of table meta'),
        ('DELETE FROM meta', 'checksum of table meta'),
        ('DROP TABLE descriptors', 'its tables are not'),
        ('CREATE TRIGGER t DELETE ON places BEGIN SELECT 1; END', 'its tables are not'),
        ('PRAGMA user_version = 4', 'newer version of vpr_ros'),
        ('PRAGMA user_version = 0', 'format 0'),
        ('PRAGMA application_id = 1', 'not a place map'),
    ],
)
def test_altered_map_is_refused_with_the_reason(filled_120, statement, reason):
    alter(filled_120, statement)
    for kind in (PlaceMap, MapWriter):
        with pytest.raises(MapError, match=reason):
            kind.open(filled_120)
    assert any(reason in problem for problem in verify(filled_120))


@pytest.fixture
def filled_120(tmp_path, sound):
    path = tmp_path / 'town.vprmap'
    path.write_bytes(sound.content)
    return path


@pytest.mark.parametrize(
    ('statement', 'reason'),
    [
        ('DELETE FROM descriptors WHERE place = 5', 'descriptor of place 5 is missing'),
        ('UPDATE descriptors SET data = zeroblob(64) WHERE place = 5', 'descriptor of place 5'),
        ('UPDATE descriptors SET data = zeroblob(3) WHERE place = 5', 'descriptor of place 5'),
        ("UPDATE descriptors SET data = 'text' WHERE place = 5", 'descriptor of place 5'),
        (
            'REPLACE INTO descriptors SELECT 5, data FROM descriptors WHERE place = 6',
            'descriptor of place 5',
        ),
    ],
)
def test_altered_descriptor_is_reported_and_never_returned(filled_120, statement, reason):
    alter(filled_120, statement)
    assert [reason in problem for problem in verify(filled_120)] == [True]
    with PlaceMap.open(filled_120) as place_map:
        assert [reason in problem for problem in place_map.verify()] == [True]
        place_map.descriptors([3, 5, 6])
        with pytest.raises(MapError, match=reason):
            place_map.descriptors([3, 4, 5])


def test_descriptor_without_a_place_is_reported(filled_120):
    alter(filled_120, 'INSERT INTO descriptors VALUES (500, zeroblob(64))')
    assert verify(filled_120) == ['1 descriptors belong to no place']


@pytest.mark.parametrize('content', [b'', b'hello', b'\0' * 5000, b'SQLite format 3\0' * 400])
def test_foreign_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / 'foreign.vprmap'
    path.write_bytes(content)
    for kind in (PlaceMap, MapWriter):
        with pytest.raises(MapError, match='not a place map'):
            kind.open(path)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert verify(path)


def test_database_of_another_program_is_refused_and_left_alone(tmp_path):
    path = tmp_path / 'foreign.vprmap'
    alter(path, 'CREATE TABLE places (id INTEGER)')
    content = path.read_bytes()
    with pytest.raises(MapError, match='not a place map'):
        MapWriter.open(path)
    assert path.read_bytes() == content
