# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From where a sensor is to where the robot's base is: antennas, cameras, trackers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.mapping.pose_source import PoseReading


def parse_mount(text: str) -> Pose | None:
    """Return the pose of a sensor in the base frame, None where the text is empty.

    Args:
        text: `x y z` in metres, or `x y z roll pitch yaw` with angles in radians about the fixed
            axes of the base, as in a URDF.

    Raises:
        VprError: It is something else.
    """
    if not text.strip():
        return None
    try:
        numbers = [float(word) for word in text.replace(',', ' ').split()]
        if len(numbers) in (3, 6) and np.isfinite(numbers).all():
            return Pose.of(numbers[:3]) @ _rotation(*(numbers[3:] or (0.0, 0.0, 0.0)))
    except ValueError:
        pass
    msg = f'a mount is "x y z" or "x y z roll pitch yaw" (metres, radians), not {text!r}'
    raise VprError(msg)


def _rotation(roll: float, pitch: float, yaw: float) -> Pose:
    about_x, about_y, about_z = (
        Pose.of((0, 0, 0), (*(np.sin(angle / 2) * axis), np.cos(angle / 2)))
        for angle, axis in zip((roll, pitch, yaw), np.eye(3), strict=True)
    )
    return about_z @ about_y @ about_x


def base_of(reading: PoseReading, mount: Pose) -> PoseReading:
    """Return where the base is, of a reading of where a sensor with this pose on it is.

    The uncertainty of the rotation becomes, through the lever, one of the position (first order).
    """
    pose = reading.pose @ mount.inverse()
    covariance = reading.covariance
    if covariance is not None:
        x, y, z = pose.rotation @ mount.position
        jacobian = np.eye(6)
        jacobian[:3, 3:] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
        covariance = _symmetric(jacobian @ covariance @ jacobian.T)
    return replace(reading, pose=pose, covariance=covariance)


def base_of_antenna(reading: PoseReading, lever: NDArray[np.float64]) -> PoseReading:
    """Return where the base is, of a fix that knows no rotation.

    The base stands upright below (or above) the antenna; in which direction the rest of the lever
    points is not known, so that it widens the covariance instead.

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


def _symmetric(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((matrix + matrix.T) / 2)
