# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Search of places within a radius of a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.geodesy import surface_positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.maps import Snapshot

_UNSORTED = 4096
"""Places that may be added before all are sorted again."""


class Nearby:
    """Finds places of one map by position; keeps them sorted along an axis.

    A sorted axis takes half the time of a k-d tree (`scipy.spatial.cKDTree`) to build, and less
    to search up to some 100000 places. Threads may share it: the sorted places are replaced as a
    whole.
    """

    def __init__(self) -> None:
        self._in_frame = _Index(lambda snapshot, rows: snapshot.columns.poses[rows, :3])
        self._on_earth = _Index(
            lambda snapshot, rows: surface_positions(
                snapshot.columns.geo[rows, 0], snapshot.columns.geo[rows, 1]
            )
        )

    def in_frame(
        self, snapshot: Snapshot, position: NDArray[np.float64], radius: float
    ) -> NDArray[np.intp]:
        """Return the rows of places within a radius, metres, of a position (3,) in the map."""
        return self._in_frame.within(snapshot, position, radius)

    def on_earth(self, snapshot: Snapshot, point: GeoPoint, radius: float) -> NDArray[np.intp]:
        """Return the rows of places within a radius, metres over ground, of a point on Earth."""
        centre = surface_positions(np.array(point.lat), np.array(point.lon))
        return self._on_earth.within(snapshot, centre, radius)


class _Index:
    """Positions in the order of their widest axis."""

    def __init__(self, positions: Callable[[Snapshot, slice], NDArray[np.float64]]) -> None:
        self._positions = positions
        self._sorted: _Sorted | None = None

    def within(
        self, snapshot: Snapshot, centre: NDArray[np.float64], radius: float
    ) -> NDArray[np.intp]:
        order = self._sorted
        if order is None or not order.serves(snapshot):
            order = _Sorted(snapshot, self._positions(snapshot, slice(None)))
            self._sorted = order
        tail = self._positions(snapshot, slice(order.count, None))
        return np.concatenate(
            [
                order.within(centre, radius),
                order.count + np.flatnonzero(_inside(tail, centre, radius)),
            ]
        )


class _Sorted:
    def __init__(self, snapshot: Snapshot, positions: NDArray[np.float64]) -> None:
        self.count = len(positions)
        self._map = (snapshot.meta.id, snapshot.meta.revision)
        known = np.flatnonzero(~np.isnan(positions[:, 0]))
        self._axis = int(np.ptp(positions[known], axis=0).argmax()) if len(known) else 0
        self._rows = known[np.argsort(positions[known, self._axis])]
        self._positions = positions[self._rows]
        self._values = self._positions[:, self._axis].copy()

    def serves(self, snapshot: Snapshot) -> bool:
        """Whether the sorted places are still in the map, and few are new."""
        return (
            self._map == (snapshot.meta.id, snapshot.meta.revision)
            and self.count <= len(snapshot) <= self.count + _UNSORTED
        )

    def within(self, centre: NDArray[np.float64], radius: float) -> NDArray[np.intp]:
        middle = centre[self._axis]
        # Wider by far more than rounding can shift; the exact test follows.
        reach = radius + 1e-6 * (1 + abs(middle) + radius)
        first, last = np.searchsorted(self._values, [middle - reach, middle + reach])
        inside = _inside(self._positions[first:last], centre, radius)
        return self._rows[first:last][inside]


def _inside(
    positions: NDArray[np.float64], centre: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    squares = np.square(positions - centre)
    # NaN, where there is no position, compares as not inside.
    return np.asarray(squares[:, 0] + squares[:, 1] + squares[:, 2] <= radius * radius)
