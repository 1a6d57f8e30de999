# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest
from pictures import blocks
from rosbags.rosbag2 import StoragePlugin, Writer

from vpr_ros.cli.main import main
from vpr_ros.inputs.frames.cdr import types
from vpr_ros.maps import PlaceMap

SECOND = 10**9
IMAGE, ODOMETRY = 'sensor_msgs/msg/Image', 'nav_msgs/msg/Odometry'


def write_drive(path, count=8, unset=(), picture=blocks, poses=True):
    """Write a drive of a picture and a pose a metre; messages of ``unset`` have no stamp.

    Without ``poses`` there is one, long before the drive.
    """
    store = types()
    kinds = store.types

    def header(time, topic):
        seconds, nanoseconds = divmod(0 if topic in unset else time, SECOND)
        stamp = kinds['builtin_interfaces/msg/Time'](seconds, nanoseconds)
        return kinds['std_msgs/msg/Header'](stamp, 'map')

    geometry, zeros = 'geometry_msgs/msg/', np.zeros(36)
    vector = kinds[geometry + 'Vector3'](0.0, 0.0, 0.0)
    still = kinds[geometry + 'TwistWithCovariance'](
        kinds[geometry + 'Twist'](vector, vector), zeros
    )
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection('/image', IMAGE, typestore=store)
        odom = writer.add_connection('/odom', ODOMETRY, typestore=store)
        for i in range(count):
            time = 10**18 + i * SECOND // 2
            at = kinds[geometry + 'Point'](float(i), 0.0, 0.0)
            pose = kinds[geometry + 'Pose'](at, kinds[geometry + 'Quaternion'](0.0, 0.0, 0.0, 1.0))
            pose = kinds[geometry + 'PoseWithCovariance'](pose, zeros)
            moment = time if poses else time - 100 * SECOND
            message = kinds[ODOMETRY](header(moment, 'odom'), 'base_link', pose, still)
            if poses or i == 0:
                writer.write(odom, moment, store.serialize_cdr(message, ODOMETRY))
            pixels = picture(i)
            height, width = pixels.shape[:2]
            image = kinds[IMAGE](
                header(time, 'image'), height, width, 'rgb8', 0, width * 3, pixels.ravel()
            )
            writer.write(images, time, store.serialize_cdr(image, IMAGE))
    return path


def build(*arguments):
    try:
        return main(['map', 'build', *map(str, arguments), '--model', 'patchnorm'])
    except SystemExit as end:
        return end.code or 0


@pytest.mark.parametrize('unset', [(), ('image', 'odom'), ('image',), ('odom',)])
def test_stamps_that_were_never_set_are_named_and_replaced_by_the_times_of_recording(
    tmp_path, caplog, unset
):
    path = tmp_path / 'drive.vprmap'
    assert build(path, write_drive(tmp_path / 'drive', unset=unset)) == 0
    for topic in ('image', 'odom'):
        assert caplog.text.count(f'/{topic}: stamps were never set') == (topic in unset)
    with PlaceMap.open(path) as place_map:
        assert place_map.positions[:, 0].tolist() == list(range(8))
        assert place_map.stamps.tolist() == [10**18 + i * SECOND // 2 for i in range(8)]


def test_stamps_that_were_never_set_without_poses(tmp_path, caplog):
    bag = write_drive(tmp_path / 'drive', unset=('image', 'odom'))
    path = tmp_path / 'drive.vprmap'
    assert build(path, bag, '--no-poses', '--interval', '0') == 0
    assert 'stamps were never set' in caplog.text
    with PlaceMap.open(path) as place_map:
        assert len(set(place_map.stamps.tolist())) == 8


def blank(_):
    return np.zeros((48, 64, 3), np.uint8)


def test_no_place_is_a_failure_with_the_reason_and_leaves_no_map(tmp_path, capsys):
    path = tmp_path / 'drive.vprmap'
    assert build(path, write_drive(tmp_path / 'dark', picture=blank), '--json') == 1
    reason = json.loads(capsys.readouterr().out)['error']['message']
    assert 'no place was added: of 8 images on /image' in reason
    assert '8 show nothing' in reason
    assert build(path, write_drive(tmp_path / 'lost', poses=False), '--json') == 1
    assert '8 have no pose' in json.loads(capsys.readouterr().out)['error']['message']
    assert not path.exists()


def test_no_place_leaves_a_map_that_was_there_as_it_was(tmp_path):
    path = tmp_path / 'drive.vprmap'
    assert build(path, write_drive(tmp_path / 'light')) == 0
    assert build(path, write_drive(tmp_path / 'dark', picture=blank)) == 1
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 8
        assert len(place_map.info().sessions) == 1


def test_the_size_shown_is_that_of_the_file_that_is_left(tmp_path, capsys):
    bag, path = write_drive(tmp_path / 'bag'), tmp_path / 'site.vprmap'
    assert build(path, bag, '--json') == 0
    assert json.loads(capsys.readouterr().out)['map']['bytes'] == path.stat().st_size


def test_one_place_is_not_called_places(tmp_path, capsys):
    bag, path = write_drive(tmp_path / 'bag', count=1), tmp_path / 'site.vprmap'
    assert build(path, bag) == 0
    shown = capsys.readouterr().out
    assert '1 place added' in shown
    assert ': 1 place,' in shown
    assert '(no name)' in shown
