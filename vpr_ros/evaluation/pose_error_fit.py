# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits the error of the pose of correct answers, and tests it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize

from vpr_ros.localize.calibration import PoseErrorModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.evaluation.metrics import Floats

_LEAST_SIGMAS = (0.1, 0.03)
"""Accuracy of the poses of traverses, metres and radians."""


@dataclass(frozen=True, eq=False)
class PoseOffset:
    """The error of one pose, and the spread of the candidates that it is the mean of.

    Attributes:
        offset: (2,) metres.
        angle: Radians.
        spread: (2, 2) covariance of the positions of the agreeing candidates, square metres.
        angle_spread: Mean square of their angles about the mean, square radians.
    """

    offset: Floats
    angle: float
    spread: Floats
    angle_spread: float


def nees(errors: Sequence[PoseOffset], model: PoseErrorModel) -> Floats:
    """Return the normalised squared errors (N,) of x, y and yaw: chi-square of 3 if consistent.

    Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking, section 5.4.
    """
    values = []
    for error in errors:
        covariance = model.position**2 * np.eye(2) + model.position_factor * error.spread
        angle = model.angle**2 + model.angle_factor * error.angle_spread
        values.append(
            error.offset @ np.linalg.solve(covariance, error.offset) + error.angle**2 / angle
        )
    return np.array(values)


def pose_error(errors: Sequence[PoseOffset]) -> PoseErrorModel:
    """Fit base and factor of the variances by maximum likelihood of Gaussian errors.

    The bases are kept above the accuracy of the true poses.
    """
    offsets = np.array([e.offset for e in errors])
    spreads = np.array([e.spread for e in errors])
    turns = np.array([e.angle for e in errors])
    turn_spreads = np.array([e.angle_spread for e in errors])

    def position_loss(logs: Floats) -> float:
        covariances = np.exp(logs[0]) * np.eye(2) + np.exp(logs[1]) * spreads
        squares = np.einsum(
            'ni,ni->n', offsets, np.linalg.solve(covariances, offsets[..., None])[..., 0]
        )
        return float(np.mean(squares + np.linalg.slogdet(covariances)[1]))

    def angle_loss(logs: Floats) -> float:
        variances = np.exp(logs[0]) + np.exp(logs[1]) * turn_spreads
        return float(np.mean(turns**2 / variances + np.log(variances)))

    least, least_angle = (2 * math.log(sigma) for sigma in _LEAST_SIGMAS)
    factor = (math.log(1e-3), math.log(1e2))
    bounds = [(least, math.log(1e4)), factor]
    position = np.exp(minimize(position_loss, np.zeros(2), bounds=bounds).x)
    bounds = [(least_angle, 2.0), factor]
    angle = np.exp(minimize(angle_loss, np.array([-4.0, 0.0]), bounds=bounds).x)
    return PoseErrorModel(
        float(math.sqrt(position[0])),
        float(position[1]),
        float(math.sqrt(angle[0])),
        float(angle[1]),
    )
