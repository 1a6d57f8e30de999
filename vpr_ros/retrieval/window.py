# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which places a search may answer with: windows that exclude, gates that admit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.maps.geo import surface_positions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vpr_ros.maps import GeoPoint, Snapshot


@dataclass(frozen=True)
class Apart:
    """Keeps the recent past of a traverse out of its own answers.

    A place of `session` is admitted only if it is far enough along the way. Where the distance
    of a place is unknown it is excluded.

    Attributes:
        session: The traverse.
        distance: Metres travelled so far.
        metres: Least difference of travelled distance.
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
        apart: Least distance travelled since.
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

    def select(self, snapshot: Snapshot) -> NDArray[np.bool_]:
        """Return a mask (N,) of the places that may be returned."""
        columns = snapshot.columns
        mask = np.ones(len(columns), np.bool_)
        if self.sessions is not None:
            mask &= np.isin(columns.sessions, list(self.sessions))
        if self.not_sessions:
            mask &= ~np.isin(columns.sessions, list(self.not_sessions))
        if self.cameras is not None:
            wanted = [key for key, name in snapshot.cameras.items() if name in self.cameras]
            mask &= np.isin(columns.cameras, wanted)
        if self.stamps is not None:
            first, last = self.stamps
            mask &= (columns.stamps >= first) & (columns.stamps <= last)
        if self.not_stamps is not None:
            first, last = self.not_stamps
            mask &= (columns.stamps < first) | (columns.stamps > last)
        if self.apart is not None:
            away = np.abs(columns.distances - self.apart.distance) >= self.apart.metres
            mask &= (columns.sessions != self.apart.session) | away
        if self.near is not None:
            position, radius = self.near
            mask &= _within(columns.poses[:, :3], np.asarray(position, np.float64), radius)
        if self.near_geo is not None:
            point, radius = self.near_geo
            places = surface_positions(columns.geo[:, 0], columns.geo[:, 1])
            centre = surface_positions(np.array(point.lat), np.array(point.lon))
            mask &= _within(places, centre, radius)
        return mask


def _within(
    positions: NDArray[np.float64], centre: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    difference = positions - centre
    # NaN, where there is no position, compares as not within.
    return np.asarray(np.einsum('nd,nd->n', difference, difference) <= radius * radius)
