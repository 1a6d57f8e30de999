# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reading bags without ROS."""

from vpr_ros.inputs.bags.bag import Bag, Message, Topic
from vpr_ros.inputs.bags.bag_transforms import camera_mount
from vpr_ros.inputs.bags.camera_topics import camera_name, choose_cameras
from vpr_ros.inputs.bags.topic_choice import (
    IMAGE_TYPES,
    ChosenTopics,
    choose_image,
    choose_pose,
    choose_topics,
    is_geodetic,
    pose_source,
)

__all__ = [
    'IMAGE_TYPES',
    'Bag',
    'ChosenTopics',
    'Message',
    'Topic',
    'camera_mount',
    'camera_name',
    'choose_cameras',
    'choose_image',
    'choose_pose',
    'choose_topics',
    'is_geodetic',
    'pose_source',
]
