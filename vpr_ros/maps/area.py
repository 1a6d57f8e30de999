# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Computes positions on Earth of places, and finds the places in an area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import GeoPoint
from vpr_ros.geometry.geodesy import surface_positions

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from vpr_ros.maps.snapshot import Snapshot


def on_earth(snapshot: Snapshot) -> NDArray[np.float64]:
    """Return latitude, longitude (degrees) and height (metres) of each place, (N, 3) float64.

    By way of its pose and the datum, which may have been optimised since the place was seen;
    else as measured; NaN where neither is known.
    """
    columns, datum = snapshot.columns, snapshot.meta.datum
    positions = columns.geo.copy()
    posed = ~np.isnan(columns.poses[:, 0])
    if datum is not None and posed.any():
        positions[posed] = datum.to_geodetic(columns.poses[posed, :3])
    return positions


def within(snapshot: Snapshot, centre: GeoPoint | ArrayLike, radius: float) -> NDArray[np.int64]:
    """Return the identities of the places in an area.

    Args:
        snapshot: Of a map.
        centre: A point on Earth (then heights do not matter), or a position (3,) in the map.
        radius: Metres; places at this distance are within.
    """
    if isinstance(centre, GeoPoint):
        lat, lon, _ = on_earth(snapshot).T
        positions = surface_positions(lat, lon)
        middle = surface_positions(np.array(centre.lat), np.array(centre.lon))
    else:
        positions, middle = snapshot.columns.poses[:, :3], np.asarray(centre, np.float64)
    # NaN, where there is no position, compares as not within.
    inside = np.linalg.norm(positions - middle, axis=1) <= radius
    return np.asarray(snapshot.columns.ids[inside])
