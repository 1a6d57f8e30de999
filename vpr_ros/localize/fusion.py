# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pose and covariance by the candidates that agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.localize.calibration import FRAME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.localize.calibration import Calibration, PlaceLikelihood
    from vpr_ros.localize.decision_config import DecisionConfig
    from vpr_ros.localize.evidence import Support
    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]


def fuse(
    candidates: Candidates,
    radius: float,
    config: DecisionConfig,
    calibration: Calibration | None,
    support: Support | None = None,
) -> tuple[Pose, Floats]:
    """Return the pose of the base in the map, and its covariance (6, 6).

    With a calibration the pose is the weighted mean of the candidates that agree with the first,
    and the covariance is the fitted error of correct answers. Without one the pose is that of the
    first candidate, and the covariance is the spread of the others about it. No standard
    deviation is smaller than the configured one.
    """
    if calibration is None:
        rows = candidates.agreeing(0, radius)
        mean, weights = candidates.poses[0], np.full(len(rows), 1 / len(rows))
        positions, angles = spread(candidates.poses[rows], mean, weights)
        factors = (1.0, 1.0)
        floors = (config.position_sigma, config.angle_sigma)
    else:
        mean, positions, angles = agreement(candidates, 0, radius, calibration.places, support)
        error = calibration.pose_errors[support.stage if support else FRAME]
        factors = (error.position_factor, error.angle_factor)
        floors = (
            max(error.position, config.position_sigma),
            max(error.angle, config.angle_sigma),
        )
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = floors[0] ** 2 * np.eye(3) + factors[0] * positions
    covariance[3:, 3:] = (floors[1] ** 2 + factors[1] * angles) * np.eye(3)
    return Pose.from_array(mean), covariance


def agreement(
    candidates: Candidates,
    i: int,
    radius: float,
    places: PlaceLikelihood,
    support: Support | None,
) -> tuple[Floats, Floats, float]:
    """Return the mean pose of the candidates that agree with one, and their spread about it.

    Weights are the probabilities of the temporal filter, or else the likelihoods of the places.

    Returns:
        Mean pose (7,), covariance (3, 3) of the positions and mean square angle.
    """
    rows = candidates.agreeing(i, radius)
    if support is not None and support.exactly[rows].any():
        weights = support.exactly[rows]
    else:
        ratios = places.log_ratios(candidates.similarities)[rows]
        weights = np.exp(ratios - ratios.max())
    poses = candidates.poses[rows]
    mean, weights = weighted_mean(poses, weights)
    return mean, *spread(poses, mean, weights)


def weighted_mean(poses: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the mean (7,) of poses (N, 7), and their weights (N,) as shares.

    The mean orientation is that of the weighted sum of the quaternions, which for the small
    differences of one place is the mean in the sense of the chordal distance.
    """
    weights = weights / weights.sum()
    quaternions = poses[:, 3:]
    signs = np.where(quaternions @ quaternions[0] < 0, -1.0, 1.0)
    orientation = (weights * signs) @ quaternions
    mean = np.concatenate([weights @ poses[:, :3], orientation / np.linalg.norm(orientation)])
    return mean, weights


def spread(poses: Floats, mean: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return covariance (3, 3) of positions and mean square angle of poses (N, 7) about one."""
    offsets = poses[:, :3] - mean[:3]
    quaternions = poses[:, 3:]
    signs = np.where(quaternions @ mean[3:] < 0, -1.0, 1.0)
    chords = np.linalg.norm(signs[:, None] * quaternions - mean[3:], axis=1)
    angles = 4 * np.arcsin(np.minimum(chords / 2, 1.0))
    return (offsets * weights[:, None]).T @ offsets, float(weights @ angles**2)
