# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of poses that begin where their traverse did, and relate it to no other."""

from __future__ import annotations

from vpr_ros.geometry import Pose

_LIDAR_ODOMETRY = ('camera_init',)
"""Names that programs give to the frame of their odometry: LOAM and FAST-LIO."""
_STILL = 1e-3
"""Metres and radians."""


def begins_anew(frame: str) -> bool:
    """Return whether a frame has its origin where the robot was switched on (REP 105: ``odom``).

    Args:
        frame: Name as in the header of a message; empty where it names none, which is taken for a
            frame of a map.
    """
    name = frame.rstrip('/').rpartition('/')[2].lower()
    return 'odom' in name or name in _LIDAR_ODOMETRY


def is_origin(pose: Pose) -> bool:
    """Return whether a pose is that of its frame, as the first pose is where a frame begins."""
    origin = Pose.identity()
    return pose.distance_to(origin) < _STILL and pose.angle_to(origin) < _STILL
