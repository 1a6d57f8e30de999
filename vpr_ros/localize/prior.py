# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A prior position by another source, such as a satellite fix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.decision import Decision, Status

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.search import Candidates

_SIGMAS = 3.0


@dataclass(frozen=True, eq=False)
class Prior:
    """A circle on the ground that holds the robot.

    Attributes:
        centre: (2,) x and y in the map frame, metres.
        radius: Metres.
    """

    centre: NDArray[np.float64]
    radius: float

    @staticmethod
    def around(
        position: NDArray[np.float64], covariance: NDArray[np.float64] | None, gate: float
    ) -> Prior:
        """Return the circle about a measured position (3,), three standard deviations wider."""
        sigma = 0.0
        if covariance is not None:
            sigma = float(np.sqrt(max(np.linalg.eigvalsh(covariance[:2, :2])[-1], 0.0)))
        return Prior(np.array(position[:2]), gate + _SIGMAS * sigma)

    def admits(self, poses: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which poses (N, 7) lie in the circle; those that are not known may."""
        away = np.linalg.norm(poses[:, :2] - self.centre, axis=1)
        return np.asarray(~(away > self.radius))

    def contradicts(self, free: Decision, candidates: Candidates) -> bool:
        """Whether the candidate that would be accepted without the prior lies outside of it."""
        accepted = free.status == Status.ACCEPTED
        return accepted and not self.admits(candidates.poses[:1])[0]
