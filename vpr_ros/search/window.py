# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Conditions on the places that a search may return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.maps import Snapshot
    from vpr_ros.search.nearby import Nearby


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
