# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rigid poses in three dimensions: metres, radians, right-handed frames (REP-103)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FARTHEST = 1e9
"""Metres; nothing that a robot measures is farther from anything else."""
_UNIT_WITHIN = 1e-5
_SLERP_LINEAR_BELOW = 1e-6
"""Sine of the half angle under which spherical interpolation is replaced by linear."""


@dataclass(frozen=True, eq=False)
class Pose:
    """Position and orientation of a child frame in a parent frame.

    Attributes:
        position: (3,) float64, metres.
        orientation: (4,) float64, unit quaternion x, y, z, w.
    """

    position: NDArray[np.float64]
    orientation: NDArray[np.float64]

    @staticmethod
    def of(position: ArrayLike, orientation: ArrayLike = (0.0, 0.0, 0.0, 1.0)) -> Pose:
        """Build a pose from any array-likes; the quaternion is normalised.

        Raises:
            ValueError: A value is not finite, the position is beyond `FARTHEST`, or the quaternion
                has no direction.
        """
        p = np.array(position, np.float64).reshape(3)
        q = np.array(orientation, np.float64).reshape(4)
        with np.errstate(over='ignore'):
            norm = float(np.linalg.norm(q))
        if not (np.abs(p).max() <= FARTHEST and np.isfinite(norm)):
            msg = f'the pose is impossible or not finite: position {p}, orientation {q}'
            raise ValueError(msg)
        if norm < 1e-6:
            msg = 'the orientation is the zero quaternion, which is no rotation'
            raise ValueError(msg)
        return Pose(p, q / norm)

    @staticmethod
    def identity() -> Pose:
        """Return the pose of a frame in itself."""
        return Pose.of((0.0, 0.0, 0.0))

    @staticmethod
    def planar(x: float, y: float, yaw: float) -> Pose:
        """Return a pose in the ground plane; yaw counter-clockwise from +x."""
        return Pose.of((x, y, 0.0), (0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)))

    @staticmethod
    def from_array(seven: ArrayLike) -> Pose:
        """Build from (7,): x, y, z, qx, qy, qz, qw."""
        values = np.array(seven, np.float64).reshape(7)
        return Pose.of(values[:3], values[3:])

    def as_array(self) -> NDArray[np.float64]:
        """Return (7,): x, y, z, qx, qy, qz, qw."""
        return np.concatenate([self.position, self.orientation])

    @property
    def rotation(self) -> NDArray[np.float64]:
        """The (3, 3) rotation matrix from the child frame to the parent frame."""
        return rotation_of(self.orientation)

    @property
    def yaw(self) -> float:
        """Heading about +z in radians, (-pi, pi]."""
        return float(yaw_of(self.orientation))

    def __matmul__(self, other: Pose) -> Pose:
        """Chain transforms: (a_from_b @ b_from_c) is a_from_c."""
        position = self.position + self.rotation @ other.position
        return Pose.of(position, multiplied(self.orientation, other.orientation))

    def inverse(self) -> Pose:
        """Return the pose of the parent frame in the child frame."""
        return Pose.of(
            -self.rotation.T @ self.position, self.orientation * np.array([-1, -1, -1, 1])
        )

    def distance_to(self, other: Pose) -> float:
        """Euclidean distance between the positions, metres."""
        return float(np.linalg.norm(self.position - other.position))

    def angle_to(self, other: Pose) -> float:
        """Angle of the rotation between the orientations, radians, [0, pi]."""
        # atan2 of the relative quaternion keeps its precision near zero, arccos does not.
        conjugate = self.orientation * np.array([-1, -1, -1, 1])
        relative = multiplied(conjugate, other.orientation)
        return float(2 * np.arctan2(np.linalg.norm(relative[:3]), abs(relative[3])))

    def interpolate(self, other: Pose, fraction: float) -> Pose:
        """Return the pose at a fraction in [0, 1] of the way to another (linear and slerp)."""
        a, b = self.orientation, other.orientation
        if np.dot(a, b) < 0:
            b = -b
        half_angle = np.arctan2(np.linalg.norm(a - b), np.linalg.norm(a + b)) * 2
        sine = np.sin(half_angle)
        if sine < _SLERP_LINEAR_BELOW:
            orientation = a + fraction * (b - a)
        else:
            weights = np.sin(np.array([1 - fraction, fraction]) * half_angle) / sine
            orientation = weights[0] * a + weights[1] * b
        return Pose.of(self.position + fraction * (other.position - self.position), orientation)


def are_poses(rows: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows (N, 7) are poses: finite, not beyond `FARTHEST`, of unit quaternions."""
    with np.errstate(over='ignore', invalid='ignore'):
        near = (np.abs(rows[:, :3]) <= FARTHEST).all(axis=1)
        unit = np.abs(np.linalg.norm(rows[:, 3:], axis=1) - 1) <= _UNIT_WITHIN
    return np.asarray(near & unit)


def rotation_of(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotation matrix (3, 3, ...) of a unit quaternion (4, ...)."""
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def quaternion_of(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return x, y, z, w >= 0 of a rotation matrix (3, 3), also of a rounded one.

    Bar-Itzhack, New method for extracting the quaternion from a rotation matrix, JGCD 2000,
    version 3: the eigenvector of the greatest eigenvalue.

    Raises:
        ValueError: The matrix is not a rotation.
    """
    if not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        msg = 'the matrix is no rotation'
        raise ValueError(msg)
    (a, b, c), (d, e, f), (g, h, i) = rotation
    symmetric = np.array(
        [
            [a - e - i, b + d, c + g, h - f],
            [b + d, e - a - i, f + h, c - g],
            [c + g, f + h, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    quaternion = np.asarray(np.linalg.eigh(symmetric)[1][:, -1])
    return -quaternion if quaternion[3] < 0 else quaternion


def yaw_of(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the heading about +z (...), radians, (-pi, pi], of a unit quaternion (4, ...)."""
    x, y, z, w = quaternion
    return np.asarray(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))


def wrapped(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return angles without whole turns, from -pi to pi."""
    return np.asarray((angles + np.pi) % (2 * np.pi) - np.pi)


def multiplied(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Hamilton product (4, ...) of two quaternions (4, ...), each x, y, z, w."""
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return np.array(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ]
    )
