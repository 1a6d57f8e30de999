# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Divides places into areas whose places are far from each other and may share a batch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def spread(positions: ArrayLike, apart: float) -> list[list[int]]:
    """Divide places into areas in which any two are at least so far apart.

    Each place goes to the first area that has none too close, so the first areas are the fullest.

    Args:
        positions: (N, 2) or (N, 3), metres.
        apart: Metres.

    Returns:
        Indices of the places of each area.
    """
    points = np.asarray(positions, np.float64)
    areas: list[list[int]] = []
    for i, point in enumerate(points):
        for area in areas:
            if (np.linalg.norm(points[area] - point, axis=1) >= apart).all():
                area.append(i)
                break
        else:
            areas.append([i])
    return areas
