# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Windows and regions as conditions in SQL on the table of places.

Each gate is given twice: as boxes, which an index finds, and exactly, in the arithmetic of
`vpr_ros.search.window`, operation by operation, so that both admit the same places.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vpr_ros.geometry.geodesy import surface_positions

if TYPE_CHECKING:
    from collections.abc import Collection

    from typing_extensions import LiteralString

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.search import Window

_MARGIN = 1e-6
"""By which boxes are wider, relative; more than rounding can shift."""
METRES_OF_A_DEGREE = 110_500.0
"""Of latitude, at least."""

_NEAR: LiteralString = (
    'x IS NOT NULL AND point(x, y) <@ box(point(%(west)s, %(south)s), point(%(east)s, %(north)s)) '
    'AND ((x - %(x)s) * (x - %(x)s) + (y - %(y)s) * (y - %(y)s)) + (z - %(z)s) * (z - %(z)s) '
    '<= %(square)s'
)
_GROUND: LiteralString = (
    '((ground_x - %(ground_x)s) * (ground_x - %(ground_x)s) '
    '+ (ground_y - %(ground_y)s) * (ground_y - %(ground_y)s)) '
    '+ (ground_z - %(ground_z)s) * (ground_z - %(ground_z)s) <= %(ground_square)s'
)
# A circle across the date line is in two boxes.
_AROUND: LiteralString = (
    'latitude IS NOT NULL AND (point(longitude, latitude) <@ box(point(%(west1)s, %(low)s), '
    'point(%(east1)s, %(high)s)) OR point(longitude, latitude) <@ box(point(%(west2)s, %(low)s), '
    'point(%(east2)s, %(high)s)))'
)


class Condition(NamedTuple):
    """A condition on a place.

    Attributes:
        text: In SQL; the same for all windows of one kind, so that its plan is kept.
        values: By the names of its placeholders.
    """

    text: LiteralString
    values: dict[str, Any]


def all_of(conditions: Collection[Condition]) -> Condition:
    """Return that all conditions hold."""
    values = {key: value for each in conditions for key, value in each.values.items()}
    return Condition(' AND '.join(each.text for each in conditions) or 'true', values)


def conditions_of(
    window: Window, known: Collection[int], cameras: Collection[tuple[int, str]]
) -> Condition:
    """Return the condition of a window on a place.

    Args:
        window: The window; its sessions are those of the server.
        known: Keys of the sessions that there are.
        cameras: Identity and name of each camera.
    """
    found = []
    admitted = set(known) - window.not_sessions
    if window.sessions is not None:
        admitted &= window.sessions
    if admitted != set(known):
        found.append(Condition('session = ANY (%(sessions)s)', {'sessions': sorted(admitted)}))
    if window.cameras is not None:
        seen_by = [key for key, name in cameras if name in window.cameras]
        found.append(Condition('camera = ANY (%(cameras)s)', {'cameras': seen_by}))
    if window.stamps is not None:
        first, last = map(_storable, window.stamps)
        text: LiteralString = 'stamp BETWEEN %(first)s AND %(last)s'
        found.append(Condition(text, {'first': first, 'last': last}))
    if window.not_stamps is not None:
        first, last = map(_storable, window.not_stamps)
        text = '(stamp < %(not_first)s OR stamp > %(not_last)s)'
        found.append(Condition(text, {'not_first': first, 'not_last': last}))
    if window.apart is not None:
        apart = window.apart
        text = '(session <> %(own)s OR abs(distance - %(travelled)s) >= %(apart)s)'
        values = {'own': apart.session, 'travelled': float(apart.distance)}
        found.append(Condition(text, {**values, 'apart': float(apart.metres)}))
    if window.near is not None:
        x, y, z = np.asarray(window.near[0], np.float64).tolist()
        found.append(near(x, y, z, window.near[1]))
    if window.near_geo is not None:
        found.append(_near_geo(*window.near_geo))
    return all_of(found)


def near(x: float, y: float, z: float, radius: float) -> Condition:
    """Return that a place has a pose within a radius of a position in the map, metres."""
    radius = float(radius)
    reach = radius + _MARGIN * (1 + max(map(abs, (x, y))) + radius)
    corners = {'west': x - reach, 'east': x + reach, 'south': y - reach, 'north': y + reach}
    return Condition(_NEAR, {**corners, 'x': x, 'y': y, 'z': z, 'square': radius * radius})


def _near_geo(point: GeoPoint, radius: float) -> Condition:
    radius = float(radius)
    centre = surface_positions(np.array(point.lat), np.array(point.lon)).tolist()
    values = dict(zip(('ground_x', 'ground_y', 'ground_z'), centre, strict=True))
    exactly = Condition(_GROUND, {**values, 'ground_square': radius * radius})
    return all_of([around(point, radius), exactly])


def around(point: GeoPoint, radius: float) -> Condition:
    """Return that the measured position of a place lies in boxes that hold a circle."""
    reach = (radius + 1) / METRES_OF_A_DEGREE
    south, north = point.lat - reach, point.lat + reach
    farthest = max(abs(south), abs(north))
    # About a pole a circle has all longitudes, and nearly all where it comes close to one.
    wide = reach / math.cos(math.radians(farthest)) if farthest < 89 else 180.0
    west, east = point.lon - wide, point.lon + wide
    if wide >= 180:
        spans = (-180.0, 180.0), (-180.0, 180.0)
    elif west < -180:
        spans = (-180.0, east), (west + 360, 180.0)
    elif east > 180:
        spans = (west, 180.0), (-180.0, east - 360)
    else:
        spans = (west, east), (west, east)
    (west1, east1), (west2, east2) = spans
    values = {'west1': west1, 'east1': east1, 'west2': west2, 'east2': east2}
    return Condition(_AROUND, {**values, 'low': south, 'high': north})


def _storable(stamp: int) -> int:
    """Return the nearest number of 64 bits, which stamps have."""
    return max(-(2**63), min(2**63 - 1, int(stamp)))
