# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The plan of a synthetic place: its paths, and all that never changes along them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from vpr_ros.simulation.streets import TILE, Ground, Street

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.simulation.paint import Painter
    from vpr_ros.simulation.sprites import Furniture

Block = tuple[float, float, float, float]
"""West, south, east and north edge of a rectangle, metres."""


@dataclass(frozen=True, eq=False)
class Surface:
    """A painted parallelogram in the map frame, metres; seen from where right and down agree."""

    origin: NDArray[np.float64]
    right: NDArray[np.float64]
    down: NDArray[np.float64]
    painter: Painter

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector towards the side from which it is seen."""
        n = np.cross(self.down, self.right)
        unit: NDArray[np.float64] = n / np.linalg.norm(n)
        return unit


@dataclass(frozen=True)
class Standing:
    """Something upright that faces every camera: where it stands, its size and its look."""

    x: float
    y: float
    width: float
    height: float
    kind: Furniture | Literal['tree', 'lamp']
    variant: int


@dataclass(eq=False)
class Plan:
    """All that never changes in a place.

    Attributes:
        streets: Streets, or paths, or corridors.
        corners: Crossing centre lines (xs, ys), metres.
        lane: From the centre line to the middle of the way that one takes, metres to the left.
        turn: Radius of its corners, metres.
        indoors: Whether there is a ceiling, and neither weather nor cars.
        cars: Whether there are any.
        surfaces: Walls, roofs, ceilings, ground.
        standing: Trees, lamps and furniture.
        lamps: (x, y, z) of the lamps, metres.
        blocks: (x0, y0, x1, y1, height) of bodies that throw shadows, metres.
    """

    streets: list[Street]
    corners: tuple[tuple[float, ...], tuple[float, ...]]
    lane: float
    turn: float
    indoors: bool = False
    cars: bool = False
    surfaces: list[Surface] = field(default_factory=list)
    standing: list[Standing] = field(default_factory=list)
    lamps: list[tuple[float, float, float]] = field(default_factory=list)
    blocks: list[tuple[float, float, float, float, float]] = field(default_factory=list)

    @property
    def outer(self) -> Block:
        """The rectangle between the outer sides of the outer streets."""
        vertical, horizontal = self._along_y, self._along_x
        return (
            vertical[0].centre - vertical[0].half, horizontal[0].centre - horizontal[0].half,
            vertical[-1].centre + vertical[-1].half, horizontal[-1].centre + horizontal[-1].half,
        )  # fmt: skip

    def between(self) -> list[Block]:
        """Return the rectangles that streets enclose, row by row."""
        return [
            (west.centre + west.half, south.centre + south.half,
             east.centre - east.half, north.centre - north.half)
            for south, north in itertools.pairwise(self._along_x)
            for west, east in itertools.pairwise(self._along_y)
        ]  # fmt: skip

    @property
    def _along_y(self) -> list[Street]:
        return [street for street in self.streets if not street.along_x]

    @property
    def _along_x(self) -> list[Street]:
        return [street for street in self.streets if street.along_x]

    def pave(self, seed: int, lawns: tuple[Block, ...], margin: float) -> None:
        """Add the ground, as far as a margin beyond the outer centre lines, metres."""
        xs, ys = self.corners
        streets = tuple(self.streets)
        for x in np.arange(xs[0] - margin, xs[-1] + margin, TILE):
            for y in np.arange(ys[0] - margin, ys[-1] + margin, TILE):
                painter = Ground(float(x), float(y), streets, lawns, seed)
                corner, east = np.array([x, y + TILE, 0.0]), np.array([TILE, 0.0, 0.0])
                self.surfaces.append(Surface(corner, east, np.array([0.0, -TILE, 0.0]), painter))


def grid(
    rng: np.random.Generator,
    gaps: tuple[tuple[float, ...], tuple[float, ...]],
    shape: Callable[[], tuple[float, float]],
    look: Callable[[], tuple[bool, float]],
    spread: float = 4.0,
) -> tuple[list[Street], tuple[tuple[float, ...], tuple[float, ...]]]:
    """Lay out streets along x and y.

    Args:
        rng: Of all choices.
        gaps: Between those along y, and between those along x, metres.
        shape: Draws from centre line to kerb, and to the walls, metres.
        look: Draws whether one is of cobblestones, and the metres between its trees.
        spread: By which gaps differ, metres.

    Returns:
        The streets, those along y first, and their centre lines (xs, ys).
    """
    xs, ys = (_lines(rng, each, spread) for each in gaps)
    shapes = [[shape() for _ in xs], [shape() for _ in ys]]
    streets = []
    for along_x, own, other in ((False, xs, ys), (True, ys, xs)):
        for (road, half), centre in zip(shapes[along_x], own, strict=True):
            crossings = tuple((c, r) for c, (r, _) in zip(other, shapes[not along_x], strict=True))
            cobbles, trees = look()
            streets.append(
                Street(
                    along_x=along_x,
                    centre=centre,
                    start=other[0],
                    end=other[-1],
                    half=half,
                    road=road,
                    crossings=crossings,
                    cobbles=cobbles,
                    trees=trees,
                )
            )
    return streets, (xs, ys)


def outline(block: Block, spacing: float, inset: float) -> list[tuple[float, float]]:
    """Return points along the border of a rectangle."""
    x0, y0, x1, y1 = block[0] + inset, block[1] + inset, block[2] - inset, block[3] - inset
    xs, ys = np.arange(x0 + 1, x1, spacing), np.arange(y0 + 1, y1, spacing)
    points = [(float(x), y) for x in xs for y in (y0, y1)]
    return points + [(x, float(y)) for y in ys for x in (x0, x1)]


def _lines(rng: np.random.Generator, gaps: tuple[float, ...], spread: float) -> tuple[float, ...]:
    steps = np.array(gaps) + rng.uniform(-spread, spread, len(gaps))
    return tuple(float(v) for v in np.concatenate([[0.0], np.cumsum(steps)]))
