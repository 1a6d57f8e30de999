# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds where on Earth a local frame lies by positions that are known in both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.geodesy import Datum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from vpr_ros.geometry.geodesy import GeoPoint

_LEAST_POINTS, _LEAST_EXTENT = 3, 20.0
"""Points, and metres between the two farthest, below which a heading cannot be told."""
_MOST_OFF, _MOST_SHARE = 3.0, 0.02
"""Metres, and share of the extent, that positions may be off."""
_BELIEVED = 0.8
"""Share of the positions that must not be farther off; receivers err now and then."""


def datum_of(positions: ArrayLike, points: Sequence[GeoPoint]) -> Datum | None:
    """Return the datum of a frame; None where its x is not east, or that cannot be told.

    Args:
        positions: (N, 3) in the frame, metres.
        points: The same N positions on Earth, as measured.
    """
    local = np.asarray(positions, np.float64).reshape(-1, 3)
    if len(local) < _LEAST_POINTS:
        return None
    extent = float(np.linalg.norm(np.ptp(local[:, :2], axis=0)))
    if extent < _LEAST_EXTENT:
        return None
    measured = np.array([(point.lat, point.lon, point.alt) for point in points])
    datum = Datum.at(points[0])
    for _ in range(2):  # The second time about the origin, where the plane touches the Earth.
        offsets = local - datum.to_enu(measured)
        datum = Datum.at(datum.point_at(-np.median(offsets, axis=0)))
    off = np.linalg.norm((local - datum.to_enu(measured))[:, :2], axis=1)
    usual = float(np.quantile(off, _BELIEVED))
    return datum if usual <= max(_MOST_OFF, _MOST_SHARE * extent) else None
