# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import shutil
import sqlite3
import struct
import sys
import zlib
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import blocks
from shared_data import DATA

from vpr_ros.errors import VprError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.inputs.folders import FolderError
from vpr_ros.inputs.folders.rtabmap import rtabmap_database
from vpr_ros.inputs.folders.rtabmap_blobs import (
    Version,
    camera_mounts,
    matrix_of,
    optimised_poses,
    pose_of,
    position_of,
)

sys.path.insert(0, str(Path(__file__).parent))

from rtabmap_sample import (
    LOOKING_AHEAD,
    SampleNode,
    bare_record,
    matrix,
    packed,
    png,
    record,
    stereo_record,
    write_database,
)

TURNED = Pose.planar(5, 3, 0.5)
"""The frame of odometry in the map frame of the tests' graphs."""
REAL = ('airsim60', 'campus_killed', 'rgbd6', 'rgbd6_0.16.0')


def at(x):
    return Pose.planar(x, 0, 0.01 * x)


def positions(images):
    return [None if image.pose is None else image.pose.position[0] for image in images]


@pytest.mark.parametrize('name', REAL)
def test_databases_of_rtabmap_read_as_it_reads_them_itself(name):
    folder = DATA / 'rtabmap_db'
    if not folder.is_dir():
        pytest.skip(f'{folder} is not there')
    with (folder / f'{name}_nodes.csv').open(newline='') as file:
        truth = list(csv.DictReader(file))
    images = rtabmap_database(folder / f'{name}.db')
    assert len(images) == len(truth)
    for image, row in zip(images, truth, strict=True):
        assert image.path.name == f'node {row["id"]}'
        assert image.stamp == pytest.approx(float(row['stamp']) * 1e9, abs=1000)
        kind = 'opt' if row['opt_x'] else 'odom'
        for pose, prefix in ((image.pose, kind), (image.mount, 'local')):
            expected = [
                float(row[f'{prefix}_{axis}']) for axis in ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')
            ]
            known = Pose.from_array(expected)
            np.testing.assert_allclose(pose.position, known.position, atol=1e-5)
            assert pose.angle_to(known) < 1e-5 * 10
        stored = image.read.args[1]()
        assert zlib.crc32(stored) == int(row['img_crc32'])
        height, width, _ = image.picture().rgb.shape
        assert (width, height) == (int(row['img_w']), int(row['img_h']))
        if row['gps_lat']:
            assert image.geo.lat == pytest.approx(float(row['gps_lat']), abs=1e-12)
            assert image.geo.lon == pytest.approx(float(row['gps_lon']), abs=1e-12)
        else:
            assert image.geo is None


def test_optimised_poses_are_taken_and_other_sessions_left_out(tmp_path):
    nodes = [SampleNode(i, at(i), session=i // 4) for i in range(1, 8)]
    graph = {i: TURNED @ at(i) for i in (4, 5, 6)} | {-3: Pose.identity()}
    images = rtabmap_database(write_database(tmp_path / 'r.db', nodes, graph))
    assert positions(images)[:3] == [None] * 3
    assert positions(images)[3:6] == pytest.approx(
        [(TURNED @ at(i)).position[0] for i in (4, 5, 6)]
    )
    assert positions(images)[6] is None
    assert {image.left_out for image in images} == {'no optimised pose relates them to the others'}
    assert [image.session for image in images] == ['map0'] * 3 + ['map1'] * 4
    np.testing.assert_allclose(images[4].mount.as_array(), LOOKING_AHEAD.as_array(), atol=1e-6)


def test_a_killed_recorder_leaves_odometry_of_which_one_session_is_taken(tmp_path, caplog):
    nodes = [SampleNode(i, at(i), session=i // 3) for i in range(1, 8)]
    images = rtabmap_database(write_database(tmp_path / 'r.db', nodes))
    assert positions(images) == [None, None, 3, 4, 5, None, None]
    assert 'those of 3 nodes are the odometry of session 1' in caplog.text
    assert images[2].reading(None).frame == 'odom'


def test_nodes_that_never_had_a_pose_are_places_without_one(tmp_path, caplog):
    nodes = [SampleNode(i, None, calibration=b'') for i in range(1, 4)]
    images = rtabmap_database(write_database(tmp_path / 'r.db', nodes))
    assert positions(images) == [None] * 3
    assert {image.left_out for image in images} == {''}
    assert {image.mount for image in images} == {None}
    assert '3 nodes have no pose, and become places without one' in caplog.text


def test_merged_nodes_and_those_without_image_are_counted_as_left_out(tmp_path):
    nodes = [
        SampleNode(1, at(1)),
        SampleNode(2, at(2), weight=-9),
        SampleNode(3, at(3), weight=-1, image=None),
        SampleNode(4, at(4), image=b'\0\0'),
        SampleNode(5, at(5), stamp='noon'),
        SampleNode(6, at(6), stamp=-5.0),
    ]
    left_out = Counter()
    file = write_database(tmp_path / 'r.db', nodes, {1: at(1)})
    (image,) = rtabmap_database(file, left_out=left_out)
    assert image.path.name == 'node 1'
    assert sorted(left_out.values()) == [1, 2, 2]
    assert left_out['they have no image'] == 2


def test_intermediate_nodes_are_carried_from_the_optimised_ones_beside_them(tmp_path):
    nodes = [SampleNode(i, at(i), weight=-1 if i in (1, 3, 4, 7) else 0) for i in range(1, 8)]
    nodes.append(SampleNode(8, at(8), session=1, weight=-1))
    graph = {i: TURNED @ at(i) for i in (2, 5)}
    images = rtabmap_database(write_database(tmp_path / 'r.db', nodes, graph))
    wanted = [(TURNED @ at(i)).position[0] for i in range(1, 6)]
    assert positions(images)[:5] == pytest.approx(wanted, abs=1e-5)
    # Node 6 is no intermediate node and has no optimised pose, so that 7 has nothing to go by.
    assert positions(images)[5:] == [None] * 3


def test_cameras_beside_one_another_become_images_of_their_own(tmp_path):
    behind = Pose.planar(-0.3, 0, np.pi) @ LOOKING_AHEAD
    node = SampleNode(
        1,
        at(1),
        image=png(blocks(1), blocks(2)),
        calibration=record(LOOKING_AHEAD) + record(behind),
    )
    front, rear = rtabmap_database(write_database(tmp_path / 'r.db', [node], {1: at(1)}))
    assert (front.camera, rear.camera) == ('camera0', 'camera1')
    np.testing.assert_array_equal(front.picture().rgb, blocks(1))
    np.testing.assert_array_equal(rear.picture().rgb, blocks(2))
    np.testing.assert_allclose(rear.mount.position, behind.position, atol=1e-6)


@pytest.mark.parametrize(
    ('version', 'calibration'),
    [
        ('0.23.8', record(LOOKING_AHEAD, (9, 5, 9, 12))),
        ('0.18.0', record(LOOKING_AHEAD, (0, 0, 0, 0))),
        ('0.20.2', stereo_record(LOOKING_AHEAD)),
        ('0.16.0', bare_record(LOOKING_AHEAD)),
        ('0.17.6', struct.pack('<7f', *range(7)) + matrix(LOOKING_AHEAD)),
        ('0.11.2', struct.pack('<5f', *range(5)) + matrix(LOOKING_AHEAD)),
    ],
    ids=['full', 'bare', 'stereo', 'old', 'old-stereo', 'older-stereo'],
)
def test_calibrations_of_every_layout_give_the_mount(version, calibration):
    (mount,) = camera_mounts(calibration, Version.parse(version))
    np.testing.assert_allclose(mount.as_array(), LOOKING_AHEAD.as_array(), atol=1e-6)


def test_a_camera_whose_mount_is_not_written_looks_ahead_and_a_null_one_is_not_known():
    version = Version.parse('0.23.8')
    (mount,) = camera_mounts(record(None), version)
    np.testing.assert_allclose(mount.as_array(), OPTICAL_ROTATION.as_array())
    assert camera_mounts(record(LOOKING_AHEAD)[:-48] + bytes(48), version) == [None]


def test_several_stereo_cameras_are_told_apart():
    both = stereo_record(LOOKING_AHEAD) + stereo_record(TURNED)
    mounts = camera_mounts(both, Version.parse('0.22'))
    assert [mount.position[0] for mount in mounts] == pytest.approx([0.3, 5])


def test_the_graph_of_version_016_is_one_of_a_mesh(tmp_path):
    nodes = [SampleNode(i, at(i), calibration=bare_record(LOOKING_AHEAD)) for i in range(1, 4)]
    file = write_database(tmp_path / 'r.db', nodes, {1: at(9)}, '0.16.3')
    assert positions(rtabmap_database(file)) == pytest.approx([1, 2, 3])


def test_a_newer_version_is_read_with_a_warning(tmp_path, caplog):
    file = write_database(tmp_path / 'r.db', [SampleNode(1, at(1))], {1: at(1)}, '0.24.1')
    assert len(rtabmap_database(file)) == 1
    assert 'made by RTAB-Map 0.24.1, newer than known here' in caplog.text


def test_a_database_that_is_not_closed_is_read_with_its_journal(tmp_path):
    file = write_database(tmp_path / 'r.db', [SampleNode(i, at(i)) for i in range(1, 6)])
    killed = tmp_path / 'killed.db'
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute('PRAGMA cache_size = 1')  # Else nothing is written before the commit.
        db.execute('BEGIN')
        db.execute('UPDATE Node SET stamp = -1, pose = zeroblob(20000)')
        shutil.copy(f'{file}-journal', f'{killed}-journal')
        shutil.copy(file, killed)
    before = killed.read_bytes()
    assert len(rtabmap_database(killed)) == 5
    assert killed.read_bytes() == before


def test_the_pictures_are_those_of_the_nodes(tmp_path):
    nodes = [SampleNode(i, at(i)) for i in (7, 2, 30)]
    images = rtabmap_database(write_database(tmp_path / 'ä %3f?.db', nodes))
    assert [image.stamp for image in images] == [
        1700000000_500000000 + i * 10**9 for i in (2, 7, 30)
    ]
    for image, i in zip(images, (2, 7, 30), strict=True):
        np.testing.assert_array_equal(image.picture().rgb, blocks(i))
    assert images[0].name == 'ä %3f?.db/node 2'


def test_what_is_no_database_of_rtabmap_is_refused_with_the_reason(tmp_path):
    with pytest.raises(FolderError, match='is no file'):
        rtabmap_database(tmp_path)
    other = tmp_path / 'other.db'
    other.write_bytes(b'no database' * 100)
    with pytest.raises(FolderError, match='file is not a database'):
        rtabmap_database(other)
    other.unlink()
    with closing(sqlite3.connect(other)) as db:
        db.execute('CREATE TABLE Node (id)')
    with pytest.raises(FolderError, match='it has no table Admin'):
        rtabmap_database(other)
    for version, said in (('zero', 'no version'), ('0.8.1', 'layout is not read')):
        file = write_database(tmp_path / f'{version}.db', [], version=version)
        with pytest.raises(FolderError, match=said):
            rtabmap_database(file)
    with pytest.raises(FolderError, match=r'no node with an image; 1 nodes are left out'):
        rtabmap_database(write_database(tmp_path / 'r.db', [SampleNode(1, at(1), image=None)]))


@pytest.mark.parametrize(
    'change',
    [
        'ALTER TABLE Node RENAME TO Other; CREATE VIEW Node AS SELECT * FROM Other',
        'ALTER TABLE Data RENAME TO Other; CREATE TABLE Data AS SELECT * FROM Other',
        'ALTER TABLE Node ADD COLUMN more TEXT GENERATED ALWAYS AS (hex(pose)) VIRTUAL',
        'ALTER TABLE Node DROP COLUMN stamp',
    ],
)
def test_tables_that_are_not_those_of_rtabmap_are_refused(tmp_path, change):
    file = write_database(tmp_path / 'r.db', [SampleNode(1, at(1))])
    with closing(sqlite3.connect(file)) as db:
        db.executescript(change)
    with pytest.raises(FolderError, match=r'no ordinary table|no column'):
        rtabmap_database(file)


@pytest.mark.parametrize(
    ('ids', 'poses', 'said'),
    [
        (packed(np.int32([1, 2])), packed(np.zeros(12, '<f4')), '2 optimised nodes have 12'),
        (b'\x78\x9c' + bytes(40), packed(np.zeros(12, '<f4')), 'damaged|numbers'),
        (packed(np.int32([1])), packed(np.full(12, 2, '<f4')), 'no rotation'),
        (
            packed(np.int32([1])),
            zlib.compress(bytes(10**8)) + struct.pack('<3i', 1, 12, 5),
            '12 numbers has 49 bytes',
        ),
        (
            packed(np.int32([1])),
            zlib.compress(bytes(10**8)) + struct.pack('<3i', 5000, 5000, 5),
            'at most',
        ),
        (packed(np.int32([1])), zlib.compress(b'') + struct.pack('<3i', -1, 12, 5), 'at most'),
    ],
)
def test_damaged_graphs_and_bombs_are_refused(ids, poses, said):
    with pytest.raises(ValueError, match=said):
        optimised_poses(ids, poses, nodes=10)


def test_nodes_with_damaged_values_are_told_once_and_left_out(tmp_path, caplog):
    wrong = Pose(np.zeros(3), np.array([9.0, 0, 0, 0]))
    nodes = [SampleNode(1, at(1)), *(SampleNode(i, wrong) for i in range(2, 6))]
    left_out = Counter()
    file = write_database(tmp_path / 'r.db', nodes)
    (image,) = rtabmap_database(file, left_out=left_out)
    assert image.path.name == 'node 1'
    assert left_out == {'they are damaged': 4}
    assert (
        caplog.text.count('4 nodes are left out: the matrix is no rotation, the first is 2') == 1
    )


def test_a_node_with_a_damaged_calibration_is_taken_without_it(tmp_path, caplog):
    nodes = [SampleNode(i, at(i), calibration=record(LOOKING_AHEAD)[:-i]) for i in range(1, 4)]
    nodes[1].gps = 95.0, 11.0, 0.0
    images = rtabmap_database(write_database(tmp_path / 'r.db', nodes))
    assert [(image.mount, image.geo) for image in images] == [(None, None)] * 3
    assert '1 nodes are taken without position on Earth: latitude 95.0' in caplog.text
    assert '3 nodes are taken without calibration: a calibration is cut short' in caplog.text


@given(st.binary(max_size=600), st.sampled_from(['0.12.0', '0.17.0', '0.18.0', '0.23.8']))
def test_any_bytes_are_values_or_refused(blob, version):
    for read in (
        pose_of,
        position_of,
        lambda blob: camera_mounts(blob, Version.parse(version)),
        lambda blob: matrix_of(blob, 1000),
    ):
        with suppress(ValueError):
            read(blob)
    head = record(LOOKING_AHEAD)[:44]
    with suppress(ValueError):
        camera_mounts(head[:24] + blob, Version.parse(version))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=30)), max_size=6))
def test_a_file_with_any_damage_is_read_or_refused(tmp_path_factory, changes):
    folder = tmp_path_factory.getbasetemp()
    whole = folder / 'whole.db'
    if not whole.exists():
        nodes = [SampleNode(i, at(i), session=i // 3) for i in range(1, 5)]
        write_database(whole, nodes, {i: at(i) for i in range(1, 5)})
    data = bytearray(whole.read_bytes())
    for where, bytes_ in changes:
        start = int(where * (len(data) - 1))
        data[start : start + len(bytes_)] = bytes_
    damaged = folder / 'damaged.db'
    damaged.write_bytes(data)
    with suppress(VprError):
        for image in rtabmap_database(damaged):
            assert image.picture().rgb.ndim == 3


def test_positions_on_earth_tell_the_datum_of_the_map(tmp_path):
    from vpr_ros.mapping.image_import import import_images
    from vpr_ros.maps import MapWriter
    from vpr_ros.types import Description, ModelInfo

    class Describing:
        def describe(self, images):
            return [Description(np.eye(8, dtype=np.float32)[0]) for _ in images]

    datum = Datum(35.1, 136.9, 40)
    nodes = []
    for i in range(1, 9):
        pose = Pose.planar(10 * i, i * i, 0.3)
        point = datum.point_at(pose.position)
        nodes.append(SampleNode(i, pose, gps=(point.lat, point.lon, point.alt) if i % 2 else None))
    images = rtabmap_database(write_database(tmp_path / 'r.db', nodes))
    model = ModelInfo('numbers', '0' * 64, 8, 0, 'none', trained=True)
    with MapWriter.create(tmp_path / 'm.vprmap', model) as place_map:
        assert import_images(place_map, images, Describing()) == 8
        assert place_map.datum.lat == pytest.approx(35.1, abs=1e-7)
        assert place_map.datum.lon == pytest.approx(136.9, abs=1e-7)
        assert place_map.datum.alt == pytest.approx(40, abs=0.01)


def test_a_picture_that_is_none_is_named(tmp_path):
    file = write_database(tmp_path / 'r.db', [SampleNode(1, at(1), image=b'no picture')])
    (image,) = rtabmap_database(file)
    with pytest.raises(VprError, match=r'r\.db/node 1: '):
        _ = image.picture().rgb
