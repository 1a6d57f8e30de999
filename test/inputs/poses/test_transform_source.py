# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pose_bags import MOUNT, drive, nanoseconds, tf_messages, transform, transforms

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses import PoseReadingError, TransformSource, TreeFrames
from vpr_ros.inputs.poses.transform_source import mount_in


def read(messages, frames=None):
    """Return the poses that messages give in the order of their recording, and their source."""
    source, readings = TransformSource(frames), []
    for topic, _, message in sorted(messages, key=lambda entry: entry[1]):
        readings += source.read(message, static=topic == '/tf_static')
    return readings + source.finish(), source


def assert_true(readings, frame='map', pose=drive, least=100):
    assert len(readings) >= least
    for reading in readings:
        true = pose((reading.stamp - nanoseconds(0)) / 1e9)
        assert reading.pose.distance_to(true) < 2e-3
        assert reading.pose.angle_to(true) < 2e-3
        assert reading.frame == frame


CHAINS = {
    'map, odom, base_link': {},
    'localisation that lags': {'lag': 0.8},
    'localisation whose stamps are ahead': {'ahead': 1.0},
    'only a footprint': {'base': 'base_footprint'},
    'a namespace': {'base': 'robot1/base_link', 'odom': 'robot1/odom'},
    'ROS 1': {'fixed': '/map', 'odom': '/odom', 'base': '/base_link'},
}


@pytest.mark.parametrize('chain', CHAINS.values(), ids=CHAINS)
def test_pose_of_the_base_is_found_along_the_chain(chain):
    readings, source = read(tf_messages(10, **chain))
    assert_true(readings, least=180)
    assert source.fault == ''


def test_base_link_above_a_footprint_is_the_base():
    readings, _ = read(tf_messages(10, footprint='base_footprint'))
    assert_true(readings, pose=lambda s: drive(s) @ Pose.of((0, 0, 0.1)))


def test_base_whose_preferred_name_comes_late_stays():
    messages = tf_messages(10, footprint='base_footprint')
    late = [(topic, at + 5 * (topic == '/tf_static'), message) for topic, at, message in messages]
    assert_true(read(late)[0])


def test_slam_in_frames_of_its_own_is_named():
    messages = tf_messages(10, fixed='', odom='camera_init', base='body', camera='')
    readings, source = read(messages)
    assert readings == []
    assert 'tf has no frame map, but body lies below camera_init' in source.fault
    readings, _ = read(messages, TreeFrames('camera_init'))
    assert_true(readings, 'camera_init')


def test_odometry_without_a_map_gives_no_poses_and_says_so():
    readings, source = read(tf_messages(5, fixed=''))
    assert readings == []
    assert 'tf has no frame map, but base_link lies below odom: localisation' in source.fault
    readings, _ = read(tf_messages(5, fixed=''), TreeFrames('odom'))
    assert_true(readings, 'odom', least=90)


def test_tree_without_a_base_names_its_frames():
    _, source = read(tf_messages(5, base='chassis'))
    assert 'tf has no frame base_link or base_footprint' in source.fault
    assert 'chassis' in source.fault
    readings, source = read(tf_messages(10, base='chassis'), TreeFrames(base='chassis'))
    assert_true(readings)
    assert source.fault == ''


def test_bases_of_several_robots_are_named():
    robots = [
        message
        for name in ('robot1', 'robot2')
        for message in tf_messages(5, base=f'{name}/base_link', odom=f'{name}/odom', camera='')
    ]
    readings, source = read(robots)
    assert readings == []
    assert 'robot1/base_link, robot2/base_link: say which is the base' in source.fault
    assert_true(read(robots, TreeFrames(base='robot2/base_link'))[0], least=90)


def without(messages, child, begin, end):
    """Leave out the transforms of a frame that were recorded in this time."""
    return [
        (topic, at, message)
        for topic, at, message in messages
        if not begin < at < end or message.transforms[0].child_frame_id != child
    ]


def test_localisation_may_be_silent_while_odometry_goes_on():
    readings, _ = read(without(tf_messages(20), 'odom', 5, 15))
    assert_true(readings, least=390)


def test_silent_odometry_leaves_a_gap():
    readings, _ = read(without(tf_messages(20), 'base_link', 5, 15))
    assert_true(readings, least=190)
    assert not [r for r in readings if nanoseconds(5.01) < r.stamp < nanoseconds(14.99)]


@settings(max_examples=20)
@given(st.data())
def test_poses_do_not_depend_on_the_order_of_the_messages(data):
    messages = tf_messages(3)
    moved = [m for m in messages if m[2].transforms[0].child_frame_id == 'base_link']
    odom = [m for m in messages if m[2].transforms[0].child_frame_id == 'odom']
    static = [m for m in messages if m[0] == '/tf_static']
    order = data.draw(st.permutations('b' * len(moved) + 'o' * len(odom) + 's'))
    waiting = {'b': iter(moved), 'o': iter(odom), 's': iter(static)}
    shuffled = [(m[0], i, m[2]) for i, m in enumerate(next(waiting[kind]) for kind in order)]
    found = [(r.stamp, *r.pose.as_array()) for r in read(shuffled)[0]]
    expected = [(r.stamp, *r.pose.as_array()) for r in read(messages)[0]]
    np.testing.assert_array_equal(found, expected)


def test_clock_that_is_set_back_begins_anew():
    source = TransformSource()
    for _ in range(2):
        readings = []
        for topic, _, message in sorted(tf_messages(10), key=lambda entry: entry[1]):
            readings += source.read(message, static=topic == '/tf_static')
        assert_true(readings, least=180)


def test_transform_that_is_none_is_refused_and_the_others_are_taken():
    source = TransformSource()
    bad = transform(0, 'odom', 'base_link', Pose.identity())
    bad.transform.rotation.w = math.nan
    good = transform(0, 'map', 'odom', Pose.identity())
    with pytest.raises(PoseReadingError, match=r"'base_link' in 'odom': .*not finite"):
        source.read(transforms(bad, good))
    assert source.tree.frames == ['map', 'odom']
    for parent, child in (('', 'a'), ('a', ''), ('a', 'a')):
        with pytest.raises(PoseReadingError, match='no two frames'):
            source.read(transforms(transform(0, parent, child, Pose.identity())))


NAMES = st.sampled_from(['', '/', 'map', '/odom', 'odom', 'base_link', 'a/base_link', 'hand', 'é'])
VALUES = st.sampled_from([0.0, 1.0, -1e100, math.nan, math.inf]) | st.floats(-1e9, 1e9)


@settings(max_examples=100)
@given(
    st.lists(
        st.tuples(
            NAMES, NAMES, st.lists(VALUES, min_size=7, max_size=7), st.integers(-100, 10**6)
        ),
        max_size=30,
    ),
    st.booleans(),
)
def test_any_transforms_give_poses_of_finite_numbers_or_are_refused(entries, static):
    source = TransformSource()
    for parent, child, values, at in entries:
        each = transform(at, parent, child, Pose.identity())
        for part, names in (
            (each.transform.translation, 'xyz'),
            (each.transform.rotation, 'xyzw'),
        ):
            for name in names:
                setattr(part, name, values.pop())
        try:
            readings = source.read(transforms(each), static=static and at % 2 == 0)
        except PoseReadingError:
            continue
        assert all(np.isfinite(reading.pose.as_array()).all() for reading in readings)
        assert isinstance(source.fault, str)
    source.finish()
    mount_in(source.tree, 'hand')


def test_a_ring_of_frames_ends():
    source = TransformSource()
    for parent, child in (('a', 'b'), ('b', 'c'), ('c', 'a'), ('c', 'base_link')):
        source.read(transforms(transform(0, parent, child, Pose.identity())))
    assert source.tree.way('base_link', 'map') is None
    assert source.fault


def test_mount_of_a_camera_is_found_and_that_of_a_moving_one_is_not():
    _, source = read(tf_messages(3, footprint='base_footprint'))
    mount = mount_in(source.tree, 'camera_optical_frame')
    np.testing.assert_allclose(mount.as_array(), MOUNT.as_array(), atol=1e-12)
    below = mount_in(source.tree, '/camera_optical_frame', 'base_footprint')
    np.testing.assert_allclose(below.position, MOUNT.position + np.array([0, 0, 0.1]), atol=1e-12)
    assert mount_in(source.tree, 'other') is None
    assert mount_in(source.tree, 'base_link') is None
    for i in range(3):
        source.read(transforms(transform(i, 'base_link', 'head', Pose.planar(0, 0, 0.1 * i))))
    assert mount_in(source.tree, 'head') is None
