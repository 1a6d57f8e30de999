# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the odometry, localisation or GNSS messages say about the robot's pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.geometry import Pose
from vpr_ros.maps import Datum, GeoPoint

if TYPE_CHECKING:
    from numpy.typing import NDArray

ODOMETRY = 'nav_msgs/msg/Odometry'
POSE = 'geometry_msgs/msg/PoseStamped'
POSE_WITH_COVARIANCE = 'geometry_msgs/msg/PoseWithCovarianceStamped'
FIX = 'sensor_msgs/msg/NavSatFix'
POSE_TYPES = (ODOMETRY, POSE, POSE_WITH_COVARIANCE, FIX)

_NO_FIX = -1
"""sensor_msgs/NavSatStatus.STATUS_NO_FIX"""
_UNKNOWN_ROTATION_VARIANCE = np.pi**2
"""Variance of an angle of which nothing is known, radians squared."""


class PoseError(VprError):
    """A pose message that says nothing usable."""


@dataclass(frozen=True)
class PoseReading:
    """Where the robot was at one moment.

    Attributes:
        stamp: Nanoseconds.
        pose: The base frame in the map frame.
        covariance: (6, 6) of x, y, z and rotations about the fixed axes, or None where the source
            gives none.
        geo: Geodetic position where the source is a GNSS receiver.
    """

    stamp: int
    pose: Pose
    covariance: NDArray[np.float64] | None = None
    geo: GeoPoint | None = None


class PoseSource:
    """Reads pose messages of one type; GNSS fixes become poses in the ENU frame of a datum.

    Args:
        typename: One of ``POSE_TYPES``.
        datum: Origin of the ENU frame; None lets the first good fix set it. Only for fixes.
    """

    def __init__(self, typename: str, datum: Datum | None = None) -> None:
        if typename not in POSE_TYPES:
            msg = f'{typename} gives no pose; a pose source is one of {", ".join(POSE_TYPES)}'
            raise PoseError(msg)
        self.typename = typename
        self.datum = datum

    def read(self, message: Any) -> PoseReading:
        """Return what a message (of rclpy or rosbags) says.

        Raises:
            PoseError: Values that are not finite, a zero quaternion, or a fix without position.
        """
        stamp = message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec
        if self.typename == FIX:
            return self._read_fix(message, stamp)
        holder = message.pose
        covariance = None
        if self.typename != POSE:
            covariance = np.array(holder.covariance, np.float64).reshape(6, 6)
            holder = holder.pose
            if not np.isfinite(covariance).all() or not covariance.any():
                covariance = None
        p, q = holder.position, holder.orientation
        try:
            pose = Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
        except ValueError as error:
            raise PoseError(str(error)) from error
        return PoseReading(stamp, pose, covariance)

    def _read_fix(self, fix: Any, stamp: int) -> PoseReading:
        if fix.status.status <= _NO_FIX:
            msg = 'the receiver reports no fix'
            raise PoseError(msg)
        try:
            # Receivers without a height give NaN there; the horizontal position is still good.
            geo = GeoPoint(fix.latitude, fix.longitude, fix.altitude)
        except ValueError as error:
            msg = f'the fix has no position: {error}'
            raise PoseError(msg) from error
        if self.datum is None:
            self.datum = Datum(geo.lat, geo.lon, 0.0 if np.isnan(geo.alt) else geo.alt)
        covariance = np.eye(6) * _UNKNOWN_ROTATION_VARIANCE
        position_covariance = np.array(fix.position_covariance, np.float64).reshape(3, 3)
        if fix.position_covariance_type and np.isfinite(position_covariance).all():
            covariance[:3, :3] = position_covariance
        return PoseReading(stamp, Pose.of(self.datum.position_of(geo)), covariance, geo)
