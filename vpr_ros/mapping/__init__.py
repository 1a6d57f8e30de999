# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Building maps: poses at image stamps, keyframes, and the places they become."""

from vpr_ros.mapping.association import FramesWithPoses
from vpr_ros.mapping.builder import MapBuilder
from vpr_ros.mapping.keyframes import KeyframeConfig, KeyframeGate
from vpr_ros.mapping.mounting import parse_mount
from vpr_ros.mapping.offline import map_bag
from vpr_ros.mapping.pose_source import (
    POSE_TYPES,
    FixLimits,
    PoseError,
    PoseReading,
    PoseSource,
)
from vpr_ros.mapping.replay import replay_frames
from vpr_ros.mapping.trajectory import PoseBuffer

__all__ = [
    'POSE_TYPES',
    'FixLimits',
    'FramesWithPoses',
    'KeyframeConfig',
    'KeyframeGate',
    'MapBuilder',
    'PoseBuffer',
    'PoseError',
    'PoseReading',
    'PoseSource',
    'map_bag',
    'parse_mount',
    'replay_frames',
]
