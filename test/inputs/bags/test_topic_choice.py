# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from pose_bags import (
    MOUNT,
    correction,
    drive,
    every,
    fix,
    images,
    localised,
    odometry,
    tf_messages,
    transform,
    transforms,
    write,
)

from vpr_ros.errors import BagError
from vpr_ros.geometry import Pose
from vpr_ros.inputs.bags import Bag, camera_mount, choose_image, choose_pose
from vpr_ros.inputs.poses import TreeFrames

ODOM = [('/odom', s, odometry(s, correction(s).inverse() @ drive(s))) for s in every(0.1, 5)]
ODOM_IN_MAP = [('/odometry/global', s, odometry(s, drive(s), 'map')) for s in every(0.1, 5)]
AMCL = [('/amcl_pose', s, localised(s, drive(s))) for s in every(1, 5)]
FIXES = [('/fix', s, fix(s, drive(s).position)) for s in every(1, 5)]
GOAL = [('/goal_pose', 1, localised(1, Pose.planar(50, 0, 0)))]
START = [('/initialpose', 0, localised(0, Pose.planar(0, 0, 0)))]
MOVING, ODOMETRY_ALONE = tf_messages(5), tf_messages(5, fixed='')

CHOICES = {
    'localisation before odometry': (ODOM + AMCL, '/amcl_pose'),
    'tf with a map before odometry': (ODOM + MOVING, '/tf'),
    'localisation before tf': (AMCL + MOVING, '/amcl_pose'),
    'odometry before tf without a map': (ODOM + ODOMETRY_ALONE, '/odom'),
    'filtered odometry of the map': (ODOM + ODOM_IN_MAP + FIXES, '/odometry/global'),
    'odometry before fixes': (ODOM + FIXES, '/odom'),
    'fixes before tf without a map': (FIXES + ODOMETRY_ALONE, '/fix'),
    'a goal is no pose of the robot': (ODOM + GOAL + START, '/odom'),
    'a dock that was seen is no pose of the robot': (
        ODOM + [('/dock_pose', s, localised(s, Pose.identity())) for s in every(1, 5)],
        '/odom',
    ),
    'what a camera sees comes after odometry': (
        ODOM + [('/seen', s, localised(s, Pose.identity(), 'camera')) for s in every(1, 5)],
        '/odom',
    ),
    'a pose that came once comes after odometry': (ODOM + AMCL[:1], '/odom'),
    'tf before a goal': (GOAL + START + MOVING, '/tf'),
    'tf alone': (MOVING, '/tf'),
}


@pytest.mark.parametrize(('messages', 'chosen'), CHOICES.values(), ids=CHOICES)
def test_the_best_poses_are_chosen_and_named(tmp_path, caplog, messages, chosen):
    with Bag(write(tmp_path / 'bag', *messages, *images(5))) as bag:
        assert choose_pose(bag).name == chosen
    several = len(
        {topic for topic, _, _ in messages}
        - {'/tf_static', '/goal_pose', '/initialpose', '/dock_pose'}
    )
    assert (f'the poses are those of {chosen}' in caplog.text) == (several > 1)


def test_equal_poses_are_left_to_the_user(tmp_path):
    again = [('/pose', at, message) for _, at, message in AMCL]
    with (
        Bag(write(tmp_path / 'bag', *AMCL, *again, *ODOM)) as bag,
        pytest.raises(
            BagError, match='several topics, name one as the pose topic: /amcl_pose, /pose'
        ),
    ):
        choose_pose(bag)


def test_tf_without_a_map_is_taken_from_its_root_and_told(tmp_path, caplog):
    with Bag(write(tmp_path / 'bag', *ODOMETRY_ALONE)) as bag:
        assert choose_pose(bag).frames == TreeFrames('odom')
    assert (
        '/tf has no frame map: the poses are those of base_link in odom, which drift'
        in caplog.text
    )


def test_tf_that_does_not_lead_from_map_to_base_is_refused_with_its_frames(tmp_path):
    with Bag(write(tmp_path / 'bag', *tf_messages(2, base='chassis'))) as bag:
        with pytest.raises(
            BagError, match=r'no frame base_link or .* it has: camera_optical_frame, c'
        ):
            choose_pose(bag)
        assert choose_pose(bag, frames=TreeFrames(base='chassis')).name == '/tf'
        with pytest.raises(BagError, match='no frame earth, but chassis lies below map'):
            choose_pose(bag, '/tf', TreeFrames('earth', 'chassis'))


def test_namespaced_tf_is_read_with_its_static_transforms(tmp_path):
    messages = [(f'/robot1{topic}', at, m) for topic, at, m in tf_messages(2, footprint='foot')]
    with Bag(write(tmp_path / 'bag', *messages)) as bag:
        assert choose_pose(bag).name == '/robot1/tf'
        mount = camera_mount(bag, 'camera_optical_frame')
    np.testing.assert_allclose(mount.as_array(), MOUNT.as_array(), atol=1e-9)


def test_mount_that_tf_does_not_know_is_none(tmp_path):
    unrelated = transforms(transform(0, 'rack', 'camera_optical_frame', MOUNT))
    path = write(tmp_path / 'bag', *ODOM, ('/tf_static', 0, unrelated))
    with Bag(path) as bag:
        assert camera_mount(bag, 'camera_optical_frame') is None
        assert camera_mount(bag, '') is None
        assert camera_mount(bag, 'camera_optical_frame', 'rack') is not None


def test_pictures_are_chosen_before_distances_and_classes(tmp_path, caplog):
    pictures = images(1)
    names = '/cam/depth/image_rect_raw', '/cam/color/image_raw', '/segmentation'
    messages = [(name, s, image) for name in names for _, s, image in pictures]
    with Bag(write(tmp_path / 'bag', *messages)) as bag:
        assert choose_image(bag).name == '/cam/color/image_raw'
        assert '/cam/depth/image_rect_raw, /segmentation' in caplog.text
        assert choose_image(bag, '/segmentation').name == '/segmentation'
