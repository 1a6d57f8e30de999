# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the robot's pose from odometry, localisation or GNSS messages."""

from __future__ import annotations

from typing import Any

from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.poses.pose_format import FixLimits, PoseReadingError, pose_format
from vpr_ros.inputs.poses.pose_reading import (
    PoseReading,
    base_of,
    base_of_antenna,
    unknown_rotation,
)
from vpr_ros.stamps import from_time


class PoseSource:
    """Reads pose messages of one type; GNSS fixes become poses in the ENU frame of a datum.

    Args:
        typename: Type of the messages, see ``POSE_FORMATS``.
        datum: Origin of the ENU frame; None lets the first good fix set it. Only for fixes.
        mount: Pose in the base frame of the sensor that the messages are about (an antenna, a
            camera); None where they are about the base itself.
        limits: Which fixes are accepted.

    Raises:
        PoseReadingError: Messages of this type give no pose.
    """

    def __init__(
        self,
        typename: str,
        datum: Datum | None = None,
        mount: Pose | None = None,
        limits: FixLimits | None = None,
    ) -> None:
        self._format = pose_format(typename)
        self.datum = datum
        self._mount = mount
        self._limits = limits or FixLimits()

    def read(self, message: Any) -> PoseReading:
        """Return the pose of the base that a message (of rclpy or rosbags) gives.

        Raises:
            PoseReadingError: Values that are not finite, a zero quaternion, or a fix without
                position or beyond the limits.
        """
        stamp = from_time(message.header.stamp)
        try:
            where, covariance = self._format.read(message, self._limits)
        except ValueError as error:
            raise PoseReadingError(str(error)) from error
        if isinstance(where, Pose):
            reading = PoseReading(stamp, where, covariance)
            return reading if self._mount is None else base_of(reading, self._mount)
        if self.datum is None:
            self.datum = Datum.at(where)
        pose = Pose.of(self.datum.position_of(where))
        reading = PoseReading(stamp, pose, unknown_rotation(covariance), where)
        return reading if self._mount is None else base_of_antenna(reading, self._mount.position)
