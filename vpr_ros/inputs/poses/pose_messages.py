# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads odometry and poses in the frame of a map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses.pose_format import FixLimits, PoseFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _pose(message: Any, _: FixLimits) -> tuple[Pose, None]:
    return _pose_of(message.pose), None


def _pose_with_covariance(message: Any, _: FixLimits) -> tuple[Pose, NDArray[np.float64] | None]:
    covariance = np.array(message.pose.covariance, np.float64).reshape(6, 6)
    known = np.isfinite(covariance).all() and covariance.any()
    return _pose_of(message.pose.pose), covariance if known else None


def _pose_of(pose: Any) -> Pose:
    p, q = pose.position, pose.orientation
    return Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


FORMATS = (
    PoseFormat('odometry', 'nav_msgs/msg/Odometry', _pose_with_covariance, 'odom'),
    PoseFormat('pose', 'geometry_msgs/msg/PoseStamped', _pose),
    PoseFormat(
        'pose_with_covariance',
        'geometry_msgs/msg/PoseWithCovarianceStamped',
        _pose_with_covariance,
    ),
)
