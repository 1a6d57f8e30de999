# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recognise places in a camera's images against a map."""

from vpr_ros.nodes.launching import node_launch


def generate_launch_description():
    return node_launch(
        'place_recognition_node',
        topics={
            'image': 'Camera images (raw, or compressed under <topic>/compressed).',
            'odom': 'nav_msgs/Odometry, for use_odometry.',
        },
        parameters={
            'map_path': 'File of the place map.',
            'temporal': 'Temporal filter over the last images: none or sequence.',
            'use_odometry': 'true: the filter follows the motion on odom.',
        },
    )
