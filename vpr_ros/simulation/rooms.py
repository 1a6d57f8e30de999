# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How the walls, the floor and the ceiling of a building look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from vpr_ros.simulation.paint import (
    LAMP,
    MATT,
    Colour,
    Paint,
    any_colour,
    bricks,
    cloudiness,
    shade,
    texels,
    tint,
)

PanelKind = Literal['blank', 'door', 'double door', 'board', 'poster', 'radiator', 'hose', 'niche']

PANELS: dict[PanelKind, float] = {
    'blank': 3.0, 'door': 4.0, 'double door': 0.5, 'board': 0.8, 'poster': 1.0, 'radiator': 0.6,
    'hose': 0.4, 'niche': 0.5,
}  # fmt: skip
"""How often a piece of wall is of each kind, relative to the others."""

TILE = 6.0
"""Side of a square of floor or ceiling, metres."""


@dataclass(frozen=True)
class Look:
    """Colours of a building, [0, 255], the same all over it.

    Attributes:
        wall: Of the walls.
        base: Of their lower part.
        door: Of all doors.
        floor: Of the floor.
    """

    wall: Colour
    base: Colour
    door: Colour
    floor: Colour

    @staticmethod
    def random(rng: np.random.Generator) -> Look:
        """Draw pale walls, and doors and floors of any colour."""
        wall = any_colour(rng, 188, 232)
        same = rng.random() < 0.5
        base = shade(wall, 0.97) if same else any_colour(rng, 120, 190)
        return Look(wall, base, any_colour(rng, 70, 180), any_colour(rng, 80, 160))


@dataclass(frozen=True)
class Panel:
    """Paints a piece of wall.

    Attributes:
        kind: The thing on it.
        variant: Which of those; doors are alike whatever it is.
        number: Of the piece: wear, which hardly shows, is all that tells like pieces apart.
        width: Metres.
        height: Metres.
        look: Of the building.
    """

    kind: PanelKind
    variant: int
    number: int
    width: float
    height: float
    look: Look

    def paint(self) -> Paint:
        """Draw."""
        paint = Paint.blank(texels(self.height), texels(self.width), MATT)
        paint.rgb[:] = np.clip(self.look.wall, 0, 255)
        paint.rgb[texels(self.height - 1.0) :] = np.clip(self.look.base, 0, 255)
        rng = np.random.default_rng([self.variant, 38, list(PANELS).index(self.kind)])
        if self.kind != 'blank':
            getattr(self, f'_{self.kind.replace(" ", "_")}')(paint, rng)
        paint.rectangle(*self._box(0, self.width, 0.0, 0.1), shade(self.look.base, 0.6))
        return _worn(paint, self.number)

    def _box(
        self, x0: float, x1: float, low: float, high: float
    ) -> tuple[float, float, float, float]:
        """Return the texels of a box given in metres from the left and above the floor."""
        h = self.height
        return texels(x0), texels(h - high), texels(x1), texels(h - low)

    def _leaf(self, paint: Paint, x: float, width: float, *, glass: bool) -> None:
        frame = shade(self.look.door, 0.7)
        paint.rectangle(*self._box(x - 0.06, x + width + 0.06, 0.0, 2.11), frame)
        paint.rectangle(*self._box(x, x + width, 0.0, 2.05), self.look.door)
        handle = x + width - 0.12
        paint.rectangle(*self._box(handle, handle + 0.08, 1.0, 1.06), (60, 60, 62))
        if glass:
            paint.rectangle(*self._box(x + 0.2, x + width - 0.2, 0.9, 1.9), (148, 164, 170))

    def _door(self, paint: Paint, _rng: np.random.Generator) -> None:
        x = self.width / 2 - 0.45
        self._leaf(paint, x, 0.9, glass=False)
        paint.rectangle(*self._box(x + 1.05, x + 1.25, 1.5, 1.65), (236, 236, 232))

    def _double_door(self, paint: Paint, _rng: np.random.Generator) -> None:
        middle = self.width / 2
        self._leaf(paint, middle - 0.9, 0.88, glass=True)
        self._leaf(paint, middle + 0.02, 0.88, glass=True)

    def _board(self, paint: Paint, rng: np.random.Generator) -> None:
        paint.rectangle(*self._box(0.4, self.width - 0.4, 1.0, 2.1), (120, 92, 60))
        paint.rectangle(*self._box(0.45, self.width - 0.45, 1.05, 2.05), (186, 150, 104))
        for _ in range(int(rng.integers(3, 9))):
            x, low = rng.uniform(0.5, self.width - 0.85), rng.uniform(1.1, 1.65)
            paper = any_colour(rng, 190, 250)
            paint.rectangle(*self._box(x, x + 0.25, low, low + 0.33), paper)

    def _poster(self, paint: Paint, rng: np.random.Generator) -> None:
        x, width = float(rng.uniform(0.4, 1.4)), float(rng.uniform(0.6, 1.2))
        paint.rectangle(*self._box(x, x + width, 1.0, 2.2), any_colour(rng, 30, 230))
        for _ in range(4):
            low, left = rng.uniform(1.05, 1.9), rng.uniform(x, x + 0.6 * width)
            box = self._box(left, left + 0.35 * width, low, low + 0.25)
            paint.rectangle(*box, any_colour(rng, 20, 250))

    def _radiator(self, paint: Paint, _rng: np.random.Generator) -> None:
        for x in np.arange(0.6, self.width - 0.7, 0.1):
            box = self._box(float(x), float(x) + 0.07, 0.15, 0.85)
            paint.rectangle(*box, (226, 226, 222))

    def _hose(self, paint: Paint, _rng: np.random.Generator) -> None:
        paint.rectangle(*self._box(1.0, 1.8, 0.8, 1.6), (186, 30, 28))
        paint.rectangle(*self._box(1.08, 1.72, 0.88, 1.52), (206, 60, 52))
        paint.rectangle(*self._box(1.2, 1.4, 1.8, 2.0), (30, 130, 70))

    def _niche(self, paint: Paint, rng: np.random.Generator) -> None:
        paint.rectangle(*self._box(0.5, self.width - 0.5, 0.0, 2.2), shade(self.look.wall, 0.55))
        colour = any_colour(rng, 40, 160)
        paint.rectangle(*self._box(0.8, self.width - 0.9, 0.1, float(rng.uniform(1, 1.9))), colour)


@dataclass(frozen=True)
class Floor:
    """Paints a square of floor, alike but for its wear."""

    number: int
    look: Look

    def paint(self) -> Paint:
        """Draw."""
        n = texels(TILE) // 2
        rng = np.random.default_rng(39)
        tiles = bricks(rng, n, n, self.look.floor, (14, 14), 0.03)
        return _worn(Paint(tiles, np.full((n, n), MATT, np.uint8)), self.number)


@dataclass(frozen=True)
class Ceiling:
    """Paints a square of ceiling with lamps; all are the same."""

    look: Look

    def paint(self) -> Paint:
        """Draw."""
        n = texels(TILE) // 2
        rng = np.random.default_rng(40)
        paint = Paint(
            bricks(rng, n, n, (206, 206, 202), (9, 9), 0.02), np.full((n, n), MATT, np.uint8)
        )
        for x in (0.22, 0.72):
            for y in (0.2, 0.7):
                box = (x * n, y * n, (x + 0.08) * n, (y + 0.2) * n)
                paint.rectangle(*box, (250, 250, 244), LAMP)
        return paint


def _worn(paint: Paint, number: int) -> Paint:
    """Return paint with faint stains and a few scuffs."""
    h, w = paint.material.shape
    rng = np.random.default_rng([number, 41])
    rgb = tint(paint.rgb, 0.03 * cloudiness(rng, h, w, 40))
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.integers(0, w)), int(rng.integers(0, h))
        box = np.s_[y : y + int(rng.integers(1, 4)), x : x + int(rng.integers(4, 20))]
        rgb[box] = (rgb[box] * rng.uniform(0.7, 0.95)).astype(np.uint8)
    return Paint(rgb, paint.material)
