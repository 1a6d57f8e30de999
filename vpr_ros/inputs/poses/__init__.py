# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot's pose from odometry, localisation or GNSS messages, at the stamps of images."""

from vpr_ros.inputs.poses.pairing import FramesWithPoses
from vpr_ros.inputs.poses.pose_buffer import Cause, NoPose, PoseBuffer, PoselessFrames
from vpr_ros.inputs.poses.pose_frames import begins_anew, is_origin
from vpr_ros.inputs.poses.pose_reading import PoseReading
from vpr_ros.inputs.poses.pose_source import (
    POSE_FORMATS,
    FixLimits,
    PoseFormat,
    PoseReadingError,
    PoseSource,
    pose_format,
    pose_types,
)
from vpr_ros.inputs.poses.transform_source import (
    BASES,
    MAP,
    TRANSFORMS,
    TransformSource,
    TreeFrames,
)

__all__ = [
    'BASES',
    'MAP',
    'POSE_FORMATS',
    'TRANSFORMS',
    'Cause',
    'FixLimits',
    'FramesWithPoses',
    'NoPose',
    'PoseBuffer',
    'PoseFormat',
    'PoseReading',
    'PoseReadingError',
    'PoseSource',
    'PoselessFrames',
    'TransformSource',
    'TreeFrames',
    'begins_anew',
    'is_origin',
    'pose_format',
    'pose_types',
]
