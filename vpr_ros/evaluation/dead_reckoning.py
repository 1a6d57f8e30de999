# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Odometry made of true poses, with the errors of wheels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_STILL = 1e-6
"""Metres and radians below which the robot did not move."""


@dataclass(frozen=True)
class OdometryErrors:
    """The errors of odometry.

    Attributes:
        scale: Measured over true distance.
        distance_noise: Standard deviation of a step's length, as a share of it.
        turn_noise: Standard deviation of a step's turn, radians.
        slip_every: Every so many steps the wheels slip; 0 for never.
        slip: Measured over true distance of such a step.
    """

    scale: float = 1.02
    distance_noise: float = 0.03
    turn_noise: float = 0.01
    slip_every: int = 0
    slip: float = 1.5


def dead_reckoned(
    truths: Sequence[Pose], carried: Collection[int] = (), errors: OdometryErrors | None = None
) -> list[Pose]:
    """Return the poses of a traverse in a frame that drifts, the same for the same traverse.

    Args:
        truths: True poses, in order.
        carried: Numbers of poses to which the robot was carried, which odometry does not see.
        errors: Of the odometry; 2 % of scale and noise by default.
    """
    errors = errors or OdometryErrors()
    rng = np.random.default_rng(0)
    poses = [Pose.planar(20.0, -10.0, 0.7)] if truths else []
    for i in range(1, len(truths)):
        length, turn = rng.normal(1.0, errors.distance_noise), rng.normal(0, errors.turn_noise)
        step = truths[i - 1].inverse() @ truths[i]
        still = np.linalg.norm(step.position) < _STILL and Pose.identity().angle_to(step) < _STILL
        if i in carried or still:
            poses.append(poses[-1])
            continue
        factor = errors.scale * length
        if errors.slip_every and i % errors.slip_every == 0:
            factor *= errors.slip
        measured = Pose.of(factor * step.position, step.orientation)
        poses.append(poses[-1] @ measured @ Pose.planar(0.0, 0.0, turn))
    return poses
