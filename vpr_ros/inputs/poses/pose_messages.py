# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads odometry, poses in the frame of a map, and the fixes of GNSS receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.geometry.geodesy import is_null_island
from vpr_ros.inputs.poses.pose_source import FixLimits, PoseFormat, PoseReadingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VAGUEST = 1e12
"""Metres or radians squared; a larger variance says that nothing is known."""
_HIGHEST = 1e5
"""Metres above or below the ellipsoid beyond which no receiver is carried."""
_COVARIANCE_UNKNOWN = 0
"""sensor_msgs/NavSatFix.COVARIANCE_TYPE_UNKNOWN"""


def _pose(message: Any, _: FixLimits) -> tuple[Pose, None]:
    return _pose_of(message.pose), None


def _pose_with_covariance(message: Any, _: FixLimits) -> tuple[Pose, NDArray[np.float64] | None]:
    covariance = np.array(message.pose.covariance, np.float64).reshape(6, 6)
    return _pose_of(message.pose.pose), _known(covariance)


def _known(covariance: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return a covariance, None where it says nothing: all 0, vague, not finite, or negative."""
    sound = np.abs(covariance).max() <= _VAGUEST and (np.diag(covariance) >= 0).all()
    return covariance if sound and covariance.any() else None


def _pose_of(pose: Any) -> Pose:
    p, q = pose.position, pose.orientation
    return Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))


def _fix(fix: Any, limits: FixLimits) -> tuple[GeoPoint, NDArray[np.float64] | None]:
    status, least = fix.status.status, max(limits.min_status, 0)
    if status < least:
        msg = 'the receiver reports no fix'
        if status >= 0:
            msg = f'the fix has status {status}; at least {least} is asked for'
        raise PoseReadingError(msg)
    if is_null_island(fix.latitude, fix.longitude):
        msg = 'the fix lies at latitude 0, longitude 0, as receivers say that have no position yet'
        raise PoseReadingError(msg)
    covariance = _position_covariance(fix)
    if covariance is not None and limits.max_sigma:
        sigma = float(np.sqrt(np.linalg.eigvalsh(covariance[:2, :2])[-1]))
        if sigma > limits.max_sigma:
            msg = (
                f'the fix is good to {sigma:.1f} m (standard deviation); at most '
                f'{limits.max_sigma:g} m is asked for'
            )
            raise PoseReadingError(msg)
    if abs(fix.altitude) > _HIGHEST:
        msg = f'the fix has no position: its altitude is {fix.altitude:g} m'
        raise PoseReadingError(msg)
    try:
        # Receivers without a height give NaN there; the horizontal position is still good.
        return GeoPoint(fix.latitude, fix.longitude, fix.altitude), covariance
    except ValueError as error:
        msg = f'the fix has no position: {error}'
        raise PoseReadingError(msg) from error


def _position_covariance(fix: Any) -> NDArray[np.float64] | None:
    """Return the covariance (3, 3) that a fix states, None where it is unknown or impossible."""
    covariance = np.array(fix.position_covariance, np.float64).reshape(3, 3)
    if fix.position_covariance_type == _COVARIANCE_UNKNOWN:
        return None
    known = _known(covariance)
    return None if known is None else (known + known.T) / 2


FORMATS = (
    PoseFormat('odometry', 'nav_msgs/msg/Odometry', _pose_with_covariance, 'odom'),
    PoseFormat('pose', 'geometry_msgs/msg/PoseStamped', _pose),
    PoseFormat(
        'pose_with_covariance',
        'geometry_msgs/msg/PoseWithCovarianceStamped',
        _pose_with_covariance,
    ),
    PoseFormat('fix', 'sensor_msgs/msg/NavSatFix', _fix, 'fix', geodetic=True),
)
