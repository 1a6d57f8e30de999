# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two-view geometry: which matched points of two pictures come from one scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LEAST = 8
"""Pairs below which nothing can be told."""
_NEIGHBOURS = 16
"""Nearest points of each that are asked whether they move as it does."""
_ALIKE = 0.5
"""Two neighbours move alike if their motions differ by no more than this part of the distance
between them: things half as large again, turned by up to 29 degrees."""
_ALIKE_PIXELS = 3.0
"""Or by no more than this."""
_AGREED = 0.5
"""Share of its neighbours that move alike by which a pair counts as one of the scene."""
_STRIDES = (2, 3, 4, 5, 7)
"""Each point is paired with those at half, a third, … of the row of points further on."""
_LEAST_APART = 0.04
"""Distance of two points whose ratio means something, as a part of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class TwoView:
    """What matched points of two pictures have in common.

    Attributes:
        support: (M,) share of the neighbours of each pair that move as it does.
        deformation: Median size of the logarithm of the ratio of distances between points of one
            picture and of the other; 0 where one is the other, shifted or turned, 1 and more where
            they have nothing in common. It grows with the distance between the cameras, whatever
            the season: near things grow, far ones stay.
    """

    support: NDArray[np.float64]
    deformation: float = 1.0

    @property
    def inliers(self) -> float:
        """How many pairs come from one scene: the sum of their support."""
        return float(self.support.sum())

    @property
    def agreeing(self) -> NDArray[np.bool_]:
        """Which pairs (M,) most neighbours support."""
        return self.support >= _AGREED


def relate(
    first: NDArray[np.float64], second: NDArray[np.float64], size: tuple[int, int]
) -> TwoView:
    """Find the pairs of points that move as their neighbours do.

    Neighbours in one picture of a scene are neighbours in another, while wrong matches land
    anywhere (motion smoothness: Bian and others, GMS, CVPR 2017). Unlike the epipolar constraint
    this gives wrong matches no geometry to agree on: of 200 by chance some 45 lie near the lines
    of some fundamental matrix.

    Args:
        first: (M, 2) pixels of matched points in the first picture.
        second: (M, 2) the same in the second.
        size: Width and height of both pictures.
    """
    if len(first) < _LEAST:
        return TwoView(np.zeros(len(first)))
    distances, rows = cKDTree(first).query(first, min(_NEIGHBOURS + 1, len(first)))
    distances, rows = distances[:, 1:], rows[:, 1:]  # Nearest is the point itself, or its double.
    motions = second - first
    differences = np.linalg.norm(motions[rows] - motions[:, None], axis=2)
    alike = differences <= np.maximum(_ALIKE_PIXELS, _ALIKE * distances)
    view = TwoView(alike.mean(axis=1))
    agreeing = first[view.agreeing], second[view.agreeing]
    return replace(view, deformation=_deformation(*agreeing, _LEAST_APART * max(size)))


def _deformation(first: NDArray[np.float64], second: NDArray[np.float64], least: float) -> float:
    """Return `TwoView.deformation` of points (N, 2) that agree.

    Args:
        first: Pixels of the first picture.
        second: Of the second.
        least: Distance of pairs of points, pixels.
    """
    count = len(first)
    if count < _LEAST:
        return 1.0
    logs = []
    for stride in _STRIDES:
        a, b = (
            np.hypot(*(points - np.roll(points, count // stride, axis=0)).T)
            for points in (first, second)
        )
        apart = (a > least) & (b > least)
        logs.append(np.abs(np.log(b[apart] / a[apart])))
    ratios = np.concatenate(logs)
    return float(np.median(ratios)) if len(ratios) >= _LEAST else 1.0
