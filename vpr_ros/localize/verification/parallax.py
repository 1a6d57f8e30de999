# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much the pictures of a map change in shape from one place to another.

Between two places in a narrow street near things grow much, on a race track hardly anything does,
and along a flat wall nothing. So the deformation between a query and a place tells how far apart
they are only beside the deformation between places whose distance is known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.pose import wrapped, yaw_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from vpr_ros.geometry.two_view import TwoView
    from vpr_ros.maps.columns import Columns

DISTANCE = 5.0
"""Metres between the two pictures whose deformation is the parallax."""

_SAMPLE = 24
"""Places, at most, that are compared with a neighbour."""
_NEAREST, _FARTHEST = 2.0, 12.0
"""Metres between the two: nearer ones hardly differ, farther ones hardly match."""
_ALIKE = 0.3
"""Radians between their headings."""
_LEAST = 6
"""Pairs that match, of all, below which they tell nothing."""


def neighbouring_places(columns: Columns, camera: int) -> list[tuple[int, int, float]]:
    """Return ids of pairs of places of one session, and the metres between the two, about 5.

    Args:
        columns: Of the map.
        camera: Identity of the one that saw them.
    """
    rows = np.flatnonzero(columns.cameras == camera)
    rows = rows[np.isfinite(columns.poses[rows]).all(axis=1)]
    # Robots that map at the same time add places by turns.
    rows = rows[np.argsort(columns.sessions[rows], kind='stable')]
    positions, yaws = columns.poses[rows, :3], yaw_of(columns.poses[rows, 3:].T)
    sessions = columns.sessions[rows]
    pairs: list[tuple[int, int, float]] = []
    for i in _along(positions, sessions) if len(rows) else ():
        metres = np.linalg.norm(positions - positions[i], axis=1)
        turns = np.abs(wrapped(yaws - yaws[i]))
        near = (metres >= _NEAREST) & (metres <= _FARTHEST) & (turns <= _ALIKE)
        near = np.flatnonzero(near & (sessions == sessions[i]))
        if len(near):
            j = near[np.argmin(np.abs(metres[near] - DISTANCE))]
            pairs.append((int(columns.ids[rows[i]]), int(columns.ids[rows[j]]), float(metres[j])))
    return pairs


def _along(positions: NDArray[np.float64], sessions: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return some rows of places (N, 3) in equal parts of the way: where a robot stood is one.

    Args:
        positions: Session by session.
        sessions: (N,) of the places.
    """
    legs = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    legs = np.where(np.diff(sessions) != 0, 0.0, np.minimum(legs, _FARTHEST))
    way = np.append(0.0, legs.cumsum())
    return np.unique(np.searchsorted(way, np.linspace(0.0, way[-1], _SAMPLE)))


def parallax(
    pairs: Iterable[tuple[int, int, float]],
    related: Callable[[int, int], TwoView | None],
    chance: int,
) -> float:
    """Return the deformation between two pictures `DISTANCE` apart; NaN where too few match.

    Deformations grow with the square root of the distance: 0.12 in a park for 2 m, 0.17 for 4 m,
    0.24 for 8 m.

    Args:
        pairs: See `neighbouring_places`.
        related: Returns what the pictures of two places have in common, None where one is missing.
        chance: Inliers that pictures of different places reach by chance.
    """
    found = [
        view.deformation * (DISTANCE / metres) ** 0.5
        for first, second, metres in pairs
        if (view := related(first, second)) and view.inliers >= chance
    ]
    return float(np.median(found)) if len(found) >= _LEAST else np.nan
