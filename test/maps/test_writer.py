# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError, MapMissingError
from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.maps import Camera, MapWriter, NewPlace, PlaceMap
from vpr_ros.types import Description

FINITE = st.floats(-1e9, 1e9)


def same(place, new, place_id):
    assert place.id == place_id
    assert (place.session, place.stamp, place.camera) == (new.session, new.stamp, new.camera)
    assert place.distance == new.distance
    if new.pose is None:
        assert place.pose is None
    else:
        assert np.array_equal(place.pose.as_array(), new.pose.as_array())
    if new.covariance is None:
        assert place.covariance is None
    else:
        assert np.allclose(place.covariance, new.covariance, rtol=1e-6)
    if new.geo is None:
        assert place.geo is None
    else:
        expected = (new.geo.lat, new.geo.lon, new.geo.alt)
        actual = (place.geo.lat, place.geo.lon, place.geo.alt)
        assert np.array_equal(actual, expected, equal_nan=True)


@st.composite
def new_places(draw):
    number = draw(st.integers(0, 1000))
    rng = np.random.default_rng(number)
    vector = rng.standard_normal(32).astype(np.float32)
    root = rng.standard_normal((6, 6))
    degrees = st.builds(
        GeoPoint, st.floats(-90, 90), st.floats(-180, 180), st.just(float('nan')) | FINITE
    )
    poses = st.builds(
        lambda p, yaw: Pose.of(p, (0, 0, np.sin(yaw), np.cos(yaw))),
        st.tuples(FINITE, FINITE, FINITE),
        st.floats(-4, 4),
    )
    return NewPlace(
        Description(vector / np.linalg.norm(vector), rng.integers(0, 256, 8, dtype=np.uint8)),
        session=1,
        stamp=draw(st.integers(-(2**63), 2**63 - 1)),
        pose=draw(st.none() | poses),
        covariance=draw(st.none() | st.just(root @ root.T)),
        geo=draw(st.none() | degrees),
        camera=draw(st.text(st.characters(exclude_categories=['Cs']), max_size=5)),
        distance=draw(st.none() | FINITE),
    )


@settings(max_examples=25)
@given(groups=st.lists(st.lists(new_places(), max_size=4), max_size=4))
def test_what_was_added_is_what_is_read(tmp_path_factory, model, groups):
    path = tmp_path_factory.mktemp('map') / 'any.vprmap'
    with MapWriter.create(path, model) as writer:
        assert writer.begin_session('only', 0) == 1
        ids = [key for group in groups for key in writer.add(group)]
        written = [writer.place(key) for key in ids]
    flat = [place for group in groups for place in group]
    with PlaceMap.open(path, model=model) as reader:
        assert reader.verify() == []
        assert reader.ids.tolist() == ids == list(range(1, len(flat) + 1))
        for key, new, seen in zip(ids, flat, written, strict=True):
            same(reader.place(key), new, key)
            same(seen, new, key)
        expected = [new.description.descriptor.astype(np.float16) for new in flat]
        assert np.array_equal(reader.descriptors(range(len(flat))), np.reshape(expected, (-1, 32)))
        codes = [new.description.code for new in flat]
        assert np.array_equal(reader.codes, np.reshape(codes, (-1, 8)))


def test_descriptors_beyond_the_memory_budget_are_read_from_the_file(filled, describe):
    with PlaceMap.open(filled) as cached, PlaceMap.open(filled, memory_budget=1000) as uncached:
        rows = [39, 0, 7, 7]
        expected = np.stack([describe(i).descriptor.astype(np.float16) for i in rows])
        assert np.array_equal(cached.descriptors(rows), expected)
        assert np.array_equal(uncached.descriptors(rows), expected)
        assert uncached.snapshot.cache is None
        cached.preload()
        everything = cached.descriptors(range(40))
    with PlaceMap.open(filled) as again:
        assert np.array_equal(again.descriptors(range(40)), everything)


def test_map_that_outgrows_the_memory_budget_while_written_stays_right(path, model, new_place):
    with MapWriter.create(path, model, memory_budget=2 * 32 * 10) as place_map:
        place_map.begin_session('s', 0)
        for i in range(15):
            place_map.add([new_place(i)])
        assert place_map.snapshot.cache is None
        expected = [new_place(i).description.descriptor.astype(np.float16) for i in range(15)]
        assert np.array_equal(place_map.descriptors(range(15)), np.stack(expected))


def test_existing_file_is_not_overwritten(filled, model):
    before = filled.read_bytes()
    with pytest.raises(MapError, match='exists already'):
        MapWriter.create(filled, model)
    assert filled.read_bytes() == before
    assert [file.name for file in filled.parent.iterdir()] == [filled.name]


def test_closed_map_is_one_file(filled):
    assert [file.name for file in filled.parent.iterdir()] == [filled.name]


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'descriptor': np.zeros(32, np.float32)}, 'norm 0'),
        ({'descriptor': np.full(32, np.nan, np.float32)}, 'norm nan'),
        ({'descriptor': np.ones(31, np.float32)}, 'shape'),
        ({'code': None}, '64 bits'),
        ({'code': np.zeros(7, np.uint8)}, '64 bits'),
        ({'code': np.zeros(8, np.int64)}, '64 bits'),
    ],
)
def test_unfit_description_leaves_the_map_as_it_was(filled, new_place, describe, change, reason):
    with MapWriter.open(filled) as place_map:
        version = place_map.version
        bad = new_place(2, description=replace(describe(2), **change))
        with pytest.raises(MapError, match=reason):
            place_map.add([new_place(1, camera='new'), bad])
        assert (len(place_map), place_map.version) == (40, version)
        assert place_map.refresh() is False
        assert place_map.verify() == []


@pytest.mark.parametrize(
    ('fields', 'reason'),
    [
        ({'session': 9}, 'no session 9'),
        ({'pose': Pose(np.full(3, np.nan), np.array([0, 0, 0, 1.0]))}, 'finite position'),
        ({'pose': Pose(np.zeros(3), np.zeros(4))}, 'unit quaternion'),
        ({'covariance': np.full((6, 6), np.inf)}, 'finite'),
        ({'covariance': np.triu(np.ones((6, 6)))}, 'symmetric'),
        ({'covariance': np.eye(3)}, '6 x 6'),
        ({'distance': float('inf')}, 'distance'),
        ({'camera': 'lone \ud800 surrogate'}, 'text'),
    ],
)
def test_unfit_place_leaves_the_map_as_it_was(filled, new_place, fields, reason):
    with MapWriter.open(filled) as place_map:
        with pytest.raises(MapError, match=reason):
            place_map.add([new_place(1), new_place(2, **fields)])
        assert len(place_map) == 40
        assert place_map.add([new_place(3)]) == [41]
        assert place_map.verify() == []


def test_stamp_beyond_64_bits_is_refused(filled, new_place):
    with MapWriter.open(filled) as place_map:
        with pytest.raises(MapError, match='64 bits'):
            place_map.add([replace(new_place(1), stamp=2**63)])
        with pytest.raises(MapError, match='64 bits'):
            place_map.begin_session('s', 2**63)
        assert place_map.add([new_place(1)]) == [41]


def test_map_made_with_another_model_is_refused_naming_the_difference(filled, model):
    for change, reason in (
        ({'name': 'other-net'}, "model 'test-net' in the map, 'other-net' here"),
        ({'weights_id': 'sha-of-others'}, 'weights'),
        ({'preprocessing': 'crop'}, 'preprocessing'),
        ({'descriptor_dim': 64}, 'descriptor length 32'),
    ):
        for kind in (PlaceMap, MapWriter):
            with pytest.raises(MapError, match=reason):
                kind.open(filled, model=replace(model, **change))
    MapWriter.open(filled, model=model).close()


def test_missing_map_and_folder_are_refused_with_the_reason(tmp_path, model):
    with pytest.raises(MapError, match='no such file'):
        PlaceMap.open(tmp_path / 'none.vprmap')
    with pytest.raises(MapError, match='no such file'):
        PlaceMap.open(tmp_path)
    with pytest.raises(MapMissingError, match='there is no folder'):
        MapWriter.create(tmp_path / 'no' / 'folder.vprmap', model)


def test_map_open_for_reading_offers_nothing_that_writes(filled):
    before = filled.read_bytes()
    with PlaceMap.open(filled) as place_map:
        for name in (
            'add',
            'begin_session',
            'clear',
            'compact',
            'delete',
            'delete_session',
            'merge',
            'recode',
            'set_datum',
            'set_mount',
            'transaction',
            'update_poses',
        ):
            assert hasattr(MapWriter, name)
            assert not hasattr(place_map, name)
    assert filled.read_bytes() == before


def test_closed_map_says_so(filled, new_place):
    writer = MapWriter.open(filled)
    reader = PlaceMap.open(filled)
    for place_map in (writer, reader):
        place_map.close()
        place_map.close()
        with pytest.raises(MapError, match='closed'):
            place_map.refresh()
    with pytest.raises(MapError, match='closed'):
        writer.add([new_place(1)])


def test_second_writer_is_refused_and_readers_are_not(filled):
    script = (
        'import sys; from vpr_ros.maps import MapWriter, PlaceMap\n'
        'from vpr_ros.errors import MapError\n'
        'print(len(PlaceMap.open(sys.argv[1])))\n'
        'try: MapWriter.open(sys.argv[1])\n'
        'except MapError as error: print(error)\n'
    )
    with MapWriter.open(filled):
        with pytest.raises(MapError, match='is being written by process'):
            MapWriter.open(filled)
        output = subprocess.run(
            [sys.executable, '-c', script, filled], check=True, capture_output=True, text=True
        ).stdout
    assert output.startswith('40\n')
    assert 'is being written by process' in output
    MapWriter.open(filled).close()


def test_reader_sees_places_when_they_are_committed_and_it_refreshes(filled, new_place):
    with MapWriter.open(filled) as writer, PlaceMap.open(filled) as reader:
        assert reader.refresh() is False
        with pytest.raises(MapError):
            writer.add([new_place(100), new_place(101, session=77)])
        assert reader.refresh() is False
        new = [new_place(100, camera='rear'), new_place(101)]
        assert writer.add(new) == [41, 42]
        assert len(reader) == 40
        old = reader.snapshot
        assert reader.refresh() is True
        same(reader.place(42), new[1], 42)
        same(reader.place(41), new[0], 41)
        assert len(old) == 40
        assert reader.refresh() is False
        assert reader.version == writer.version


def test_reader_follows_corrected_poses_and_deletions(filled):
    with MapWriter.open(filled) as writer, PlaceMap.open(filled) as reader:
        reader.preload()
        moved = Pose.planar(5, 6, 7)
        covariance = np.diag(np.arange(1.0, 7))
        writer.update_poses([3, 30], [moved, Pose.identity()], [covariance, None])
        assert reader.refresh() is True
        for place_map in (writer, reader):
            assert np.array_equal(place_map.place(3).pose.as_array(), moved.as_array())
            assert np.array_equal(place_map.place(3).covariance, covariance)
            assert place_map.place(3).stamp == 2000
        writer.delete_session(1)
        assert reader.refresh() is True
        for place_map in (writer, reader):
            assert place_map.ids.tolist() == list(range(21, 41))
            assert [session.name for session in place_map.session_list()] == ['evening']
            assert place_map.verify() == []
            with pytest.raises(MapError, match='no place 3'):
                place_map.place(3)


def test_descriptor_deleted_behind_a_reader_is_an_error_and_never_another_one(filled, describe):
    with MapWriter.open(filled) as writer, PlaceMap.open(filled) as reader:
        writer.delete([1, 2, 3])
        with pytest.raises(MapError, match='place 2 is missing'):
            reader.descriptors([1])
        expected = describe(3).descriptor.astype(np.float16)
        assert np.array_equal(reader.descriptors([3])[0], expected)
        reader.refresh()
        assert np.array_equal(reader.descriptors([0])[0], expected)


def test_identities_are_never_used_twice(filled, new_place):
    with MapWriter.open(filled) as place_map:
        place_map.delete(range(1, 41))
        place_map.delete_session(2)
        assert len(place_map) == 0
        assert place_map.begin_session('next', 1) == 3
        assert place_map.add([new_place(1, session=3)]) == [41]
    with PlaceMap.open(filled) as place_map:
        assert place_map.ids.tolist() == [41]
        assert place_map.verify() == []


def test_pose_update_is_all_or_nothing(filled):
    with MapWriter.open(filled) as place_map:
        version = place_map.version
        for ids, poses in (
            ([1, 99], [Pose.identity()] * 2),
            ([1, 1], [Pose.identity()] * 2),
            ([1, 2], [Pose.identity()]),
            ([1, 2], [Pose.identity(), Pose(np.full(3, np.inf), np.array([0, 0, 0, 1.0]))]),
        ):
            with pytest.raises(MapError):
                place_map.update_poses(ids, poses)
        assert place_map.version == version
        assert place_map.place(1).pose.as_array().tolist() != Pose.identity().as_array().tolist()
        assert place_map.verify() == []


def test_every_write_raises_the_version(path, model, new_place):
    with MapWriter.create(path, model) as place_map:
        versions = [place_map.version]
        for write in (
            lambda: place_map.begin_session('s', 0),
            lambda: place_map.add([new_place(1)]),
            lambda: place_map.update_poses([1], [Pose.identity()]),
            lambda: place_map.delete([1]),
        ):
            write()
            versions.append(place_map.version)
    assert versions == sorted(set(versions))
    with PlaceMap.open(path) as place_map:
        assert place_map.version == versions[-1]


def test_recode_gives_every_place_a_code_and_new_places_too(path, hashless, new_place, describe):
    descriptions = [describe(i, bits=0) for i in range(30)]
    new = [new_place(i, description=each) for i, each in enumerate(descriptions)]
    with MapWriter.create(path, hashless) as place_map:
        with pytest.raises(MapError, match='0 descriptors'):
            place_map.recode()
        place_map.begin_session('s', 0)
        place_map.add(new[:20])
        assert place_map.codes.shape == (20, 0)
        assert place_map.info().coder == ''
        with PlaceMap.open(path) as reader:
            place_map.recode(bits=512)
            place_map.add(new[20:])
            assert reader.refresh() is True
            assert reader.codes.shape == (30, 4)
    with PlaceMap.open(path) as place_map:
        assert place_map.verify() == []
        assert place_map.info().coder.startswith('itq-')
        assert place_map.info().code_bits == 32
        for row, description in enumerate(descriptions):
            assert np.array_equal(
                place_map.snapshot.query_of(description)[1], place_map.codes[row]
            )


def test_recode_of_a_map_with_a_hash_head_is_refused(filled):
    with (
        MapWriter.open(filled) as place_map,
        pytest.raises(MapError, match='made by test-net itself'),
    ):
        place_map.recode()


def test_info_says_what_is_in_the_map(path, model, new_place):
    datum = Datum(48.1, 11.5, 500)
    with MapWriter.create(path, model, frame_id='campus', datum=datum) as place_map:
        session = place_map.begin_session('first', 5)
        assert place_map.info().bounds is None
        place_map.add([new_place(i, camera='front') for i in range(3)])
        place_map.add([new_place(9, pose=None, geo=GeoPoint(48, 11))])
        info = place_map.info()
    assert (info.places, info.frame_id, info.datum, info.model) == (4, 'campus', datum, model)
    assert info.bounds == ((0, -2, 0), (2, 0, 0))
    assert info.cameras == (Camera('front'), Camera(''))
    assert [(s.id, s.name, s.started, s.places) for s in info.sessions] == [
        (session, 'first', 5, 4)
    ]
    with PlaceMap.open(path) as place_map:
        assert replace(place_map.info(), bytes=0) == replace(info, bytes=0)
        assert place_map.info().bytes == path.stat().st_size


def test_map_survives_a_change_by_someone_else_between_its_own_writes(filled, new_place):
    with MapWriter.open(filled) as place_map:
        other = sqlite3.connect(filled)
        other.execute("UPDATE meta SET value = '77' WHERE key = 'version'")
        other.commit()
        other.close()
        with pytest.raises(MapError, match='checksum of table meta'):
            place_map.add([new_place(1)])


def test_place_costs_what_the_format_promises(tmp_path, model, describe):
    big = replace(model, descriptor_dim=512, code_bits=512)
    with MapWriter.create(tmp_path / 'big.vprmap', big) as place_map:
        place_map.begin_session('s', 0)
        pose, geo = Pose.planar(1.5, 2.5, 3), GeoPoint(48.123, 11.456, 500.5)
        for start in range(0, 5000, 100):
            place_map.add(
                [
                    NewPlace(describe(i, 512, 512), 1, 10**18 + i, pose, None, geo, '', i * 0.3)
                    for i in range(start, start + 100)
                ]
            )
    assert (tmp_path / 'big.vprmap').stat().st_size / 5000 <= 1.3 * 1024


MOUNT = Pose.of((0.3, -0.1, 1.2), (-0.5, 0.5, -0.5, 0.5))


def test_camera_moved_on_its_robot_is_another_camera(path, model, new_place):
    moved = MOUNT @ Pose.planar(0.1, 0, 0)
    with MapWriter.create(path, model) as place_map:
        place_map.begin_session('', 0)
        for mount in (None, MOUNT, moved, MOUNT):
            place_map.add([new_place(1, camera='front', mount=mount)])
        seen = {place.id: place.mount for place in place_map.places(place_map.ids)}
        assert len(place_map.info().cameras) == 3
    with PlaceMap.open(path) as place_map:
        mounts = [place.mount for place in place_map.places(place_map.ids)]
        assert mounts[0] is None is seen[1]
        for found, given in zip(mounts[1:], (MOUNT, moved, MOUNT), strict=True):
            assert (found.as_array() == given.as_array()).all()
        assert place_map.verify() == []


def test_format_is_raised_by_the_first_mount_alone(path, model, new_place):
    with MapWriter.create(path, model) as writer:
        writer.begin_session('', 0)
        writer.add([new_place(1, camera='front')])
        assert writer.info().format == _stored_format(path) == 1
        with PlaceMap.open(path) as reader:
            writer.set_mount('front', MOUNT)
            assert reader.refresh()
            assert (reader.place(1).mount.as_array() == MOUNT.as_array()).all()
        assert writer.info().format == _stored_format(path) == 2
        assert writer.verify() == []


def test_mount_is_refused_where_it_would_be_a_guess(path, model, new_place):
    nowhere = Pose(np.full(3, np.nan), np.array([0, 0, 0, 1.0]))
    with MapWriter.create(path, model) as place_map:
        place_map.begin_session('', 0)
        place_map.add([new_place(1, camera='front', mount=MOUNT)])
        with pytest.raises(MapError, match=r"no camera 'rear'; it has \['front'\]"):
            place_map.set_mount('rear', MOUNT)
        with pytest.raises(MapError, match='finite'):
            place_map.set_mount('front', nowhere)
        with pytest.raises(MapError, match='finite'):
            place_map.add([new_place(2, mount=nowhere)])
        place_map.add([new_place(2, camera='front', mount=Pose.identity())])
        with pytest.raises(MapError, match='different places'):
            place_map.set_mount('front', MOUNT)
        assert len(place_map) == 2


def _stored_format(path):
    with closing(sqlite3.connect(f'{path.as_uri()}?mode=ro', uri=True)) as connection:
        return connection.execute('PRAGMA user_version').fetchone()[0]
