# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The plan of a building: corridors with look-alike doors and long blank walls."""

from __future__ import annotations

import numpy as np

from vpr_ros.simulation.plan import Plan, Surface, grid
from vpr_ros.simulation.rooms import PANELS, TILE, Ceiling, Floor, Look, Panel, PanelKind

_HEIGHT = 2.8
_PANEL = 3.0
"""Length of wall that has at most one thing on it, metres."""
_LAMPS = 4.0
"""Metres from lamp to lamp."""


def building_plan(seed: int) -> Plan:
    """Lay out one floor of corridors around three by two cores."""
    rng = np.random.default_rng([seed, 37])

    def shape() -> tuple[float, float]:
        half = float(rng.uniform(1.1, 1.5))
        return half, half

    def look() -> tuple[bool, float]:
        return False, 0.0

    gaps = ((24.0, 28.0, 22.0), (18.0, 22.0))
    streets, corners = grid(rng, gaps, shape, look, spread=3.0)
    building = Plan(streets, corners, lane=0.0, turn=1.0, indoors=True)
    style = Look.random(rng)
    xs = corners[0]
    for x0, y0, x1, y1 in building.between():
        # Walls are seen from the corridors, which go around the core clockwise from here.
        for start, way, length in (
            ((x0, y0), (1, 0), x1 - x0),
            ((x1, y0), (0, 1), y1 - y0),
            ((x1, y1), (-1, 0), x1 - x0),
            ((x0, y1), (0, -1), y1 - y0),
        ):
            _wall(building, start, way, length, style, rng)
    vertical, horizontal = streets[: len(xs)], streets[len(xs) :]
    west, east = vertical[0].centre - vertical[0].half, vertical[-1].centre + vertical[-1].half
    south = horizontal[0].centre - horizontal[0].half
    north = horizontal[-1].centre + horizontal[-1].half
    for start, way, length in (
        ((east, south), (-1, 0), east - west),
        ((east, north), (0, -1), north - south),
        ((west, north), (1, 0), east - west),
        ((west, south), (0, 1), north - south),
    ):
        _wall(building, start, way, length, style, rng)
    _floor_and_ceiling(building, (west, south, east, north), style)
    for street in streets:
        for along in np.arange(_LAMPS / 2, street.length, _LAMPS):
            building.lamps.append((*street.point(float(along), 0.0), _HEIGHT - 0.1))
    return building


def _wall(
    building: Plan,
    start: tuple[float, float],
    way: tuple[int, int],
    length: float,
    style: Look,
    rng: np.random.Generator,
) -> None:
    """Add a wall, seen with its start on the left, one panel after the other."""
    count = max(1, round(length / _PANEL))
    width = length / count
    right = np.array([way[0] * width, way[1] * width, 0.0])
    down = np.array([0.0, 0.0, -_HEIGHT])
    kinds = list(PANELS)
    shares = np.array([PANELS[kind] for kind in kinds])
    blank = 0
    for number in range(count):
        # Every building has stretches of wall without anything on it.
        if blank == 0 and rng.random() < 0.08:
            blank = int(rng.integers(2, 5))
        kind: PanelKind = kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]
        kind, blank = ('blank', blank - 1) if blank else (kind, 0)
        painter = Panel(
            kind, int(rng.integers(8)), len(building.surfaces), round(width, 2), _HEIGHT, style
        )
        top = np.array([*start, _HEIGHT]) + number * right
        building.surfaces.append(Surface(top, right, down, painter))


def _floor_and_ceiling(
    building: Plan, area: tuple[float, float, float, float], style: Look
) -> None:
    west, south, east, north = area
    for x in np.arange(west, east, TILE):
        for y in np.arange(south, north, TILE):
            corner, across = np.array([x, y + TILE, 0.0]), np.array([TILE, 0.0, 0.0])
            down = np.array([0.0, -TILE, 0.0])
            building.surfaces.append(
                Surface(corner, across, down, Floor(len(building.surfaces), style))
            )
            above = np.array([x, y, _HEIGHT])
            building.surfaces.append(Surface(above, across, -down, Ceiling(style)))
