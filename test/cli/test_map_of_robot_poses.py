# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags as robots record them become maps by one command, and a query finds the place."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from commands import run
from pictures import blocks
from pose_bags import (
    MOUNT,
    ORIGIN,
    drive,
    every,
    fix,
    images,
    localised,
    nanoseconds,
    odometry,
    tf_messages,
    transform,
    transforms,
    write,
)

from vpr_ros.geometry import Pose
from vpr_ros.maps import PlaceMap

END = 20
CAMERA = 'camera_optical_frame'
MODEL = ('--model', 'patchnorm', '--device', 'cpu')


def on_motion(end):
    """Return localisation every quarter of a metre, or 0.2 rad, as AMCL publishes it."""
    return [('/amcl_pose', s, localised(s, drive(s))) for s in every(1.25, end + 2)]


def fixes(end, period=1.001):
    return [('/fix', s, fix(s, drive(s).position)) for s in every(period, end + 2)]


BAGS = {
    'tf alone': tf_messages(END),
    'tf of a footprint': tf_messages(END, base='base_footprint'),
    'fixes at 1 Hz': fixes(END),
    'localisation on motion': on_motion(END),
    'localisation beside odometry': [
        *on_motion(END),
        *(('/odom', s, odometry(s, Pose.planar(s, 0, 0))) for s in every(0.1, END)),
    ],
}


@pytest.mark.parametrize('poses', BAGS.values(), ids=BAGS)
def test_a_bag_becomes_a_map_and_a_query_finds_its_place(tmp_path, capsys, poses):
    bag, path = write(tmp_path / 'bag', *poses, *images(END)), tmp_path / 'site.vprmap'
    assert run('map', 'build', path, bag, '--keyframe-distance', 0.4, *MODEL) == 0
    with PlaceMap.open(path) as place_map:
        places = place_map.places(place_map.ids)
        assert len(places) == len(images(END))
        for place in places:
            true = drive((place.stamp - nanoseconds(0)) / 1e9)
            assert place.pose.distance_to(true) < 0.05
    cv2.imwrite(str(tmp_path / 'query.png'), blocks(7500)[..., ::-1])
    capsys.readouterr()
    assert run('query', path, tmp_path / 'query.png', '--json') == 0
    (answer,) = json.loads(capsys.readouterr().out)['answers']
    assert answer['candidates'][0]['pose'][:2] == pytest.approx(drive(7.5).position[:2], abs=0.05)


def build(tmp_path, *messages, options=()):
    bag, path = write(tmp_path / 'bag', *messages), tmp_path / 'site.vprmap'
    code = run('map', 'build', path, bag, '--keyframe-distance', 0.4, *MODEL, *options)
    return code, path


def test_mounts_of_cameras_come_from_tf(tmp_path):
    code, path = build(tmp_path, *tf_messages(3), *images(3))
    assert code == 0
    with PlaceMap.open(path) as place_map:
        (camera,) = place_map.info().cameras
        np.testing.assert_allclose(camera.mount, MOUNT.as_array(), atol=1e-9)


def test_mounts_that_tf_repeats_are_known_as_live(tmp_path):
    def moved(topic):
        return '/tf' if topic == '/tf_static' else topic

    repeated = [('/tf', s, transforms(transform(s, 'base_link', CAMERA, MOUNT))) for s in (1, 2)]
    messages = [(moved(topic), s, message) for topic, s, message in tf_messages(3)]
    code, path = build(tmp_path, *messages, *repeated, *images(3))
    assert code == 0
    with PlaceMap.open(path) as place_map:
        assert place_map.info().cameras[0].mount == pytest.approx(MOUNT.as_array())


def test_stamps_of_tf_that_were_never_set_are_times_of_recording(tmp_path, caplog):
    messages = tf_messages(5)
    for topic, _, message in messages:
        for one in message.transforms if topic == '/tf' else ():
            one.header.stamp.sec = one.header.stamp.nanosec = 0
    code, path = build(tmp_path, *messages, *images(5))
    assert code == 0
    assert '/tf: stamps were never set' in caplog.text
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == len(images(5))


def test_images_with_one_stamp_and_poses_with_one_stamp_are_named(tmp_path, caplog):
    pictures, poses = (
        images(5),
        [('/odom', s, odometry(s, drive(s), 'map')) for s in every(0.1, 5)],
    )
    for messages in (pictures[5:], poses[20:]):
        for _, _, message in messages:
            message.header.stamp = messages[0][2].header.stamp
    assert build(tmp_path, *pictures, *poses)[0] == 0
    assert '/image: 5 images have the very stamp of the one before them' in caplog.text
    assert '/odom: 30 poses left out' in caplog.text


def test_odometry_alone_in_tf_is_mapped_with_a_warning(tmp_path, caplog):
    code, path = build(tmp_path, *tf_messages(3, fixed=''), *images(3))
    assert code == 0
    assert 'no frame map' in caplog.text
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 7


def test_frames_of_tf_can_be_named(tmp_path, capsys):
    slam = tf_messages(3, fixed='', odom='camera_init', base='imu')
    options = '--fixed-frame', 'camera_init', '--base-frame', 'imu'
    code, path = build(tmp_path, *slam, *images(3), options=options)
    assert code == 0
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 7
    assert run('map', 'build', tmp_path / 'other.vprmap', tmp_path / 'bag', *MODEL) == 1
    assert 'tf has no frame base_link' in capsys.readouterr().err


def test_frames_without_a_pose_are_counted_by_cause(tmp_path, caplog):
    some = [each for each in fixes(END) if not 4.5 < each[1] < 15 and 2 <= each[1] < 18.5]
    code, path = build(tmp_path, *some, *images(END))
    assert code == 0
    text = (
        '31 of 41 frames have no pose: 5 before the first pose, 4 after the last pose, 22 in gaps'
    )
    assert text in caplog.text
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 10


def test_first_fixes_that_are_wrong_do_not_set_the_datum(tmp_path, caplog):
    null = [('/fix', s, fix_at(s, 0.0, 0.0)) for s in (0.0, 0.5)]
    cold = [('/fix', 1.0, fix(1.0, [400.0, 300.0, 0.0]))]
    code, path = build(tmp_path, *null, *cold, *fixes(END)[2:], *images(END))
    assert code == 0
    assert caplog.text.count('latitude 0, longitude 0') == 1
    assert '/fix: 2 messages left out' in caplog.text
    assert '1 fixes left out: later ones contradict them by 4' in caplog.text
    with PlaceMap.open(path) as place_map:
        first = ORIGIN.point_at(drive(2.002).position)
        assert (place_map.datum.lat, place_map.datum.lon) == pytest.approx((first.lat, first.lon))
        assert np.abs(place_map.positions).max() < 30


def fix_at(seconds, lat, lon):
    message = fix(seconds, [0.0, 0.0, 0.0])
    message.latitude, message.longitude = lat, lon
    return message


def test_evaluation_and_loops_read_tf_and_name_frames_without_a_pose(tmp_path, capsys, caplog):
    messages = [m for m in tf_messages(END) if m[0] == '/tf_static' or m[1] <= 10]
    code, path = build(tmp_path, *messages, *images(END))
    assert code == 0
    caplog.clear()
    assert run('evaluate', 'bag', path, tmp_path / 'bag', '--verify', 'none') == 0
    assert 'frames with a true pose' in capsys.readouterr().out
    assert 'frames have no pose: 20 after the last pose' in caplog.text
    assert run('evaluate', 'loops', tmp_path / 'bag', '--verify', 'none', *MODEL) == 0


def test_a_transform_whose_stamp_is_damaged_costs_no_other(tmp_path, caplog):
    damaged = transform(2.5, 'odom', 'base_link', drive(2.5))
    damaged.header.stamp.nanosec = 2**32 - 1
    code, path = build(tmp_path, *tf_messages(5), ('/tf', 2.5, transforms(damaged)), *images(5))
    assert code == 0
    assert '/tf: message left out' in caplog.text
    assert 'ns is more than a second' in caplog.text
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == len(images(5))
