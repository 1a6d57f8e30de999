# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The part of a map about a point on Earth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.fleet.window_conditions import METRES_OF_A_DEGREE, Condition, around
from vpr_ros.geometry.geodesy import surface_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import LiteralString

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.maps import Snapshot

_HEIGHTS = (-3000.0, 0.0, 3000.0)
"""Metres above the datum of what a box must hold: on a plane far from its datum, higher is
farther."""
_CORNERS = np.radians(np.arange(0, 360, 15))
_WIDER = 1.05
"""By how much a box exceeds the circle, whose points it is made of."""
_FARTHEST = 89.0
"""Degrees of latitude up to which circles are boxes in degrees."""

_POSED: LiteralString = (
    'x IS NOT NULL AND point(x, y) <@ box(point(%(left)s, %(bottom)s), point(%(right)s, %(top)s))'
)


@dataclass(frozen=True)
class MapRegion:
    """A circle on the ground.

    Attributes:
        centre: Of the circle.
        radius: Metres.

    Raises:
        ValueError: The radius is none.
    """

    centre: GeoPoint
    radius: float

    def __post_init__(self) -> None:
        if not 0 < self.radius < math.inf:
            msg = f'a radius must be a positive number of metres, not {self.radius}'
            raise ValueError(msg)

    def includes(self, snapshot: Snapshot) -> NDArray[np.bool_]:
        """Return which places (N,) of a map lie within."""
        inside = snapshot.within(self.centre, self.radius)
        return np.asarray(np.isin(snapshot.columns.ids, inside))

    def condition(self, rules: Snapshot) -> Condition:
        """Return, in SQL, what all places within fulfil, and few others."""
        measured = around(self.centre, self.radius)
        datum = rules.meta.datum
        if datum is None:
            return measured
        if abs(self.centre.lat) > _FARTHEST:
            text: LiteralString = f'(x IS NOT NULL OR ({measured.text}))'
            return Condition(text, measured.values)
        reach = (_WIDER * self.radius + 1) / METRES_OF_A_DEGREE
        lat = self.centre.lat + reach * np.sin(_CORNERS)
        lon = self.centre.lon + reach * np.cos(_CORNERS) / np.cos(np.radians(self.centre.lat))
        corners = [
            datum.to_enu(np.column_stack([lat, lon, np.full_like(lat, datum.alt + height)]))
            for height in _HEIGHTS
        ]
        positions = np.concatenate(corners)[:, :2]
        (left, bottom), (right, top) = positions.min(axis=0), positions.max(axis=0)
        values = {'left': left, 'bottom': bottom, 'right': right, 'top': top}
        values = {name: float(value) for name, value in values.items()}
        text = f'(({_POSED}) OR (x IS NULL AND {measured.text}))'
        return Condition(text, {**values, **measured.values})

    def left_by(self, point: GeoPoint, share: float) -> bool:
        """Whether a point is farther from the centre than a share of the radius."""
        here, there = (
            surface_positions(np.array(each.lat), np.array(each.lon))
            for each in (self.centre, point)
        )
        return bool(np.linalg.norm(here - there) > share * self.radius)
