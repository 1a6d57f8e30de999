# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pose of the base at one stamp, also from that of a sensor on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import GeoPoint

_UNKNOWN_ROTATION_VARIANCE = np.pi**2
"""Variance of an unknown angle, radians squared."""
_UNKNOWN_POSITION_VARIANCE = 25.0
"""Of a fix without covariance, metres squared; usual for a receiver on its own."""


@dataclass(frozen=True)
class PoseReading:
    """The pose of the robot at one stamp.

    Attributes:
        stamp: Nanoseconds.
        pose: The base frame in the map frame.
        covariance: (6, 6) of x, y, z and rotations about the fixed axes, or None where the source
            gives none.
        geo: Geodetic position where the source is a GNSS receiver.
        frame: Name of the frame of the pose as the message has it, such as ``odom``; empty where
            it names none, and for fixes, whose header names the antenna.
    """

    stamp: int
    pose: Pose
    covariance: NDArray[np.float64] | None = None
    geo: GeoPoint | None = None
    frame: str = ''


def unknown_rotation(position: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the covariance (6, 6) of a pose of which only the position (3, 3) was measured.

    Args:
        position: Its covariance; None for that of a common receiver.
    """
    covariance = np.eye(6) * _UNKNOWN_ROTATION_VARIANCE
    covariance[:3, :3] = np.eye(3) * _UNKNOWN_POSITION_VARIANCE if position is None else position
    return covariance


def base_of(reading: PoseReading, mount: Pose) -> PoseReading:
    """Return the pose of the base from that of a sensor with this pose in the base frame.

    The uncertainty of the rotation becomes, through the lever, one of the position (first order).
    """
    pose = reading.pose @ mount.inverse()
    covariance = reading.covariance
    if covariance is not None:
        x, y, z = pose.rotation @ mount.position
        jacobian = np.eye(6)
        jacobian[:3, 3:] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        covariance = jacobian @ covariance @ jacobian.T
        covariance = (covariance + covariance.T) / 2
    return replace(reading, pose=pose, covariance=covariance)


def base_of_antenna(reading: PoseReading, lever: NDArray[np.float64]) -> PoseReading:
    """Return the pose of the base from a fix, which has no rotation.

    The base stands upright below (or above) the antenna. The direction of the horizontal part of
    the lever is unknown, so this part widens the covariance instead.

    Args:
        reading: Of the antenna, with a covariance.
        lever: Position (3,) of the antenna in the base frame, metres.
    """
    position = reading.pose.position - np.array([0, 0, lever[2]])
    covariance = reading.covariance
    if covariance is not None:
        # Of a point on a circle: half the squared radius along each axis.
        spread = (lever[0] ** 2 + lever[1] ** 2) / 2
        covariance = covariance + np.diag([spread, spread, 0, 0, 0, 0])
    return replace(reading, pose=Pose.of(position), covariance=covariance)
