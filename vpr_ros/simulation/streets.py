# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Streets of the synthetic town and the painted ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.simulation.paint import GRASS, PAVING, ROAD, Paint, bricks, cloudiness, tint

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROUND_TEXELS = 20
"""Texels in a metre of the ground."""

TILE = 12.0
"""Side of a square ground tile, metres."""

BAY = 5.6
"""Length of a parking bay, metres."""


@dataclass(frozen=True)
class Street:
    """A straight street along x or y of the map. Lengths in metres.

    Attributes:
        along_x: Whether it runs along +x, else along +y.
        centre: The other coordinate of its centre line.
        start: Coordinate where its centre line starts.
        end: Coordinate where its centre line ends.
        half: From the centre line to the house fronts.
        road: From the centre line to the kerb.
        crossings: Coordinates of the crossing centre lines, with their distance to the kerb.
        cobbles: Whether it is paved with cobblestones, without markings.
        trees: Metres between trees, 0 without trees.
    """

    along_x: bool
    centre: float
    start: float
    end: float
    half: float
    road: float
    crossings: tuple[tuple[float, float], ...]
    cobbles: bool
    trees: float

    @property
    def length(self) -> float:
        """Metres from end to end."""
        return self.end - self.start

    @property
    def pavement(self) -> tuple[float, float]:
        """Between which distances from the centre line people walk; on the way without a kerb."""
        inner, outer = self.road + 0.6, self.half - 0.5
        return (inner, outer) if inner < outer else (0.4, outer)

    @property
    def heading(self) -> float:
        """Yaw of the direction in which it runs, radians."""
        return 0.0 if self.along_x else np.pi / 2

    def point(self, along: float, left: float) -> tuple[float, float]:
        """Return the map position at a distance from the start and to the left of the centre."""
        if self.along_x:
            return self.start + along, self.centre + left
        return self.centre - left, self.start + along

    def clear_of_crossings(self, along: float, margin: float) -> bool:
        """Return whether a place is further than a margin from the kerbs of all crossings."""
        at = self.start + along
        return all(abs(at - c) > road + margin for c, road in self.crossings)

    def bays(self) -> list[float]:
        """Return the middles of the parking bays, as distances from the start."""
        middles = np.arange(BAY / 2, self.length, BAY)
        return [float(m) for m in middles if self.clear_of_crossings(float(m), 9.0)]


@dataclass(frozen=True)
class Ground:
    """Paints one tile of the ground.

    Attributes:
        x: West edge, metres.
        y: South edge, metres.
        streets: All streets.
        parks: Rectangles x0, y0, x1, y1 of lawn.
        seed: Of the town.
    """

    x: float
    y: float
    streets: tuple[Street, ...]
    parks: tuple[tuple[float, float, float, float], ...]
    seed: int

    def paint(self) -> Paint:
        """Draw; the top row is in the north."""
        n = round(TILE * GROUND_TEXELS)
        tile = (round(self.x * 8) + 2**20, round(self.y * 8) + 2**20)
        rng = np.random.default_rng([self.seed, 4, *tile])
        at = (np.arange(n) + 0.5) / GROUND_TEXELS
        x, y = np.meshgrid(self.x + at, self.y + TILE - at, copy=False)

        slabs = bricks(rng, n, n, (150, 146, 138), (12, 15), 0.04)
        paint = Paint(slabs, np.full((n, n), PAVING, np.uint8))
        kerb = np.zeros((n, n), bool)
        road = np.zeros((n, n), bool)
        cobbled = np.zeros((n, n), bool)
        near = [s for s in self.streets if self._touches(s)]
        for street in near:
            along, left = (x, y - street.centre) if street.along_x else (y, street.centre - x)
            inside = (along > street.start - street.road) & (along < street.end + street.road)
            kerb |= inside & (np.abs(left) < street.road + 0.2)
            lane = inside & (np.abs(left) < street.road)
            road |= lane
            if street.cobbles:
                cobbled |= lane
            else:
                cobbled &= ~lane
        paint.rgb[kerb & ~road] = (178, 176, 170)
        asphalt = np.full((n, n, 3), (84, 85, 89), np.uint8)
        asphalt = tint(asphalt, 0.09 * rng.standard_normal((n, n), np.float32))
        paint.rgb[road] = asphalt[road]
        if cobbled.any():
            stones = bricks(rng, n, n, (118, 112, 106), (4, 5), 0.13)
            paint.rgb[cobbled] = stones[cobbled]
        paint.material[road] = ROAD
        for x0, y0, x1, y1 in self.parks:
            lawn = (x > x0) & (x < x1) & (y > y0) & (y < y1)
            grass = tint(
                np.full((n, n, 3), (88, 116, 56), np.uint8),
                0.16 * rng.standard_normal((n, n), np.float32),
            )
            paint.rgb[lawn] = grass[lawn]
            paint.material[lawn] = GRASS
        self._patches(paint, road & ~cobbled, rng)
        for street in near:
            if not street.cobbles:
                self._markings(paint, street, x, y)
        rgb = tint(paint.rgb, 0.07 * cloudiness(rng, n, n, 80))
        return Paint(rgb, paint.material)

    def _touches(self, street: Street) -> bool:
        along, across = (self.x, self.y) if street.along_x else (self.y, self.x)
        return (
            across - 1 < street.centre + street.road
            and across + TILE + 1 > street.centre - street.road
            and along < street.end + street.road
            and along + TILE > street.start - street.road
        )

    @staticmethod
    def _patches(paint: Paint, road: NDArray[np.bool_], rng: np.random.Generator) -> None:
        """Mend the asphalt here and there, and let manholes in."""
        n = road.shape[0]
        for _ in range(int(rng.integers(0, 4))):
            x, y = rng.uniform(0, n, 2)
            w, h = rng.uniform(15, 90, 2)
            box = np.zeros_like(road)
            box[int(y) : int(y + h), int(x) : int(x + w)] = True
            tone = rng.uniform(0.72, 1.18)
            paint.rgb[box & road] = np.clip(paint.rgb[box & road] * tone, 0, 255)
        if rng.random() < 0.4:
            x, y = rng.uniform(20, n - 20, 2)
            if road[int(y), int(x)]:
                paint.ellipse(float(x), float(y), 9, 9, (58, 56, 54), ROAD)
                paint.ellipse(float(x), float(y), 7, 7, (74, 72, 68), ROAD)

    @staticmethod
    def _markings(
        paint: Paint, street: Street, x: NDArray[np.float64], y: NDArray[np.float64]
    ) -> None:
        """Paint centre line, zebra crossings and parking bays."""
        along, left = (x, y - street.centre) if street.along_x else (y, street.centre - x)
        clear = (along > street.start) & (along < street.end)
        zebra = np.zeros_like(clear)
        for crossing, road in street.crossings:
            gap = np.abs(along - crossing) - road
            clear &= gap > 5.0
            zebra |= (gap > 1.2) & (gap < 4.2)
        inside = np.abs(left) < street.road
        zebra &= (along > street.start) & (along < street.end) & inside
        white = zebra & (np.mod(left, 1.0) < 0.5)
        white |= clear & (np.abs(left) < 0.07) & (np.mod(along, 5.0) < 2.5)
        from_kerb = street.road - np.abs(left)
        white |= clear & inside & (np.abs(from_kerb - 2.15) < 0.05)
        white |= (
            clear
            & inside
            & (from_kerb < 2.15)
            & (np.abs(np.mod(along - street.start + BAY / 2, BAY) - BAY / 2) < 0.05)
        )
        old = paint.rgb[white].astype(np.float64)
        paint.rgb[white] = (0.25 * old + 0.75 * np.array([222.0, 220.0, 212.0])).astype(np.uint8)
