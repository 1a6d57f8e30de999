# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from pyproj import Transformer
from rosbags.highlevel import AnyReader
from rosbags.typesys import Stores, get_typestore

from vpr_ros.errors import BagError
from vpr_ros.simulation import DATUM, Conditions, Town, Traverse, write_bag

if TYPE_CHECKING:
    from pathlib import Path

START = 1_700_000_000_123_456_789


@pytest.fixture(scope='module')
def traverse(town: Town) -> Traverse:
    return Traverse(town, Conditions.named('day'), seed=1, spacing=150.0)


def read(path: Path) -> dict[str, list[tuple[int, Any]]]:
    messages: dict[str, list[tuple[int, Any]]] = {}
    with AnyReader([path], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as reader:
        for connection, stamp, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            messages.setdefault(connection.topic, []).append((stamp, message))
    return messages


def stamp_of(message: Any) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


@pytest.mark.parametrize('storage', ['sqlite3', 'mcap'])
def test_a_bag_holds_what_was_rendered(tmp_path: Path, traverse: Traverse, storage: Any) -> None:
    done = []
    write_bag(
        traverse,
        tmp_path / 'bag',
        storage=storage,
        start=START,
        progress=lambda n, total: done.append((n, total)),
    )
    topics = read(tmp_path / 'bag')
    n = len(traverse)
    assert done == [(i + 1, n) for i in range(n)]
    for (stamp, image), frame in zip(topics['/camera/image_raw'], traverse, strict=True):
        assert stamp == stamp_of(image) == START + frame.stamp
        assert (image.encoding, image.step) == ('rgb8', 3 * image.width)
        assert image.header.frame_id == 'camera_optical_frame'
        assert np.array_equal(image.data.reshape(frame.rgb.shape), frame.rgb)
    _, info = topics['/camera/camera_info'][0]
    assert info.k.reshape(3, 3) == pytest.approx(traverse.town.camera.matrix)

    odometry = topics['/odom']
    assert len(odometry) == 4 * (n - 1) + 1
    for stamp, message in odometry:
        p, q = message.pose.pose.position, message.pose.pose.orientation
        pose = traverse.pose_at(stamp - START)
        assert [p.x, p.y, p.z, q.x, q.y, q.z, q.w] == pytest.approx(pose.as_array())
        assert (message.header.frame_id, message.child_frame_id) == ('odom', 'base_link')
    assert {s for s, _ in topics['/camera/image_raw']} <= {s for s, _ in odometry}


def test_fixes_are_where_the_map_is_about_the_datum(tmp_path: Path, traverse: Traverse) -> None:
    write_bag(traverse, tmp_path / 'bag')
    # An independent way: geocentric differences, turned to east and north at the datum.
    to_earth = Transformer.from_crs('EPSG:4979', 'EPSG:4978')
    lat, lon, alt = DATUM.lat, DATUM.lon, DATUM.alt
    origin = np.array(to_earth.transform(lat, lon, alt))
    a, b = np.deg2rad(lat), np.deg2rad(lon)
    east = np.array([-np.sin(b), np.cos(b), 0])
    north = np.array([-np.sin(a) * np.cos(b), -np.sin(a) * np.sin(b), np.cos(a)])
    for (stamp, fix), frame in zip(read(tmp_path / 'bag')['/fix'], traverse, strict=True):
        away = np.array(to_earth.transform(fix.latitude, fix.longitude, fix.altitude)) - origin
        assert [east @ away, north @ away] == pytest.approx(frame.pose.position[:2], abs=1e-6)
        assert stamp_of(fix) == stamp
        assert fix.position_covariance[0] == pytest.approx(0.25)


def test_jpeg_bags_hold_compressed_images(tmp_path: Path, traverse: Traverse) -> None:
    write_bag(traverse, tmp_path / 'bag', encoding='jpeg')
    topics = read(tmp_path / 'bag')
    assert '/camera/image_raw' not in topics
    _, image = topics['/camera/image_raw/compressed'][0]
    bgr = cv2.imdecode(image.data, cv2.IMREAD_COLOR)
    assert np.abs(bgr[..., ::-1].astype(int) - traverse[0].rgb).mean() < 8


def test_drift_grows_and_its_covariance_says_so(tmp_path: Path, traverse: Traverse) -> None:
    write_bag(traverse, tmp_path / 'bag', drift=0.05)
    odometry = [m for _, m in read(tmp_path / 'bag')['/odom']]
    start = stamp_of(odometry[0])
    errors = [
        np.hypot(m.pose.pose.position.x - p.position[0], m.pose.pose.position.y - p.position[1])
        for m in odometry
        for p in [traverse.pose_at(stamp_of(m) - start)]
    ]
    assert errors[0] == 0
    assert 0.05 < max(errors) < 60
    variances = [m.pose.covariance[0] for m in odometry]
    assert variances == sorted(variances)
    assert variances[-1] > 0.1


def test_an_existing_path_is_refused(tmp_path: Path, traverse: Traverse) -> None:
    (tmp_path / 'bag').mkdir()
    with pytest.raises(BagError, match='exists already'):
        write_bag(traverse, tmp_path / 'bag')


def test_an_unwritable_path_is_refused(tmp_path: Path, traverse: Traverse) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(BagError, match='cannot write the bag'):
        write_bag(traverse, tmp_path / 'file' / 'bag')


def test_an_interrupted_bag_leaves_nothing(tmp_path: Path, traverse: Traverse) -> None:
    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_bag(traverse, tmp_path / 'bag', progress=stop)
    assert not (tmp_path / 'bag').exists()
