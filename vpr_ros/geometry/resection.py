# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Metric pose of a camera, from keyframes whose distances from each other are known.

One camera sees directions only. Two keyframes and the motion between them, measured by odometry,
give the depth of the points that both see (triangulation); these points give the pose of a third
picture (resection). All frames here are optical: x right, y down, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.geometry.pose import Pose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_LEAST_PARALLAX = 0.0175
"""The greatest angle between two rays of a point must be at least this, radians."""
_LEAST_POINTS = 10
_ITERATIONS = 10
_RANSAC_ROUNDS = 1000


@dataclass(frozen=True, eq=False)
class Observation:
    """The points of the first keyframe that another keyframe sees.

    Attributes:
        rows: (M,) rows of the points.
        rays: (M, 2) x / z and y / z in this keyframe's optical frame.
        pose: This keyframe's camera in the first one's.
    """

    rows: NDArray[np.intp]
    rays: NDArray[np.float64]
    pose: Pose


@dataclass(frozen=True, eq=False)
class Points:
    """Triangulated points in the first keyframe's optical frame.

    Attributes:
        rows: (P,) which of its points.
        positions: (P, 3) metres.
        covariances: (P, 3, 3).
    """

    rows: NDArray[np.intp]
    positions: NDArray[np.float64]
    covariances: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Resection:
    """A camera's pose in another's optical frame.

    Attributes:
        pose: Metres.
        covariance: (6, 6) of x, y, z and the rotations about the other camera's fixed axes.
        inliers: Points that agree.
    """

    pose: Pose
    covariance: NDArray[np.float64]
    inliers: int


def triangulate(
    rays: NDArray[np.float64], observations: Sequence[Observation], sigma: float
) -> Points:
    """Find the points that a keyframe and its neighbours see, from the motion between them.

    Each point is the one nearest to all its rays, weighted by their lengths; dropped are those
    behind a camera, more than three sigma off a ray, or without parallax.

    Args:
        rays: (N, 2) x / z and y / z of all points of the keyframe.
        observations: Of its neighbours.
        sigma: Standard deviation of a ray, radians.
    """
    origin = np.zeros((len(rays), 3))
    seen = [(np.arange(len(rays)), origin, _unit(rays))]
    for observation in observations:
        directions = _unit(observation.rays) @ observation.pose.rotation.T
        centres = np.broadcast_to(observation.pose.position, directions.shape)
        seen.append((observation.rows, centres, directions))
    rows, centres, directions = (np.concatenate(parts) for parts in zip(*seen, strict=True))
    across = np.eye(3) - directions[:, :, None] * directions[:, None, :]
    lengths = np.ones(len(rows))
    for _ in range(3):
        weights = across / (sigma * lengths[:, None, None]) ** 2
        information = _gathered(rows, weights, len(rays))
        right = _gathered(rows, np.einsum('nij,nj->ni', weights, centres), len(rays))
        # One ray alone is singular; so little added to the rest changes nothing.
        information += 1e-9 * np.trace(information, axis1=1, axis2=2)[:, None, None] * np.eye(3)
        positions = np.asarray(np.linalg.solve(information, right[:, :, None])[:, :, 0], float)
        lengths = np.maximum(np.linalg.norm(positions[rows] - centres, axis=1), 1e-3)
    offsets = positions[rows] - centres
    ahead = np.einsum('ni,ni->n', offsets, directions) > 0
    off = np.linalg.norm(np.einsum('nij,nj->ni', across, offsets), axis=1) / lengths
    bad = np.zeros(len(rays), np.bool_)
    np.logical_or.at(bad, rows, ~ahead | (off > 3 * sigma))
    cosines = np.einsum('ni,ni->n', _unit(rays)[rows], directions)
    narrowest = np.ones(len(rays))
    np.minimum.at(narrowest, rows, cosines)
    good = np.flatnonzero(~bad & (narrowest < np.cos(_LEAST_PARALLAX)))
    covariances = np.asarray(np.linalg.inv(information[good]), np.float64)
    return Points(good, positions[good], covariances)


def resect(
    points: Points, rays: NDArray[np.float64], sigma: float, scale_sigma: float
) -> Resection | None:
    """Find the camera that sees points along rays; None where too few agree.

    RANSAC over minimal poses, then Gauss-Newton on the reprojection, in which every point
    weighs by how well it was triangulated (Vakhitov and others, Uncertainty-Aware Camera Pose
    Estimation from Points and Lines, CVPR 2021); the covariance is that of this problem, never
    less than the residuals say.

    Args:
        points: (P,) points in the keyframe's optical frame.
        rays: (P, 2) where the camera sees them.
        sigma: Standard deviation of a ray, radians.
        scale_sigma: Relative standard deviation of the motion between the keyframes.
    """
    if len(rays) < _LEAST_POINTS:
        return None
    try:
        found, turn, shift, chosen = cv2.solvePnPRansac(
            points.positions,
            rays,
            np.eye(3),
            None,
            iterationsCount=_RANSAC_ROUNDS,
            reprojectionError=3 * sigma,
            confidence=0.999,
            flags=cv2.SOLVEPNP_EPNP,
        )
    except cv2.error:  # Raised where the points determine no pose.
        return None
    if not found or chosen is None or len(chosen) < _LEAST_POINTS:
        return None
    rows = chosen.ravel()
    positions, covariances, rays = (
        points.positions[rows],
        points.covariances[rows],
        rays[rows],
    )
    rotation, shift = cv2.Rodrigues(turn)[0], shift[:, 0]
    for _ in range(_ITERATIONS):
        seen = positions @ rotation.T + shift
        if (seen[:, 2] <= 0).any():
            return None
        residuals, slope = _projection(seen, rays)
        jacobian = np.concatenate([slope, -slope @ _cross(seen)], axis=2)
        spread = slope @ rotation
        noise = spread @ covariances @ spread.transpose(0, 2, 1) + sigma**2 * np.eye(2)
        weights = np.linalg.inv(noise)
        information = np.einsum('nki,nkl,nlj->ij', jacobian, weights, jacobian)
        step = np.linalg.solve(
            information, -np.einsum('nki,nkl,nl->i', jacobian, weights, residuals)
        )
        small = cv2.Rodrigues(step[3:])[0]
        rotation, shift = small @ rotation, small @ shift + step[:3]
    chi_square = float(np.einsum('nk,nkl,nl->', residuals, weights, residuals))
    inflation = max(1.0, chi_square / (2 * len(rows) - 6))
    covariance = np.linalg.inv(information) * inflation
    # The step moves points in the camera; the camera moves the other way, in the keyframe.
    back = np.kron(np.eye(2), rotation.T)
    position = -rotation.T @ shift
    covariance = back @ covariance @ back.T
    covariance[:3, :3] += scale_sigma**2 * np.outer(position, position)
    return Resection(_pose(rotation.T, position), (covariance + covariance.T) / 2, len(rows))


def in_base(found: Resection, mount: Pose) -> Resection:
    """Return the same for the bases that carry the cameras.

    Args:
        found: A camera's pose in another's optical frame.
        mount: The optical frame in the base frame, the same for both.
    """
    pose = mount @ found.pose @ mount.inverse()
    turn = mount.rotation
    jacobian = np.kron(np.eye(2), turn)
    lever = pose.rotation @ mount.position
    jacobian[:3, 3:] = _cross(lever[None])[0] @ turn
    covariance = jacobian @ found.covariance @ jacobian.T
    return Resection(pose, (covariance + covariance.T) / 2, found.inliers)


def _projection(
    seen: NDArray[np.float64], rays: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return residuals (N, 2) of points (N, 3) in the camera and their derivatives (N, 2, 3)."""
    x, y, z = seen.T
    slope = np.zeros((len(seen), 2, 3))
    slope[:, 0, 0] = slope[:, 1, 1] = 1 / z
    slope[:, 0, 2], slope[:, 1, 2] = -x / z**2, -y / z**2
    return seen[:, :2] / seen[:, 2:] - rays, slope


def _unit(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    directions = np.column_stack([rays, np.ones(len(rays))])
    return np.asarray(directions / np.linalg.norm(directions, axis=1, keepdims=True), np.float64)


def _gathered(
    rows: NDArray[np.intp], values: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    sums = np.zeros((count, *values.shape[1:]))
    np.add.at(sums, rows, values)
    return sums


def _cross(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 3, 3) matrices that multiply vectors as the cross product does."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.array([[zero, -z, y], [z, zero, -x], [-y, x, zero]]).transpose(2, 0, 1)


def _pose(rotation: NDArray[np.float64], position: NDArray[np.float64]) -> Pose:
    turn = cv2.Rodrigues(rotation)[0][:, 0]
    angle = float(np.linalg.norm(turn))
    axis = turn / angle if angle > 1e-12 else np.zeros(3)
    return Pose.of(position, (*(np.sin(angle / 2) * axis), np.cos(angle / 2)))
