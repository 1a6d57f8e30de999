# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math
import os
import tracemalloc

import cv2
import numpy as np
import pytest
from commands import touch
from hostile import tried
from hypothesis import given
from hypothesis import strategies as st
from pictures import blocks

from vpr_ros.errors import VprError
from vpr_ros.evaluation.loop_evaluation import TruthByPairs
from vpr_ros.geometry import Datum, Pose
from vpr_ros.geometry.mounts import parse_mount
from vpr_ros.geometry.trajectory_file import TrajectoryError
from vpr_ros.inputs.folders import FolderError, UtmName, csv_folder, images_in
from vpr_ros.inputs.folders.colmap_model import read_images, read_rigs
from vpr_ros.inputs.folders.exif_photos import photo_folder
from vpr_ros.inputs.folders.kitti import kitti_folder
from vpr_ros.inputs.folders.orbslam import orbslam_folder
from vpr_ros.inputs.folders.tum import tum_folder
from vpr_ros.inputs.folders.utm_names import utm_folder
from vpr_ros.mapping import KeyframeConfig
from vpr_ros.mapping.image_import import import_images
from vpr_ros.maps import MapWriter
from vpr_ros.types import Description, ModelInfo

SECOND = 10**9


def write(path, *lines):
    path.write_text('\n'.join(lines))
    return path


def loop_pairs(_, table):
    return TruthByPairs.read(table)


@pytest.mark.hostile
@pytest.mark.parametrize('beginning', ['', 'file,x,y\n', '1 '], ids=repr)
@pytest.mark.parametrize(
    'read', [csv_folder, kitti_folder, tum_folder, orbslam_folder, loop_pairs]
)
def test_a_line_without_end_is_refused_before_it_is_read(tmp_path, read, beginning):
    images = touch(tmp_path / 'images', '1.5.png')
    table = write(tmp_path / 'table', beginning)
    os.truncate(table, 2**26)  # Takes no room on the disk.
    tried()
    tracemalloc.start()
    try:
        with pytest.raises(VprError, match=r'longer than|lacks the columns|needs the'):
            read(images, table)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


@pytest.mark.hostile
@pytest.mark.parametrize('name', ['images.txt', 'rigs.txt'])
def test_a_line_without_end_in_a_colmap_model_is_refused(tmp_path, name):
    (tmp_path / name).write_text('1 1 0 0 0 0 0 0 1 ')
    os.truncate(tmp_path / name, 2**26)
    tried()
    with pytest.raises(FolderError, match='longer than'):
        (read_images if name == 'images.txt' else read_rigs)(tmp_path)


def test_images_are_found_in_folders_and_in_order(tmp_path):
    touch(tmp_path, 'b/1.JPG', 'a/2.png', 'a/10.tiff', 'a/notes.txt')
    assert [path.name for path in images_in(tmp_path)] == ['2.png', '10.tiff', '1.JPG']
    with pytest.raises(FolderError, match='holds no images'):
        images_in(touch(tmp_path / 'empty', 'readme.md'))


def test_tum_images_take_the_interpolated_pose_at_their_stamps(tmp_path):
    images = touch(tmp_path / 'rgb', '10.500000.png', '0.250000.png', '99.0.png')
    poses = write(
        tmp_path / 'poses.txt',
        '11 21 0 0 0 0 0 1',
        *[f'{i} {2 * i} 0 0 0 0 0 1' for i in range(11)],
    )
    first, second, late = tum_folder(images, poses)
    assert (first.stamp, second.stamp) == (SECOND // 4, 10 * SECOND + SECOND // 2)
    assert first.pose.position[0] == pytest.approx(0.5)
    assert second.pose.position[0] == pytest.approx(20.5)
    assert late.pose is None


def test_euroc_images_are_named_in_nanoseconds(tmp_path):
    images = touch(tmp_path / 'cam0', '1403636579763555584.png')
    poses = write(tmp_path / 'poses.txt', '1403636579.763555584 1 2 3 0 0 0 1')
    (sighting,) = tum_folder(images, poses)
    assert sighting.stamp == 1403636579763555584
    np.testing.assert_array_equal(sighting.pose.position, [1, 2, 3])


def test_trajectories_in_nanoseconds_in_any_order_and_with_repeats(tmp_path, caplog):
    touch(tmp_path, *(f'images/17000000{i}000000000.png' for i in (10, 11, 12)))
    poses = tmp_path / 'poses.txt'
    rows = [(12, 4), (10, 0), (11, 2), (11, 2)]
    poses.write_text('\n'.join(f'17000000{t}000000000 {x} 0 0 0 0 0 1' for t, x in rows))
    images = tum_folder(tmp_path / 'images', poses)
    assert [image.pose.position[0] for image in images] == [0, 2, 4]
    assert '1 poses left out: others have the same stamps' in caplog.text


def test_tum_images_without_stamps_are_refused(tmp_path):
    images = touch(tmp_path / 'rgb', 'left.png')
    with pytest.raises(FolderError, match=r"left.png: 'left' is no stamp"):
        tum_folder(images, write(tmp_path / 'poses.txt', '1 0 0 0 0 0 0 1'))


def test_kitti_poses_become_those_of_a_body_that_looks_forward(tmp_path):
    images = touch(tmp_path / 'image_0', '000000.png', '000001.png')
    # Ten metres ahead (z) and one up (-y), turned 90 degrees to the right about y (down).
    poses = write(tmp_path / 'poses.txt', '1 0 0 0 0 1 0 0 0 0 1 0', '0 0 1 0 0 1 0 -1 -1 0 0 10')
    start, turned = kitti_folder(images, poses, write(tmp_path / 'times.txt', '0', '1.04e-01'))
    np.testing.assert_allclose(start.pose.as_array(), Pose.identity().as_array(), atol=1e-12)
    np.testing.assert_allclose(turned.pose.position, [10, 0, 1], atol=1e-12)
    assert turned.pose.yaw == pytest.approx(-math.pi / 2)
    assert [start.stamp, turned.stamp] == [0, 104_000_000]
    assert kitti_folder(images, poses)[1].stamp == SECOND // 10


@pytest.mark.parametrize(
    ('line', 'error', 'words'),
    [
        ('1 2 3', TrajectoryError, 'line 1: 3 numbers'),
        ('2 0 0 0 0 1 0 0 0 0 1 0', TrajectoryError, 'line 1: the matrix is no rotation'),
        ('-1 0 0 0 0 1 0 0 0 0 1 0', TrajectoryError, 'no rotation'),
        ('1 0 0 0 0 1 0 0 0 0 1 nan', TrajectoryError, 'not finite'),
        ('', FolderError, '0 poses for the 1 images'),
    ],
)
def test_bad_kitti_poses_are_refused(tmp_path, line, error, words):
    images = touch(tmp_path / 'images', '0.png')
    with pytest.raises(error, match=words):
        kitti_folder(images, write(tmp_path / 'poses.txt', line))


ANGLE = st.floats(-math.pi, math.pi)


@given(st.tuples(ANGLE, ANGLE, ANGLE))
def test_any_rotation_matrix_is_read(angles):
    from vpr_ros.geometry.pose import quaternion_of

    pose = parse_mount(' '.join(map(str, (0, 0, 0, *angles))))
    read = Pose.of((0, 0, 0), quaternion_of(pose.rotation.round(6)))
    assert read.angle_to(pose) < 1e-5


def test_csv_columns_are_found_by_name(tmp_path):
    images = touch(tmp_path / 'images', 'a.jpg', 'b.jpg', 'c.jpg', 'd.jpg')
    table = write(
        tmp_path / 'images.csv',
        'Timestamp, Filename, X, Y, yaw, Latitude, Longitude, heading, weather',
        '1700000000.123456789, a.jpg, 1, 2, 1.5, , , , rain',
        '2, b.jpg, , , , 48.5, 11.25, 90, ',
        '3, c.jpg, , , , , , ,',
    )
    a, b, c = csv_folder(images, table)
    assert (a.stamp, a.path) == (1700000000123456789, images / 'a.jpg')
    np.testing.assert_array_equal(a.pose.position, [1, 2, 0])
    assert a.pose.yaw == pytest.approx(1.5)
    assert a.geo is None
    assert (b.pose, b.geo.lat, b.geo.lon, b.heading) == (None, 48.5, 11.25, math.pi / 2)
    assert math.isnan(b.geo.alt)
    assert (c.pose, c.geo) == (None, None)


@pytest.mark.parametrize(
    'lines',
    [
        ('file;x;y', 'a,1.jpg;1,5;-2'),
        ('file\tx\ty', 'a,1.jpg\t1.5\t-2,0'),
        ('"file","x","y"', '"a,1.jpg","1.5","-2"'),
    ],
)
def test_csv_is_read_as_spreadsheets_of_all_countries_write_it(tmp_path, lines):
    images = touch(tmp_path / 'images', 'a,1.jpg')
    (image,) = csv_folder(images, write(tmp_path / 't.csv', *lines))
    np.testing.assert_array_equal(image.pose.position, [1.5, -2, 0])


def test_csv_with_quaternions_and_nanoseconds(tmp_path):
    images = touch(tmp_path / 'images', 'a.jpg')
    table = write(tmp_path / 't.csv', 'file,stamp_ns,x,y,z,qx,qy,qz,qw', 'a.jpg,5,1,2,3,0,0,2,0')
    (a,) = csv_folder(images, table)
    assert a.stamp == 5
    np.testing.assert_array_equal(a.pose.as_array(), [1, 2, 3, 0, 0, 1, 0])


@pytest.mark.parametrize(
    ('lines', 'error', 'words'),
    [
        ([''], FolderError, 'needs the columns file and either x, y or lat, lon'),
        (['file,x', 'a.jpg,1'], FolderError, 'it has file, x'),
        (['file,x,y', 'a.jpg,1,2', 'gone.jpg,1,2'], FolderError, 'gone.jpg'),
        (['file,x,y', 'a.jpg,one,2'], TrajectoryError, "line 2: 'one' is no number"),
        (['file,lat,lon', 'a.jpg,91,2'], TrajectoryError, 'line 2: .*no place on Earth'),
        (['file,stamp,x,y', 'a.jpg,now,1,2'], TrajectoryError, 'line 2: .*no stamp'),
    ],
)
def test_bad_tables_are_refused_with_the_reason(tmp_path, lines, error, words):
    images = touch(tmp_path / 'images', 'a.jpg')
    with pytest.raises(error, match=words):
        csv_folder(images, write(tmp_path / 't.csv', *lines))


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        (
            '@0584990.37@4477209.91@17@T@40.44@-080.0@00001@@180@@@@201311@@.jpg',
            UtmName(584990.37, 4477209.91, 17, False, 180.0),
        ),
        ('@334000.00@6250000.00@56@H@@@@@@@@@@@.jpg', UtmName(334000, 6250000, 56, south=True)),
        ('@0.00@25000.00@.jpg', UtmName(0, 25000)),
        ('@-12.5@7@@@@@@@north@@@@@@.jpg', UtmName(-12.5, 7)),
        ('@1@2@17@@-5.0@@@@@@@@@@.jpg', UtmName(1, 2, 17, south=True)),
        ('@1@2@17@@@@@@@@@@@@.jpg', UtmName(1, 2)),
        ('@1@2@99@T@@@@@@@@@@@.jpg', UtmName(1, 2)),
    ],
)
def test_names_of_data_sets_are_read(name, expected):
    assert UtmName.parse(name) == expected


@pytest.mark.parametrize('name', ['a.jpg', '@.jpg', '@1@.jpg', '@nan@2@.jpg', 'x@1@2@.jpg'])
def test_names_that_say_nothing_are_refused(name):
    with pytest.raises(ValueError, match='does not begin with @UTM_east@UTM_north@'):
        UtmName.parse(name)


@given(st.text())
def test_any_name_is_read_or_refused(name):
    try:
        parsed = UtmName.parse(name)
    except ValueError:
        return
    assert math.isfinite(parsed.east)


def test_folders_with_at_signs_do_not_confuse_the_names(tmp_path):
    folder = touch(tmp_path / 'me@home' / '@1@2@', '@500000.00@5316000.00@33@U@.jpg')
    (sighting,) = utm_folder(folder)
    assert sighting.geo.lat == pytest.approx(47.997299, abs=1e-6)
    assert sighting.geo.lon == pytest.approx(15.0)


def test_neighbours_in_different_zones_are_neighbours(tmp_path):
    from pyproj import Proj

    names = []
    for lon, zone in ((11.9999, 32), (12.0001, 33)):
        east, north = Proj(proj='utm', zone=zone, ellps='WGS84')(lon, 48.0)
        names.append(f'@{east:010.2f}@{north:010.2f}@{zone}@U@@@@@90@.jpg')
    west, east = sorted(utm_folder(touch(tmp_path / 'set', *names)), key=lambda s: s.geo.lon)
    datum = Datum.at(west.geo)
    step = east.reading(datum).pose.position - west.reading(datum).pose.position
    np.testing.assert_allclose(step, [14.92, 0, 0], atol=0.02)
    assert east.reading(datum).pose.yaw == pytest.approx(0)


def test_names_without_zone_are_a_frame_of_their_own(tmp_path):
    folder = touch(tmp_path, '@1000.00@0.00@.jpg', '@0.00@25.00@@@@@@@0@.jpg')
    first, second = utm_folder(folder)
    np.testing.assert_array_equal(first.pose.position, [0, 25, 0])
    assert first.pose.yaw == pytest.approx(math.pi / 2)
    np.testing.assert_array_equal(second.pose.position, [1000, 0, 0])
    with pytest.raises(FolderError, match='2 of 3 images have no UTM zone'):
        utm_folder(touch(folder, '@500000@5316000@33@U@.jpg'))


@pytest.fixture
def photo():
    """Save a JPEG with EXIF data."""
    image = pytest.importorskip('PIL.Image', reason='needs Pillow')

    def save(path, gps=None, exif=None, tags=None):
        picture = image.fromarray(np.full((8, 16, 3), 128, np.uint8))
        data = image.Exif()
        for tag, value in (tags or {}).items():
            data[tag] = value
        if gps is not None:
            data.get_ifd(0x8825).update(gps)
        if exif is not None:
            data.get_ifd(0x8769).update(exif)
        path.parent.mkdir(exist_ok=True)
        picture.save(path, exif=data)
        return path

    return save


def test_photographs_say_where_and_when_and_whither(tmp_path, photo):
    south_west = {1: 'S', 2: (33.0, 51.0, 36.0), 3: 'W', 4: (70.0, 30.0, 0.0), 5: b'\x01', 6: 12.5}
    direction = {16: 'T', 17: 270.0}
    moment = {29: '2024:02:29', 7: (23.0, 59.0, 59.5)}
    photo(tmp_path / 'b.jpg', {**south_west, **direction, **moment})
    photo(
        tmp_path / 'a.jpg',
        {**south_west, 3: 'E', 16: 'M', 17: 10.0},
        {0x9003: '2024:03:01 02:00:00', 0x9011: '+02:00', 0x9291: '25'},
    )
    photo(tmp_path / 'none.jpg')
    (tmp_path / 'broken.jpg').write_bytes(b'\xff\xd8nothing')
    b, a = photo_folder(tmp_path)
    assert (b.path.name, a.path.name) == ('b.jpg', 'a.jpg')
    assert (b.geo.lat, b.geo.lon, b.geo.alt) == pytest.approx((-33.86, -70.5, -12.5))
    assert a.geo.lon == pytest.approx(70.5)
    assert (b.heading, a.heading) == (pytest.approx(1.5 * math.pi), None)
    assert b.stamp == 1709251199_500_000_000
    assert a.stamp == 1709251200_250_000_000


@pytest.mark.parametrize(
    'gps',
    [
        {},
        {1: 'N', 2: (91.0, 0.0, 0.0), 3: 'E', 4: (0.0, 0.0, 0.0)},
        {1: 'N', 2: (1.0, 0.0), 3: 'E', 4: (0.0, 0.0, 0.0)},
        {2: (1.0, 2.0, 3.0)},
    ],
)
def test_photographs_without_a_position_are_refused(tmp_path, photo, gps):
    photo(tmp_path / 'a.jpg', gps)
    with pytest.raises(FolderError, match='none of the 1 images'):
        photo_folder(tmp_path)


_ZERO_BY_ZERO = 'a fraction whose denominator is zero'
COMPLETE = {1: 'N', 2: (48.0, 6.0, 0.0), 3: 'E', 4: (11.0, 36.0, 0.0)}


@pytest.mark.parametrize(
    ('change', 'why'),
    [
        ({1: None}, 'lacks its hemisphere (GPSLatitudeRef)'),
        ({3: None}, 'lacks its hemisphere (GPSLongitudeRef)'),
        ({1: ''}, 'lacks its hemisphere (GPSLatitudeRef)'),
        ({1: '\0\0'}, 'lacks its hemisphere (GPSLatitudeRef)'),
        ({3: ' '}, 'lacks its hemisphere (GPSLongitudeRef)'),
        ({1: '?'}, "(GPSLatitudeRef) is '?'"),
        ({1: 'E'}, "(GPSLatitudeRef) is 'E'"),
        ({3: 'N'}, "(GPSLongitudeRef) is 'N'"),
        ({3: 'O'}, "(GPSLongitudeRef) is 'O'"),
        ({9: 'V'}, 'no fix (GPSStatus V)'),
        ({2: (48.0, _ZERO_BY_ZERO, 0.0)}, 'no place on Earth'),
        ({2: (91.0, 0.0, 0.0)}, 'no place on Earth'),
        ({4: (181.0, 0.0, 0.0)}, 'no place on Earth'),
        ({2: (48.0, 75.0, 0.0)}, 'no place on Earth'),
        ({2: (48.0, 6.0)}, 'no place on Earth'),
        ({2: (0.0, 0.0, 0.0), 4: (0.0, 0.0, 0.0)}, 'latitude 0, longitude 0'),
        ({2: None}, 'no GPS position'),
    ],
)
def test_incomplete_position_of_a_photograph_is_none(tmp_path, photo, caplog, change, why):
    tiff = pytest.importorskip('PIL.TiffImagePlugin', reason='needs Pillow')
    gps = {tag: value for tag, value in {**COMPLETE, **change}.items() if value is not None}
    if _ZERO_BY_ZERO in gps.get(2, ()):
        gps[2] = (gps[2][0], tiff.IFDRational(0, 0), gps[2][2])
    photo(tmp_path / 'bad.jpg', gps)
    photo(tmp_path / 'good.jpg', COMPLETE)
    (good,) = photo_folder(tmp_path)
    assert good.path.name == 'good.jpg'
    assert '1 images left out, such as bad.jpg: ' in caplog.text
    assert why in caplog.text


@pytest.mark.parametrize('reference', ['S', 's', 'S\0', ' S', 'South', 'SOUTH', b'S\0'])
def test_hemispheres_are_read_as_cameras_write_them(tmp_path, photo, reference):
    photo(tmp_path / 'a.jpg', {**COMPLETE, 1: reference})
    (image,) = photo_folder(tmp_path)
    assert image.geo.lat == pytest.approx(-48.1)


def test_photograph_is_turned_upright(tmp_path, photo):
    from vpr_ros.inputs.frames import ImageFile

    assert ImageFile(photo(tmp_path / 'a.jpg', tags={0x0112: 6})).rgb.shape == (16, 8, 3)
    assert ImageFile(photo(tmp_path / 'b.jpg')).rgb.shape == (8, 16, 3)


class Describing:
    """Describes an image by its mean colour."""

    model_info = ModelInfo('test-net', 'weights', 8, 0, 'none', trained=False)

    def describe(self, images):
        means = [np.resize(image.mean(axis=(0, 1)) + 1, 8).astype(np.float32) for image in images]
        return [Description(mean / np.linalg.norm(mean)) for mean in means]


@pytest.fixture
def place_map(tmp_path):
    with MapWriter.create(tmp_path / 'map.vprmap', Describing.model_info) as place_map:
        yield place_map


def pictures(folder, *names):
    folder.mkdir()
    for number, name in enumerate(names):
        cv2.imwrite(str(folder / name), blocks(number))
    return folder


def test_images_become_places_about_the_first_position(tmp_path, place_map):
    names = ['@500000.00@5316000.00@33@U@.png', '@500030.00@5316000.00@33@U@@@@@90@.png']
    sightings = utm_folder(pictures(tmp_path / 'set', *names))
    said = []
    added = import_images(
        place_map,
        sightings,
        Describing(),
        session='set',
        camera='front',
        mount=parse_mount('1 0 0'),
        progress=lambda *now: said.append(now),
    )
    assert (added, said) == (2, [(1, 2), (2, 2)])
    assert place_map.datum.lon == pytest.approx(15.0)
    first, second = place_map.places(place_map.ids)
    assert (first.camera, place_map.session_list()[0].name) == ('front', 'set')
    # The second knows its heading (east), and so where the base is: a metre behind the camera.
    np.testing.assert_allclose(first.pose.position, [0, 0, 0], atol=0.02)
    np.testing.assert_allclose(second.pose.position, [29.01, 0, 0], atol=0.02)
    assert second.geo.lon > 15.0
    assert place_map.info().coder


def test_keyframes_thin_images_out_and_bad_ones_are_left_out(tmp_path, place_map, caplog):
    folder = pictures(tmp_path / 'set', *[f'{i}.0.png' for i in range(6)])
    (folder / '2.0.png').write_bytes(b'broken')
    lines = [f'{i} {i} 0 0 0 0 0 1' for i in range(5)]
    sightings = tum_folder(folder, write(tmp_path / 'poses.txt', *lines))
    assert import_images(place_map, sightings, Describing(), KeyframeConfig(2.0, 0.0)) == 2
    assert [place.stamp for place in place_map.places(place_map.ids)] == [0, 3 * SECOND]
    assert '2.0.png: ' in caplog.text
    assert '1 images left out: they were taken after the last pose' in caplog.text


def test_keyframe_trajectory_gives_poses_to_the_images_between(tmp_path, place_map, caplog):
    folder = pictures(tmp_path / 'set', *[f'{100 + i}.0.png' for i in range(24)])
    lines = [f'{100 + 3 * i} {2.1 * i} 0 0 0 0 0 1' for i in range(8)]
    sightings = tum_folder(folder, write(tmp_path / 'keyframes.txt', *lines))
    known = [image.pose.position[0] for image in sightings if image.pose]
    np.testing.assert_allclose(known, 0.7 * np.arange(22))
    import_images(place_map, sightings, Describing())
    assert '2 images left out: they were taken after the last pose' in caplog.text


def test_gap_of_a_trajectory_is_told(tmp_path, place_map, caplog):
    folder = pictures(tmp_path / 'set', *[f'{i}.0.png' for i in range(30)])
    lines = [f'{i} {i} 0 0 0 0 0 1' for i in range(30) if not 10 < i < 20]
    import_images(place_map, tum_folder(folder, write(tmp_path / 'p.txt', *lines)), Describing())
    text = '9 images left out: they were taken in gaps between poses (the longest 10.0 s, 10.0 m)'
    assert text in caplog.text


def test_positions_on_earth_are_not_mixed_with_unrelated_poses(tmp_path, place_map):
    folder = pictures(tmp_path / 'set', '@1@2@.png')
    import_images(place_map, utm_folder(folder), Describing())
    (folder / '@1@2@.png').rename(folder / '@500000@5316000@33@U@.png')
    with pytest.raises(Exception, match='holds poses and no datum'):
        import_images(place_map, utm_folder(folder), Describing())
    assert len(place_map) == 1
