# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The plan of a synthetic town: where its streets, houses, trees and lamps stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vpr_ros.simulation.facades import Front, Side, Tiles
from vpr_ros.simulation.houses import House, Wall
from vpr_ros.simulation.landmarks import Steeple, SteepleRoof
from vpr_ros.simulation.plan import Block, Plan, Standing, Surface, grid, outline
from vpr_ros.simulation.sprites import FURNITURE, Furniture

DEPTH = 9.0
"""From the front to the back of every house, metres."""


def town_plan(seed: int) -> Plan:
    """Lay out a town of three by two blocks; two of them are a park and a church square."""
    rng = np.random.default_rng([seed, 0])

    def shape() -> tuple[float, float]:
        road = float(rng.choice([4.4, 4.6, 5.0]))
        return road, road + float(rng.uniform(1.8, 2.8))

    def look() -> tuple[bool, float]:
        return bool(rng.random() < 0.3), float(rng.choice([0.0, 0.0, 9.0, 13.0]))

    streets, corners = grid(rng, ((54.0, 62.0, 50.0), (48.0, 52.0)), shape, look)
    town = Plan(streets, corners, lane=-1.45, turn=5.0, cars=True)
    builder = _Builder(town, rng, seed)
    blocks = town.between()
    special = rng.permutation(len(blocks))
    parks = []
    for index, block in enumerate(blocks):
        if index == special[0]:
            parks.append(block)
            builder.park(block)
        elif index == special[1]:
            builder.church(block)
        else:
            builder.block(block)
    builder.surroundings()
    builder.along_streets()
    town.pave(seed, tuple(parks), max(s.half for s in streets) + 1)
    return town


class _Builder:
    """Places houses, squares and furniture on a plan."""

    def __init__(self, town: Plan, rng: np.random.Generator, seed: int) -> None:
        self._town = town
        self._rng = rng
        self._seed = seed
        # Types of house that stand in several streets: honest look-alikes.
        self._catalogue = [House.random(rng) for _ in range(10)]

    def block(self, block: Block) -> None:
        """Line a block with houses on all sides."""
        x0, y0, x1, y1 = block
        self._row((x0, y0), (0, -1), x1 - x0, corner=True)
        self._row((x1, y1), (0, 1), x1 - x0, corner=True)
        inner = y1 - y0 - 2 * DEPTH
        self._row((x1, y0 + DEPTH), (1, 0), inner)
        self._row((x0, y1 - DEPTH), (-1, 0), inner)

    def surroundings(self) -> None:
        """Line the outer side of the outer streets, so that no view leaves the town."""
        x0, y0, x1, y1 = self._town.outer
        for start, normal, length in (
            ((x1, y0), (0, 1), x1 - x0),
            ((x0, y1), (0, -1), x1 - x0),
            ((x0, y0), (1, 0), y1 - y0),
            ((x1, y1), (-1, 0), y1 - y0),
        ):
            # Several characters of house along one long row.
            done = 0.0
            while done < length:
                part = min(float(self._rng.uniform(28, 46)), length - done)
                part = part if length - done - part > 14 else length - done
                at = (start[0] - normal[1] * done, start[1] + normal[0] * done)
                self._row(at, normal, part)
                done += part

    def park(self, block: Block) -> None:
        """Plant trees and shrubs, and set benches."""
        x0, y0, x1, y1 = block
        for _ in range(20):
            x, y = self._rng.uniform(x0 + 2, x1 - 2), self._rng.uniform(y0 + 2, y1 - 2)
            self._tree(float(x), float(y))
        for x, y in outline(block, 3.0, 0.5):
            if self._rng.random() < 0.62:
                self._stand(x, y, 'shrub')
        for x, y in outline(block, 11.0, -0.6):
            self._stand(x, y, 'bench')

    def church(self, block: Block) -> None:
        """Build a church with a tower on a square."""
        x0, y0, x1, y1 = block
        x, y = (x0 + x1) / 2, (y0 + y1) / 2
        stone = self._seed * 7 + 3
        house = House.random(np.random.default_rng([self._seed, 8]), 'stone')
        nave = replace(
            house, width=17.0, storeys=1, storey=8.0, bays=5, window=(0.34, 0.62), arched=True,
            top='eaves', ground='arcade', balconies=0, shutters=False, panes=(2, 5),
        )  # fmt: skip
        self._house(nave, (x - 7, y - DEPTH / 2), (0, -1), ends=(True, True))
        self._house(nave, (x + 10, y + DEPTH / 2), (0, 1), ends=(True, True))
        width, height, spire = 6.0, 17.0, 9.0
        west, south = x - 13.0, y - width / 2
        corners = [
            (west, south), (west + width, south), (west + width, south + width),
            (west, south + width),
        ]  # fmt: skip
        apex = np.array([west + width / 2, south + width / 2, height + spire])
        for i in range(4):
            a, b = corners[i], corners[(i + 1) % 4]
            right = np.array([b[0] - a[0], b[1] - a[1], 0.0])
            top = np.array([*a, height])
            down = np.array([0, 0, -height])
            self._town.surfaces.append(Surface(top, right, down, Steeple(width, height, stone)))
            # A triangle is the lower half of a parallelogram with the apex in the middle above.
            middle = np.array([(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, height])
            slope = middle - apex
            self._town.surfaces.append(
                Surface(apex - right / 2, right, slope, SteepleRoof(width, spire, stone))
            )
        self._town.blocks.append((west, south, west + width, south + width, height + spire / 2))
        for px, py in outline(block, 9.0, 2.5):
            if self._rng.random() < 0.5:
                self._tree(px, py)
            else:
                self._stand(px, py, 'bench' if self._rng.random() < 0.6 else 'planter')

    def along_streets(self) -> None:
        """Set lamps, trees and furniture on the pavements."""
        kinds: list[Furniture] = [k for k in FURNITURE if k != 'shrub']
        for street in self._town.streets:
            left = street.road + 0.55
            modern = bool(self._rng.random() < 0.4)
            for i, along in enumerate(np.arange(9.0, street.length - 4, 14.0)):
                if not street.clear_of_crossings(float(along), 1.5):
                    continue
                x, y = street.point(float(along), left if i % 2 else -left)
                self._town.standing.append(Standing(x, y, 1.0, 5.0, 'lamp', int(modern)))
                self._town.lamps.append((x, y, 4.5))
            if street.trees:
                for along in np.arange(5.0, street.length, street.trees):
                    for side in (-1.0, 1.0):
                        if street.clear_of_crossings(float(along), 3.0):
                            self._tree(*street.point(float(along), side * (left + 0.25)))
            for _ in range(int(street.length / 8)):
                along = float(self._rng.uniform(2, street.length - 2))
                side = float(self._rng.choice([-1, 1]))
                if street.clear_of_crossings(along, 1.0):
                    kind = kinds[int(self._rng.integers(len(kinds)))]
                    self._stand(*street.point(along, side * (street.half - 0.9)), kind)

    def _tree(self, x: float, y: float) -> None:
        size = float(self._rng.uniform(0.75, 1.15))
        variant = int(self._rng.integers(9))
        self._town.standing.append(Standing(x, y, 6.0 * size, 8.0 * size, 'tree', variant))

    def _stand(self, x: float, y: float, kind: Furniture) -> None:
        width, height = FURNITURE[kind]
        variant = int(self._rng.integers(12))
        self._town.standing.append(Standing(x, y, width, height, kind, variant))

    def _row(
        self,
        start: tuple[float, float],
        normal: tuple[float, float],
        length: float,
        *,
        corner: bool = False,
    ) -> None:
        """Add a row of houses, from a start to the right as seen from the street."""
        kinds: tuple[Wall, ...] = ('brick', 'plaster', 'stone', 'timber', 'concrete')
        chosen = self._rng.choice(5, 2, replace=False, p=[0.34, 0.34, 0.12, 0.12, 0.08])
        walls = [kinds[int(i)] for i in chosen]
        done = 0.0
        previous: House | None = None
        while length - done > 0.5:
            house = self._next(walls, previous)
            left = length - done
            if left - house.width < 5.2:
                # The last house takes the remaining width.
                house = replace(house, width=left, bays=max(1, round(left / 2.4)))
            ends = (corner and done == 0, corner and house.width == left)
            at = (start[0] - normal[1] * done, start[1] + normal[0] * done)
            self._house(house, at, normal, ends)
            done += house.width
            previous = house

    def _next(self, walls: list[Wall], previous: House | None) -> House:
        chance = self._rng.random()
        if previous is not None and chance < 0.14:
            return previous
        if previous is not None and chance < 0.30:
            return previous.neighbour(self._rng)
        if chance < 0.42:
            return self._catalogue[int(self._rng.integers(len(self._catalogue)))]
        return House.random(self._rng, walls[int(self._rng.random() < 0.3)])

    def _house(
        self,
        house: House,
        start: tuple[float, float],
        normal: tuple[float, float],
        ends: tuple[bool, bool],
    ) -> None:
        """Add front, ends and roof of a house; ends says which of them face a street."""
        add = self._town.surfaces.append
        n = np.array([*normal, 0.0])
        d = np.array([-normal[1], normal[0], 0.0])
        up = np.array([0.0, 0.0, 1.0])
        at, w = np.array([*start, 0.0]), house.width
        eaves, rise = house.eaves, house.rise
        front = eaves + (0.0 if house.top == 'eaves' else rise)
        side = eaves + (rise if house.top == 'eaves' else 0.0)
        add(Surface(at + front * up, d * w, -front * up, Front(house)))
        back = at - n * DEPTH
        left, right = (Side(house, DEPTH, windows=e) for e in ends)
        add(Surface(back + side * up, n * DEPTH, -side * up, left))
        add(Surface(at + d * w + side * up, -n * DEPTH, -side * up, right))
        seed = house.seed
        if house.top == 'eaves':
            slope = n * (DEPTH / 2 + 0.3) - up * (rise + 0.18)
            tiles = Tiles(w, float(np.linalg.norm(slope)), house.roof, skylights=True, seed=seed)
            add(Surface(at - n * DEPTH / 2 + (eaves + rise) * up, d * w, slope, tiles))
        elif rise:
            low = 0.9 * rise
            half = d * w / 2
            ridge = at + half + (eaves + low) * up
            tiles = Tiles(
                DEPTH, float(np.hypot(w / 2, low)), house.roof, skylights=False, seed=seed
            )
            add(Surface(ridge - n * DEPTH, n * DEPTH, -half - low * up, tiles))
            add(Surface(ridge, -n * DEPTH, half - low * up, tiles))
        a, b = at[:2], (back + d * w)[:2]
        (x0, y0), (x1, y1) = np.minimum(a, b).tolist(), np.maximum(a, b).tolist()
        self._town.blocks.append((x0, y0, x1, y1, eaves + 0.5 * rise))
