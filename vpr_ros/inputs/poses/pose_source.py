# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the odometry, localisation or GNSS messages say about the robot's pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.inputs.poses.pose_reading import (
    PoseReading,
    base_of,
    base_of_antenna,
    unknown_rotation,
)
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from numpy.typing import NDArray

ODOMETRY = 'nav_msgs/msg/Odometry'
POSE = 'geometry_msgs/msg/PoseStamped'
POSE_WITH_COVARIANCE = 'geometry_msgs/msg/PoseWithCovarianceStamped'
FIX = 'sensor_msgs/msg/NavSatFix'
POSE_TYPES = (ODOMETRY, POSE, POSE_WITH_COVARIANCE, FIX)
"""Types that say where the robot was, preferred first."""

_COVARIANCE_UNKNOWN = 0
"""sensor_msgs/NavSatFix.COVARIANCE_TYPE_UNKNOWN"""


class PoseReadingError(VprError):
    """A pose message that says nothing usable."""


@dataclass(frozen=True)
class FixLimits:
    """Which GNSS fixes are believed.

    Attributes:
        min_status: Least sensor_msgs/NavSatStatus: 0 any fix, 1 with satellite-based, 2 with
            ground-based augmentation (as RTK receivers report).
        max_sigma: Greatest horizontal standard deviation, metres, of fixes that state one; 0 for
            any.
    """

    min_status: int = 0
    max_sigma: float = 10.0


class PoseSource:
    """Reads pose messages of one type; GNSS fixes become poses in the ENU frame of a datum.

    Args:
        typename: One of ``POSE_TYPES``.
        datum: Origin of the ENU frame; None lets the first good fix set it. Only for fixes.
        mount: Pose in the base frame of what the messages are about (an antenna, a camera); None
            where that is the base itself.
        limits: Which fixes are believed.
    """

    def __init__(
        self,
        typename: str,
        datum: Datum | None = None,
        mount: Pose | None = None,
        limits: FixLimits | None = None,
    ) -> None:
        if typename not in POSE_TYPES:
            msg = f'{typename} gives no pose; a pose source is one of {", ".join(POSE_TYPES)}'
            raise PoseReadingError(msg)
        self.typename = typename
        self.datum = datum
        self._mount = mount
        self._limits = limits or FixLimits()

    def read(self, message: Any) -> PoseReading:
        """Return what a message (of rclpy or rosbags) says.

        Raises:
            PoseReadingError: Values that are not finite, a zero quaternion, or a fix without
                position or beyond the limits.
        """
        stamp = message.header.stamp.sec * SECOND + message.header.stamp.nanosec
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
            raise PoseReadingError(str(error)) from error
        reading = PoseReading(stamp, pose, covariance)
        return reading if self._mount is None else base_of(reading, self._mount)

    def _read_fix(self, fix: Any, stamp: int) -> PoseReading:
        status, least = fix.status.status, max(self._limits.min_status, 0)
        if status < least:
            msg = 'the receiver reports no fix'
            if status >= 0:
                msg = f'the fix has status {status}; at least {least} is asked for'
            raise PoseReadingError(msg)
        measured = _position_covariance(fix)
        if measured is not None and self._limits.max_sigma:
            sigma = float(np.sqrt(np.linalg.eigvalsh(measured[:2, :2])[-1]))
            if sigma > self._limits.max_sigma:
                msg = (
                    f'the fix is good to {sigma:.1f} m (standard deviation); at most '
                    f'{self._limits.max_sigma:g} m is asked for'
                )
                raise PoseReadingError(msg)
        try:
            # Receivers without a height give NaN there; the horizontal position is still good.
            geo = GeoPoint(fix.latitude, fix.longitude, fix.altitude)
        except ValueError as error:
            msg = f'the fix has no position: {error}'
            raise PoseReadingError(msg) from error
        if self.datum is None:
            self.datum = Datum.at(geo)
        reading = PoseReading(
            stamp, Pose.of(self.datum.position_of(geo)), unknown_rotation(measured), geo
        )
        return reading if self._mount is None else base_of_antenna(reading, self._mount.position)


def _position_covariance(fix: Any) -> NDArray[np.float64] | None:
    """Return the covariance (3, 3) a fix states, None where it states none that can be."""
    covariance = np.array(fix.position_covariance, np.float64).reshape(3, 3)
    covariance = (covariance + covariance.T) / 2
    known = fix.position_covariance_type != _COVARIANCE_UNKNOWN
    if known and np.isfinite(covariance).all() and (np.diag(covariance) >= 0).all():
        return covariance if covariance.any() else None
    return None
