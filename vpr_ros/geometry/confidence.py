# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The region that holds 95 % of a normal distribution in the plane."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEVIATIONS = math.sqrt(-2 * math.log(1 - 0.95))
"""Standard deviations to the border of the ellipse that holds 95 % of a plane normal
distribution."""


def ellipse_of(covariance: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return major and minor half axis and angle of the 95 % ellipse of a covariance.

    Args:
        covariance: (2, 2), square metres.

    Returns:
        Half axes in metres; the angle from +x to the major one in radians.
    """
    variances, axes = np.linalg.eigh(covariance)
    minor, major = _DEVIATIONS * np.sqrt(np.maximum(variances, 0.0))
    return float(major), float(minor), float(np.arctan2(axes[1, 1], axes[0, 1]))


def outline_of(covariance: NDArray[np.float64], points: int = 49) -> NDArray[np.float64]:
    """Return a closed line (points, 2) along the 95 % ellipse of a covariance (2, 2), metres."""
    major, minor, angle = ellipse_of(covariance)
    turn = np.linspace(0, 2 * math.pi, points)
    x, y = major * np.cos(turn), minor * np.sin(turn)
    cosine, sine = math.cos(angle), math.sin(angle)
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1)
