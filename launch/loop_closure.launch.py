# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Find loop closures within one traverse."""

from vpr_ros.nodes.launching import node_launch


def generate_launch_description():
    return node_launch(
        'loop_closure_node',
        topics={
            'image': 'Camera images (raw, or compressed under <topic>/compressed).',
            'odom': 'nav_msgs/Odometry, for pose_source odometry.',
            'pose': 'Poses, for pose_source pose or pose_with_covariance.',
            'fix': 'sensor_msgs/NavSatFix, for pose_source fix.',
        },
        parameters={'pose_source': 'odometry, pose, pose_with_covariance, fix or none.'},
    )
