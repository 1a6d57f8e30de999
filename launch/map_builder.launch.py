# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Build a place map from a camera and a pose source."""

from vpr_ros.nodes.launching import node_launch


def generate_launch_description():
    return node_launch(
        'map_builder_node',
        topics={
            'image': 'Camera images (raw, or compressed under <topic>/compressed).',
            'odom': 'nav_msgs/Odometry, for pose_source odometry.',
            'pose': 'Poses, for pose_source pose or pose_with_covariance.',
            'fix': 'sensor_msgs/NavSatFix, for pose_source fix.',
        },
        parameters={
            'map_path': 'File of the place map; created, or added to where it exists.',
            'pose_source': 'odometry, pose, pose_with_covariance, fix or none.',
        },
    )
