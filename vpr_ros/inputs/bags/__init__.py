# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reading bags without ROS."""

from vpr_ros.inputs.bags.bag import (
    Bag,
    ChosenTopics,
    Message,
    Topic,
    choose_image,
    choose_pose,
    choose_topics,
)

__all__ = [
    'Bag',
    'ChosenTopics',
    'Message',
    'Topic',
    'choose_image',
    'choose_pose',
    'choose_topics',
]
