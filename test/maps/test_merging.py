# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.maps import MapWriter, PlaceMap, merge, verify


@pytest.fixture
def make(tmp_path, model, new_place):
    """Make a closed map of ten places a session."""

    def make(name, sessions=1, first=0, of=model, **fields):
        options = {key: fields.pop(key) for key in ('frame_id', 'datum') if key in fields}
        path = tmp_path / f'{name}.vprmap'
        with MapWriter.create(path, of, **options) as place_map:
            for number in range(sessions):
                session = place_map.begin_session(f'{name} {number}', 7)
                start = first + 10 * number
                place_map.add(
                    [new_place(start + i, session, camera=name, **fields) for i in range(10)]
                )
        return path

    return make


def contents(path):
    """All that a place is but its identities, in order of stamp."""
    with PlaceMap.open(path) as place_map:
        names = {session.id: session.name for session in place_map.session_list()}
        columns = place_map.snapshot.columns
        floats = place_map.descriptors(np.arange(len(place_map)))
        return sorted(
            (
                place.stamp,
                names[place.session],
                place.camera,
                place.distance,
                columns.poses[row].tobytes(),
                columns.geo[row].tobytes(),
                columns.covariances[row].tobytes(),
                columns.codes[row].tobytes(),
                floats[row].tobytes(),
            )
            for row, place in enumerate(place_map.places(place_map.ids))
        )


def test_merged_map_holds_exactly_what_its_parts_hold(tmp_path, make):
    parts = [
        make('a', 2, geo=GeoPoint(48, 11), covariance=np.diag([1, 2, 3, 4, 5, 6.0])),
        make('b', 1, first=40, pose=None),
        make('c', 1, first=60),
    ]
    before = [part.read_bytes() for part in parts]
    said = []
    about = merge(
        tmp_path / 'all', [(part, None) for part in parts], lambda *now: said.append(now)
    )
    assert (about.places, len(about.sessions)) == (40, 4)
    assert contents(tmp_path / 'all') == sorted(
        place for part in parts for place in contents(part)
    )
    assert verify(tmp_path / 'all') == []
    assert [part.read_bytes() for part in parts] == before
    assert said == [(20, 40), (30, 40), (40, 40)]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        'a.vprmap',
        'all',
        'b.vprmap',
        'c.vprmap',
    ]


def test_only_the_chosen_sessions_are_merged(tmp_path, make):
    about = merge(tmp_path / 'all', [(make('a', 3), [1, 3]), (make('b', 2, first=50), [2])])
    assert [session.name for session in about.sessions] == ['a 0', 'a 2', 'b 1']
    assert about.places == 30


def test_session_keeps_its_identity_and_is_not_merged_twice(tmp_path, make):
    a, b = make('a', 2), make('b', first=50)
    merge(tmp_path / 'ab', [(a, None), (b, None)])
    with PlaceMap.open(a) as one, PlaceMap.open(tmp_path / 'ab') as both:
        uids = [session.uid for session in both.session_list()]
        assert uids[:2] == [session.uid for session in one.session_list()]
        assert len(set(uids)) == 3
    with pytest.raises(MapError, match=r"session 2 \('a 1'\).* is here already, as session 2"):
        merge(tmp_path / 'again', [(tmp_path / 'ab', None), (a, [2])])
    assert not (tmp_path / 'again').exists()
    assert not (tmp_path / 'again-merge').exists()


def test_session_that_is_not_there_is_refused(tmp_path, make):
    with pytest.raises(MapError, match='has no session 9'):
        merge(tmp_path / 'all', [(make('a'), [9])])


@pytest.mark.parametrize(
    ('field', 'value', 'words'),
    [
        ('name', 'other-net', 'model'),
        ('weights_id', 'other', 'weights'),
        ('preprocessing', 'resize 322', 'preprocessing'),
        ('code_bits', 0, 'code bits'),
    ],
)
def test_map_of_another_model_is_refused(tmp_path, make, model, field, value, words):
    a, b = make('a'), make('b', of=replace(model, **{field: value}))
    with pytest.raises(MapError, match=rf'b\.vprmap cannot be merged: .*{words}'):
        merge(tmp_path / 'all', [(a, None), (b, None)])


def test_codes_of_all_places_are_made_by_one_coder(tmp_path, make, hashless):
    parts = [make('a', of=hashless), make('b', of=hashless, first=50)]
    for seed, part in enumerate(parts):
        with MapWriter.open(part) as place_map:
            place_map.recode(bits=16, seed=seed)
    merge(tmp_path / 'all', [(part, None) for part in parts])
    with PlaceMap.open(parts[0]) as first, PlaceMap.open(tmp_path / 'all') as merged:
        coder = first.snapshot.coder
        assert merged.info().coder == coder.id
        expected = coder.encode(merged.descriptors(np.arange(20)))
        np.testing.assert_array_equal(merged.codes, expected)
    assert verify(tmp_path / 'all') == []


@pytest.mark.parametrize(
    ('ours', 'theirs', 'words'),
    [
        ({'frame_id': 'map'}, {'frame_id': 'odom'}, "frames 'map' and 'odom', without a datum"),
        ({'datum': Datum(48, 11)}, {}, 'one has a datum'),
        ({}, {'datum': Datum(48, 11)}, 'one has a datum'),
    ],
)
def test_poses_that_cannot_be_related_are_refused(tmp_path, make, ours, theirs, words):
    a, b = make('a', **ours), make('b', first=50, **theirs)
    with pytest.raises(MapError, match=words):
        merge(tmp_path / 'all', [(a, None), (b, None)])


def test_places_without_poses_need_no_related_frames(tmp_path, make):
    a, b = make('a', datum=Datum(48, 11)), make('b', first=50, pose=None, frame_id='none')
    assert merge(tmp_path / 'all', [(a, None), (b, None)]).places == 20


def test_datums_far_apart_are_related_by_turning_as_well_as_shifting(tmp_path, make):
    # Two maps of the same spot, one of them about a datum 2000 km away.
    near, far = Datum(48.0, 11.0, 500.0), Datum(60.0, 30.0, 20.0)
    spot = GeoPoint(48.001, 11.002, 520.0)
    level = Pose.of(near.position_of(spot), Pose.planar(0, 0, 0.3).orientation)
    forward = near.point_at((level @ Pose.of((10.0, 0, 0))).position)
    a = make('a', datum=near, pose=level, covariance=np.diag([1, 4, 9, 0.1, 0.2, 0.3]))
    skew = far.pose_of(near) @ level
    b = make('b', datum=far, pose=skew, first=50, covariance=np.diag([1, 4, 9, 0.1, 0.2, 0.3]))
    merge(tmp_path / 'all', [(a, None), (b, None)])
    with PlaceMap.open(tmp_path / 'all') as merged:
        assert merged.datum == near
        moved = merged.places(merged.ids)[-1]
        np.testing.assert_allclose(moved.pose.position, level.position, atol=1e-7)
        assert moved.pose.angle_to(level) < 1e-9
        ahead = (moved.pose @ Pose.of((10.0, 0, 0))).position
        np.testing.assert_allclose(near.position_of(forward), ahead, atol=1e-6)
        turn = np.kron(np.eye(2), near.pose_of(far).rotation)
        expected = turn @ np.diag([1, 4, 9, 0.1, 0.2, 0.3]) @ turn.T
        np.testing.assert_allclose(moved.covariance, expected, atol=1e-5)


@settings(max_examples=100)
@given(
    st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.floats(-100, 9000)),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.floats(-100, 9000)),
    st.tuples(*[st.floats(-5000, 5000)] * 3),
)
def test_change_of_datum_is_what_the_way_over_the_globe_gives(first, second, position):
    ours, theirs = Datum(*first), Datum(*second)
    direct = (ours.pose_of(theirs) @ Pose.of(position)).position
    around = ours.to_enu(theirs.to_geodetic(position))[0]
    # The way to geodetic coordinates and back is exact to some micrometres.
    np.testing.assert_allclose(direct, around, atol=1e-5)


def test_map_is_merged_into_one_that_is_being_read(make, new_place):
    a, b = make('a', 2), make('b', 2, first=50)
    with MapWriter.open(a) as place_map, PlaceMap.open(a) as reader:
        place_map.preload()
        with PlaceMap.open(b) as source:
            assert place_map.merge(source, [2]) == {2: 3}
        assert len(reader) == 20
        reader.refresh()
        for seen in (place_map, reader):
            assert len(seen) == 30
            assert seen.session_list()[2].name == 'b 1'
        np.testing.assert_array_equal(
            reader.descriptors(range(30)), place_map.descriptors(range(30))
        )
        assert place_map.begin_session('next', 0) == 4
        assert place_map.add([new_place(99, 4)]) == [31]
        assert place_map.verify() == []


def test_reader_of_an_empty_map_sees_the_coder_it_takes_over(make, tmp_path, hashless):
    source = make('a', of=hashless)
    with MapWriter.open(source) as place_map:
        place_map.recode(bits=16)
    with MapWriter.create(tmp_path / 'new', hashless) as target, PlaceMap.open(source) as other:
        with PlaceMap.open(tmp_path / 'new') as reader:
            target.merge(other)
            reader.refresh()
            np.testing.assert_array_equal(reader.codes, target.codes)
            assert reader.codes.shape == (10, 2)
        assert target.verify() == []


def test_refused_merge_changes_nothing(make, hashless):
    a, b = make('a'), make('b', of=hashless)
    before = contents(a)
    with MapWriter.open(a) as place_map, PlaceMap.open(b) as source:
        with pytest.raises(MapError, match='another model'):
            place_map.merge(source)
        with PlaceMap.open(a) as same, pytest.raises(MapError, match='is here already'):
            place_map.merge(same)
    assert contents(a) == before


def test_existing_file_is_not_merged_over(make):
    a, b = make('a'), make('b')
    with pytest.raises(MapError, match='exists already'):
        merge(a, [(b, None)])
    assert contents(a)[0][1] == 'a 0'


def test_log_of_a_lost_map_is_not_mixed_with_a_new_one(tmp_path, make):
    a = make('a')
    (tmp_path / 'all-wal').write_bytes(b'log')
    with pytest.raises(MapError, match='belongs to a map that is gone'):
        merge(tmp_path / 'all', [(a, None)])
    assert not (tmp_path / 'all').exists()


def test_empty_maps_merge(tmp_path, model):
    MapWriter.create(tmp_path / 'a', model).close()
    with MapWriter.create(tmp_path / 'b', model) as place_map:
        place_map.begin_session('empty', 3)
    about = merge(tmp_path / 'all', [(tmp_path / 'a', None), (tmp_path / 'b', None)])
    assert (about.places, [session.name for session in about.sessions]) == (0, ['empty'])


def test_compacting_gives_space_back_and_keeps_the_rest(filled, new_place):
    with MapWriter.open(filled) as place_map, PlaceMap.open(filled) as reader:
        place_map.add([new_place(100 + i) for i in range(2000)])
        place_map.delete(place_map.ids[5::2])
        kept = place_map.ids.tolist()
        size = place_map.info().bytes
        freed = place_map.compact()
        assert freed > size // 3
        assert place_map.info().bytes == size - freed
        assert place_map.ids.tolist() == kept
        assert place_map.verify() == []
        place_map.add([new_place(5000)])
        reader.refresh()
        assert reader.ids.tolist() == place_map.ids.tolist()
        reader.descriptors(range(len(reader)))
    assert verify(filled) == []


def test_mounts_come_along_and_cameras_of_one_name_stay_apart(tmp_path, make):
    mounts = [Pose.of((0.1, 0, 1)), Pose.of((0.4, 0, 1)), None]
    parts = [
        make(name, first=100 * number, mount=mount)
        for number, (name, mount) in enumerate(zip('abc', mounts, strict=True))
    ]
    out = tmp_path / 'all.vprmap'
    merge(out, [(part, None) for part in parts])
    merge(tmp_path / 'twice.vprmap', [(out, None)])
    for path in (out, tmp_path / 'twice.vprmap'):
        assert verify(path) == []
        with PlaceMap.open(path) as place_map:
            for place in place_map.places(place_map.ids):
                mount = mounts['abc'.index(place.camera)]
                stored = place.mount
                assert (stored is None) == (mount is None)
                assert mount is None or stored.distance_to(mount) == 0
