# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A closed drive through the town: straight lanes joined by arcs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class _Piece:
    """A straight or, with a radius, an arc; metres and radians, left turns positive."""

    x: float
    y: float
    yaw: float
    length: float
    curvature: float

    def at(self, s: float) -> tuple[float, float, float]:
        if self.curvature == 0:
            return self.x + s * np.cos(self.yaw), self.y + s * np.sin(self.yaw), self.yaw
        yaw = self.yaw + s * self.curvature
        x = self.x + (np.sin(yaw) - np.sin(self.yaw)) / self.curvature
        y = self.y - (np.cos(yaw) - np.cos(self.yaw)) / self.curvature
        return x, y, yaw


class Route:
    """A closed path in the ground plane, followed at constant speed."""

    def __init__(self, corners: NDArray[np.float64], left: float, radius: float = 5.0) -> None:
        """Round the corners of a polygon.

        Args:
            corners: (N, 2) of the street centre lines, metres; neighbours at right angles.
            left: Metres from the centre line to the left of the direction of travel.
            radius: Of the arcs, metres.
        """
        n = len(corners)
        ways = np.roll(corners, -1, axis=0) - corners
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        # A corner of the lane is off the centre lines of both its streets.
        normals = np.column_stack([-ways[:, 1], ways[:, 0]])
        lane = corners + left * (normals + np.roll(normals, 1, axis=0))
        self._pieces: list[_Piece] = []
        for i in range(n):
            start = lane[i] + radius * ways[i]
            end = lane[(i + 1) % n] - radius * ways[i]
            yaw = float(np.arctan2(ways[i, 1], ways[i, 0]))
            length = float((end - start) @ ways[i])
            self._pieces.append(_Piece(float(start[0]), float(start[1]), yaw, length, 0.0))
            after = ways[(i + 1) % n]
            turn = float(np.sign(ways[i, 0] * after[1] - ways[i, 1] * after[0]))
            arc = np.pi / 2 * radius
            self._pieces.append(_Piece(float(end[0]), float(end[1]), yaw, arc, turn / radius))
        self._ends = np.cumsum([p.length for p in self._pieces])

    @property
    def length(self) -> float:
        """Metres once around."""
        return float(self._ends[-1])

    def pose(self, distance: float) -> Pose:
        """Return the pose on the ground at a distance from the start; x forward, z up."""
        s = distance % self.length
        i = int(np.searchsorted(self._ends, s, side='right'))
        i = min(i, len(self._pieces) - 1)
        piece = self._pieces[i]
        return Pose.planar(*piece.at(s - float(self._ends[i]) + piece.length))
