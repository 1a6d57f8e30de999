# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import json
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.geometry.trajectory_file import Trajectory, TrajectoryError, read_tum, tum_line
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.maps.map_export import (
    PoseUpdate,
    update_by_id,
    update_by_stamp,
    write_csv,
    write_geojson,
    write_tum,
)
from vpr_ros.printable import as_cell
from vpr_ros.stamps import format_stamp, parse_stamp

STAMPS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), 2**63 - 1])
NUMBERS = st.floats(-1e9, 1e9)
QUATERNIONS = st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1)


def parsed(rows):
    return list(csv.DictReader(io.StringIO(rows)))


def text(write, *arguments, **options):
    file = io.StringIO(newline='')
    write(*arguments, file, **options)
    return file.getvalue()


@given(STAMPS)
def test_stamps_survive_the_way_through_seconds_to_the_nanosecond(stamp):
    assert parse_stamp(format_stamp(stamp)) == stamp


@pytest.mark.parametrize(
    ('written', 'stamp'),
    [
        ('1305031102.175304', 1305031102175304000),
        ('1.4e9', 1400000000 * 10**9),
        ('-0.5', -5 * 10**8),
    ],
)
def test_stamps_are_read_as_other_programs_write_them(written, stamp):
    assert parse_stamp(written) == stamp


@pytest.mark.parametrize('written', ['', 'nan', 'inf', '1e999999999', '1e900000', 'ten'])
def test_what_is_no_stamp_is_refused(written):
    with pytest.raises(ValueError, match='no stamp'):
        parse_stamp(written)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(STAMPS, st.tuples(*[NUMBERS] * 3), QUATERNIONS), min_size=1, max_size=20)
)
def test_trajectory_file_reads_back_exactly(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp('tum') / 'poses.txt'
    poses = [Pose.of(position, orientation) for _, position, orientation in entries]
    lines = [
        tum_line(format_stamp(stamp), pose.as_array())
        for (stamp, _, _), pose in zip(entries, poses, strict=True)
    ]
    path.write_text('# stamp x y z qx qy qz qw\n' + '\n'.join(lines))
    back = read_tum(path)
    assert back.keys.tolist() == [stamp for stamp, _, _ in entries]
    for pose, again in zip(poses, back.poses, strict=True):
        np.testing.assert_array_equal(pose.position, again.position)
        np.testing.assert_allclose(pose.orientation, again.orientation, rtol=0, atol=1e-15)


@settings(max_examples=50)
@given(content=st.text())
def test_any_text_is_a_trajectory_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / 'any.txt'
    path.write_text(content, encoding='utf-8', errors='replace')
    with suppress(TrajectoryError):
        read_tum(path)


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        ('1 2 3', 'line 2: 3 fields'),
        ('1 0 0 0 0 0 0 0', 'line 2: .*zero quaternion'),
        ('1 nan 0 0 0 0 0 1', 'line 2: .*not finite'),
        ('1 a 0 0 0 0 0 1', "line 2: 'a' is no number"),
        ('1e300 0 0 0 0 0 0 1', 'no stamp'),
    ],
)
def test_bad_line_is_refused_with_its_number(tmp_path, line, words):
    (tmp_path / 'poses.txt').write_text(f'0 0 0 0 0 0 0 1\n{line}\n')
    with pytest.raises(TrajectoryError, match=words):
        read_tum(tmp_path / 'poses.txt')


def test_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(TrajectoryError, match='No such file'):
        read_tum(tmp_path / 'none')
    (tmp_path / 'binary').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(TrajectoryError, match='no text'):
        read_tum(tmp_path / 'binary')


@pytest.mark.parametrize('ids', [False, True])
def test_optimised_poses_return_to_their_places(filled, tmp_path, ids):
    with MapWriter.open(filled) as place_map:
        # All but the last five were optimised; some back ends write only microseconds.
        with (tmp_path / 'out.txt').open('w') as file:
            assert write_tum(place_map, file, ids=ids) == 40
        lines = (tmp_path / 'out.txt').read_text('utf-8').splitlines()[:-5]
        moved = []
        for line in lines[1:]:
            key, x, *rest = line.split()
            moved.append(' '.join([key if ids else key[:-3], str(float(x) + 5), *rest]))
        (tmp_path / 'in.txt').write_text('\n'.join(moved))
        before = place_map.positions[:, 0].copy()
        trajectory = read_tum(tmp_path / 'in.txt', by_id=ids)
        if ids:
            update = update_by_id(place_map, trajectory)
        else:
            update = update_by_stamp(place_map, trajectory, tolerance=0)
        assert update == PoseUpdate(35, 5)
        np.testing.assert_allclose(place_map.positions[:, 0] - before, [5] * 35 + [0] * 5)


def test_only_the_sessions_asked_for_get_poses(filled):
    with MapWriter.open(filled) as place_map:
        stamps = place_map.stamps
        trajectory = Trajectory(stamps[::-1].copy(), [Pose.of((7, 7, 7))] * len(stamps))
        assert update_by_stamp(place_map, trajectory, 0, [2]) == PoseUpdate(20, 0)
        assert (place_map.positions == 7).all(axis=1).tolist() == [False] * 20 + [True] * 20


@settings(max_examples=50)
@given(
    stamps=st.lists(st.integers(0, 60_000), min_size=1, unique=True),
    tolerance=st.integers(0, 3000),
)
def test_each_place_takes_the_nearest_pose_within_the_tolerance(memory_map, stamps, tolerance):
    place_map, original = memory_map
    place_map.update_poses(place_map.ids, original)
    trajectory = Trajectory(np.array(stamps), [Pose.of((float(s), 0, 1e6)) for s in stamps])
    gaps = np.abs(np.array(stamps)[None] - place_map.stamps[:, None])
    expected = gaps.min(axis=1) <= tolerance
    if not expected.any():
        with pytest.raises(TrajectoryError, match='none of the'):
            update_by_stamp(place_map, trajectory, tolerance)
        return
    update = update_by_stamp(place_map, trajectory, tolerance)
    changed = place_map.positions[:, 2] == 1e6
    assert changed.tolist() == expected.tolist()
    assert update == PoseUpdate(expected.sum(), 40 - expected.sum())
    distances = np.abs(place_map.positions[changed, 0] - place_map.stamps[changed])
    np.testing.assert_array_equal(distances, gaps.min(axis=1)[changed])


@pytest.fixture(scope='module')
def memory_map(tmp_path_factory, model, new_place):
    path = tmp_path_factory.mktemp('memory') / 'map'
    with MapWriter.create(path, model) as place_map:
        session = place_map.begin_session('s', 0)
        place_map.add([new_place(i, session) for i in range(40)])
        yield place_map, [place.pose for place in place_map.places(place_map.ids)]


def test_ambiguous_or_foreign_trajectories_change_nothing(filled):
    here = Pose.of((0, 0, 0))
    with MapWriter.open(filled) as place_map:
        version = place_map.version
        with pytest.raises(TrajectoryError, match=r'several poses at 0\.000001000 s'):
            update_by_stamp(place_map, Trajectory(np.array([1000, 1000]), [here, here]))
        with pytest.raises(TrajectoryError, match='none of the 1 poses'):
            update_by_stamp(place_map, Trajectory(np.array([10**18]), [here]))
        with pytest.raises(TrajectoryError, match='none of the 0 poses'):
            update_by_stamp(place_map, Trajectory(np.array([], np.int64), []))
        with pytest.raises(MapError, match='no place 99'):
            update_by_id(place_map, Trajectory(np.array([1, 99]), [here, here]))
        assert place_map.version == version


@pytest.fixture
def mixed(path, model, new_place):
    """A map about a datum: a pose and a fix, a pose alone, a fix alone, neither."""
    datum = Datum(48.0, 11.0, 500.0)
    with MapWriter.create(path, model, datum=datum) as place_map:
        session = place_map.begin_session('Straße, "quoted"', 0)
        north = Pose.planar(0, 100, np.pi / 2)
        unknown_rotation = np.diag([1, 1, 1, *[np.pi**2] * 3])
        fix = GeoPoint(48.5, 11.5)
        place_map.add(
            [
                new_place(1, session, pose=north, geo=fix, camera='front'),
                new_place(2, session, pose=north, covariance=unknown_rotation),
                new_place(3, session, pose=None, geo=fix, distance=None),
                new_place(4, session, pose=None),
            ]
        )
    return path


def test_geojson_shows_places_where_they_are(mixed):
    with PlaceMap.open(mixed) as place_map:
        data = json.loads(text(write_geojson, place_map))
    assert data['type'] == 'FeatureCollection'
    assert [feature['id'] for feature in data['features']] == [1, 2, 3]
    first, second, third = data['features']
    lon, lat, alt = first['geometry']['coordinates']
    assert (lon, lat) == (pytest.approx(11.0), pytest.approx(48.000899, abs=1e-6))
    assert alt == pytest.approx(500, abs=0.01)
    assert third['geometry'] == {'type': 'Point', 'coordinates': [11.5, 48.5]}
    assert first['properties'] == {
        'id': 1,
        'session': 1,
        'session_name': 'Straße, "quoted"',
        'camera': 'front',
        'stamp_ns': 1000,
        'time': '1970-01-01T00:00:00.000001+00:00',
        'distance': 1.0,
        'heading': 0.0,
    }
    assert second['properties']['heading'] is None
    assert third['properties']['distance'] is None


def test_map_without_a_place_on_earth_gives_no_geojson(filled):
    with PlaceMap.open(filled) as place_map, pytest.raises(MapError, match='no datum'):
        text(write_geojson, place_map)


def test_csv_has_every_place_and_exact_numbers(mixed):
    with PlaceMap.open(mixed) as place_map:
        rows = parsed(text(write_csv, place_map))
        poses = place_map.snapshot.columns.poses
    assert [row['id'] for row in rows] == ['1', '2', '3', '4']
    assert rows[0]['session_name'] == 'Straße, "quoted"'
    pose = [float(rows[0][name]) for name in ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')]
    assert pose == poses[0].tolist()
    assert (rows[2]['lon'], rows[2]['lat'], rows[2]['alt'], rows[2]['x']) == (
        '11.5',
        '48.5',
        '',
        '',
    )
    assert rows[3]['lon'] == ''
    # What proj says: cs2cs EPSG:4326 EPSG:32632, of 48.5 11.5.
    utm = rows[2]['utm_zone'], float(rows[2]['utm_east']), float(rows[2]['utm_north'])
    assert utm == (
        '32N',
        pytest.approx(684672.5424, abs=1e-3),
        pytest.approx(5374893.9706, abs=1e-3),
    )
    assert float(rows[0]['utm_north']) < utm[2]
    assert (rows[3]['utm_zone'], rows[3]['utm_east']) == ('', '')


def test_utm_coordinates_of_a_csv_are_of_one_zone_and_none_at_the_pole(path, model, new_place):
    with MapWriter.create(path, model) as place_map:
        session = place_map.begin_session('', 0)
        points = [None, GeoPoint(-0.001, 11.999), GeoPoint(0.001, 12.001)]
        place_map.add([new_place(i, session, pose=None, geo=p) for i, p in enumerate(points)])
        rows = parsed(text(write_csv, place_map))
        assert [row['utm_zone'] for row in rows] == ['', '32S', '32S']
        places = np.array([[float(row['utm_east']), float(row['utm_north'])] for row in rows[1:]])
        assert np.linalg.norm(places[1] - places[0]) == pytest.approx(314.4, abs=0.6)
        polar = place_map.begin_session('', 0)
        place_map.add([new_place(9, polar, pose=None, geo=GeoPoint(89, 0))])
        (row,) = parsed(text(write_csv, place_map, sessions=[polar]))
        assert (row['lat'], row['utm_zone'], row['utm_east']) == ('89.0', '', '')


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(-(2**63), 2**63 - 1), st.tuples(*[NUMBERS] * 3), QUATERNIONS),
        min_size=1,
        max_size=5,
    ),
    st.text(st.characters(exclude_categories=['Cs']), max_size=20),
)
def test_csv_reads_back_exactly(tmp_path_factory, model, describe, entries, name):
    from vpr_ros.maps import MapWriter, NewPlace

    path = tmp_path_factory.mktemp('csv') / 'map'
    with MapWriter.create(path, model) as place_map:
        session = place_map.begin_session(name, 0)
        place_map.add(
            [
                NewPlace(describe(1), session, stamp, Pose.of(position, orientation), camera=name)
                for stamp, position, orientation in entries
            ]
        )
        rows = parsed(text(write_csv, place_map))
        poses = place_map.snapshot.columns.poses
    assert [int(row['stamp_ns']) for row in rows] == [stamp for stamp, _, _ in entries]
    numbers = [
        [float(row[key]) for key in ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')] for row in rows
    ]
    assert numbers == poses.tolist()
    # The csv module of Python reads a lone carriage return in a name as the end of a line.
    if '\r' not in name:
        assert {row['session_name'] for row in rows} == {as_cell(name)}


def test_exports_can_be_of_some_sessions(filled):
    with PlaceMap.open(filled) as place_map:
        assert len(parsed(text(write_csv, place_map, sessions=[2]))) == 20
        assert text(write_tum, place_map, ids=True, sessions=[1]).count('\n') == 21
        with pytest.raises(MapError, match='no session 9'):
            text(write_csv, place_map, sessions=[9])


def test_area_holds_the_places_within_the_radius(mixed):
    with PlaceMap.open(mixed) as place_map:
        snapshot = place_map.snapshot
        centre = GeoPoint(48.000899, 11.0, 9000.0)
        assert snapshot.within(centre, 1).tolist() == [1, 2]
        assert snapshot.within(GeoPoint(48.0, 11.0), 99).tolist() == []
        assert snapshot.within(GeoPoint(48.5, 11.5), 1).tolist() == [3]
        assert snapshot.within((0, 100, 0), 0).tolist() == [1, 2]


def test_places_of_unknown_position_are_in_no_area(filled):
    with PlaceMap.open(filled) as place_map:
        assert place_map.snapshot.within(GeoPoint(0, 0), 1e9).tolist() == []


def test_no_name_is_a_formula_of_the_table(path, model, new_place):
    with MapWriter.create(path, model) as place_map:
        place_map.begin_session('=cmd|/C calc!A0', 0)
        place_map.add(
            [new_place(1, distance=-1.0, camera='@SUM(1)'), new_place(2, camera='-front')]
        )
        rows = parsed(text(write_csv, place_map))
    assert [row['session_name'] for row in rows] == ["'=cmd|/C calc!A0"] * 2
    assert [row['camera'] for row in rows] == ["'@SUM(1)", "'-front"]
    assert rows[0]['distance'] == '-1.0'  # A number stays one.


EXTREMES = [-(2**63), -(2**63) + 1, -1, 0, 2**62, 2**63 - 2, 2**63 - 1]


def test_poses_at_any_stamp_are_written_and_read_back(path, model, describe, tmp_path):
    tum = tmp_path / 'poses.tum'
    with MapWriter.create(path, model) as place_map:
        place_map.begin_session('s', 2**63 - 1)
        place_map.add(
            [
                NewPlace(describe(i), 1, stamp, Pose.planar(i, 0, 0))
                for i, stamp in enumerate(EXTREMES)
            ]
        )
        tum.write_text(text(write_tum, place_map, ids=False))
        trajectory = read_tum(tum)
        assert trajectory.keys.tolist() == EXTREMES
        moved = [Pose.planar(i, 5, 0) for i in range(len(EXTREMES))]
        update_by_stamp(place_map, Trajectory(trajectory.keys, moved), tolerance=0)
        assert place_map.positions[:, 1].tolist() == [5] * len(EXTREMES)
        # The first and the last stamp are not near one another.
        last = Trajectory(np.array([2**63 - 1]), [Pose.planar(0, 7, 0)])
        assert update_by_stamp(place_map, last, tolerance=10**9).updated == 2
        assert [row['time'] for row in parsed(text(write_csv, place_map))][3:5] == [
            '1970-01-01T00:00:00+00:00',
            '2116-02-20T23:53:38.427387+00:00',
        ]


@pytest.mark.parametrize(
    'written', ['9223372036.854775808', '1e99', '1e999999', 'nan', '-inf', '9e10']
)
def test_stamp_beyond_64_bits_is_refused(written):
    with pytest.raises(ValueError, match='no stamp'):
        parse_stamp(written)
