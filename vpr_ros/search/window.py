# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Conditions on the places that a search may return, and the places within a radius."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.geodesy import surface_positions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.maps import Snapshot

_UNSORTED = 4096
"""Places that may be added before all are sorted again."""


@dataclass(frozen=True)
class Apart:
    """Excludes the recent past of a traverse from its own search.

    Places of the session are excluded unless the distance travelled differs enough. Places
    whose distance is unknown are excluded.

    Attributes:
        session: Of the traverse.
        distance: Metres travelled so far.
        metres: Least difference of the distances travelled.
    """

    session: int
    distance: float
    metres: float


@dataclass(frozen=True, eq=False)
class Window:
    """Conditions on the places a search may return; all must hold.

    Attributes:
        sessions: Only these.
        not_sessions: None of these.
        cameras: Only places seen by these.
        stamps: Only places with stamps from the first to the second, nanoseconds, inclusive.
        not_stamps: No place with a stamp from the first to the second, inclusive.
        apart: Least distance travelled since the place.
        near: A position (3,) in the map frame and a radius in metres; only places with a pose
            within it.
        near_geo: A point on Earth and a radius in metres over ground; only places with a
            geodetic position within it.
    """

    sessions: frozenset[int] | None = None
    not_sessions: frozenset[int] = frozenset()
    cameras: frozenset[str] | None = None
    stamps: tuple[int, int] | None = None
    not_stamps: tuple[int, int] | None = None
    apart: Apart | None = None
    near: tuple[ArrayLike, float] | None = None
    near_geo: tuple[GeoPoint, float] | None = None

    def select(self, snapshot: Snapshot, nearby: Nearby) -> NDArray[np.bool_]:
        """Return a mask (N,) of the places that may be returned."""
        columns = snapshot.columns
        mask = self._gate(snapshot, nearby)
        present = set(snapshot.names)
        admitted = present - self.not_sessions
        if self.sessions is not None:
            admitted &= self.sessions
        if admitted != present:
            mask &= _any_of(columns.sessions, admitted)
        if self.cameras is not None:
            wanted = {key for key, each in snapshot.cameras.items() if each.name in self.cameras}
            if wanted != set(snapshot.cameras):
                mask &= _any_of(columns.cameras, wanted)
        if self.stamps is not None:
            mask &= (columns.stamps >= self.stamps[0]) & (columns.stamps <= self.stamps[1])
        if self.not_stamps is not None:
            mask &= (columns.stamps < self.not_stamps[0]) | (columns.stamps > self.not_stamps[1])
        if self.apart is not None:
            away = np.abs(columns.distances - self.apart.distance) >= self.apart.metres
            mask &= (columns.sessions != self.apart.session) | away
        return mask

    def _gate(self, snapshot: Snapshot, nearby: Nearby) -> NDArray[np.bool_]:
        mask = np.ones(len(snapshot), np.bool_)
        if self.near is not None:
            position = np.asarray(self.near[0], np.float64)
            mask &= _mask_of(nearby.in_frame(snapshot, position, self.near[1]), len(snapshot))
        if self.near_geo is not None:
            mask &= _mask_of(nearby.on_earth(snapshot, *self.near_geo), len(snapshot))
        return mask


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


def _mask_of(rows: NDArray[np.intp], count: int) -> NDArray[np.bool_]:
    mask = np.zeros(count, np.bool_)
    mask[rows] = True
    return mask


def _any_of(values: NDArray[np.int64], wanted: set[int]) -> NDArray[np.bool_]:
    if len(wanted) > 4:
        return np.isin(values, list(wanted))
    mask = np.zeros(len(values), np.bool_)
    for value in wanted:
        mask |= values == value
    return mask
