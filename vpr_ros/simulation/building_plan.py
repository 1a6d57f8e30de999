# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The plan of a building: corridors with look-alike doors and long blank walls."""

from __future__ import annotations

import numpy as np

from vpr_ros.simulation.plan import Block, Plan, Surface, grid
from vpr_ros.simulation.rooms import PANELS, TILE, Ceiling, Floor, Look, Panel, PanelKind

Corner = tuple[float, float]

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
    # Corridors are outside of the cores, and inside of the building.
    sides = [side for core in building.between() for side in _sides(core)]
    sides += [(end, start) for start, end in _sides(building.outer)]
    for start, end in sides:
        _wall(building, start, end, style, rng)
    _floor_and_ceiling(building, style)
    for street in streets:
        for along in np.arange(_LAMPS / 2, street.length, _LAMPS):
            building.lamps.append((*street.point(float(along), 0.0), _HEIGHT - 0.1))
    return building


def _sides(block: Block) -> list[tuple[Corner, Corner]]:
    """Return the sides of a block, from left to right as seen from outside."""
    x0, y0, x1, y1 = block
    corners = (x0, y0), (x1, y0), (x1, y1), (x0, y1)
    return list(zip(corners, corners[1:] + corners[:1], strict=True))


def _wall(
    building: Plan, start: Corner, end: Corner, style: Look, rng: np.random.Generator
) -> None:
    """Add a wall, seen with its start on the left, one panel after the other."""
    whole = np.array([end[0] - start[0], end[1] - start[1], 0.0])
    length = float(np.abs(whole).sum())
    count = max(1, round(length / _PANEL))
    width, right = length / count, whole / count
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


def _floor_and_ceiling(building: Plan, style: Look) -> None:
    west, south, east, north = building.outer
    for x in np.arange(west, east, TILE):
        for y in np.arange(south, north, TILE):
            corner, across = np.array([x, y + TILE, 0.0]), np.array([TILE, 0.0, 0.0])
            down = np.array([0.0, -TILE, 0.0])
            building.surfaces.append(
                Surface(corner, across, down, Floor(len(building.surfaces), style))
            )
            above = np.array([x, y, _HEIGHT])
            building.surfaces.append(Surface(above, across, -down, Ceiling(style)))
