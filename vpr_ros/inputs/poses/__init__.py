# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot's pose from odometry, localisation or GNSS messages, at the stamps of images."""

from vpr_ros.inputs.poses.pairing import FramesWithPoses
from vpr_ros.inputs.poses.pose_buffer import PoseBuffer
from vpr_ros.inputs.poses.pose_reading import PoseReading
from vpr_ros.inputs.poses.pose_source import (
    POSE_TYPES,
    FixLimits,
    PoseReadingError,
    PoseSource,
)

__all__ = [
    'POSE_TYPES',
    'FixLimits',
    'FramesWithPoses',
    'PoseBuffer',
    'PoseReading',
    'PoseReadingError',
    'PoseSource',
]
