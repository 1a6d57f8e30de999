# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Upright pictures that always face the camera: trees, lamp posts, street furniture, people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from vpr_ros.simulation.paint import (
    FOLIAGE,
    HOLE,
    LAMP,
    LEDGE,
    MATT,
    SIGN,
    Colour,
    Paint,
    any_colour,
    shade,
)

if TYPE_CHECKING:
    from vpr_ros.simulation.conditions import Season

Furniture = Literal['bench', 'bin', 'postbox', 'kiosk', 'planter', 'sign', 'shrub', 'column']

_LEAVES: dict[Season, list[Colour]] = {
    'spring': [(120, 160, 66), (146, 178, 84), (228, 190, 206)],
    'summer': [(58, 98, 42), (76, 116, 50), (94, 124, 60)],
    'autumn': [(196, 122, 40), (176, 82, 36), (204, 164, 60)],
    'winter': [],
}

FURNITURE: dict[Furniture, tuple[float, float]] = {
    'bench': (1.7, 0.9),
    'bin': (0.6, 1.0),
    'postbox': (0.6, 1.4),
    'kiosk': (1.6, 2.7),
    'planter': (1.5, 1.2),
    'sign': (0.7, 2.6),
    'shrub': (1.9, 1.3),
    'column': (1.1, 3.0),
}
"""Width and height, metres."""


@dataclass(frozen=True)
class Tree:
    """Paints a tree, 6 m wide and 8 m tall."""

    seed: int
    season: Season

    def paint(self) -> Paint:
        """Draw."""
        rng = np.random.default_rng([self.seed, 5])
        paint = Paint.blank(224, 176)
        tips: list[tuple[float, float]] = []
        slim = rng.uniform(0.8, 1.15)
        self._branch(paint, rng, tips, (88, 223), (-np.pi / 2, 52, 8 * slim), 0)
        leaves = _LEAVES[self.season]
        if leaves:
            kind = leaves[self.seed % len(leaves)]
            # Light falls from above: low leaves first and dark, high leaves last and bright.
            blobs = [
                (x + rng.normal(0, 9), y + rng.normal(0, 8), rng.uniform(3.5, 8))
                for x, y in tips
                for _ in range(13)
            ]
            for x, y, r in sorted(blobs, key=lambda b: -b[1] + float(rng.normal(0, 20))):
                tone = 1.25 - 0.55 * y / 150 + rng.normal(0, 0.12)
                paint.ellipse(x, y, r, 0.8 * r, shade(kind, tone), FOLIAGE)
        return paint

    def _branch(
        self,
        paint: Paint,
        rng: np.random.Generator,
        tips: list[tuple[float, float]],
        start: tuple[float, float],
        shape: tuple[float, float, float],
        depth: int,
    ) -> None:
        angle, length, width = shape
        end = (start[0] + length * np.cos(angle), start[1] + length * np.sin(angle))
        bark = shade((84, 70, 58), float(rng.uniform(0.85, 1.1)))
        paint.line(start, end, width, bark)
        if self.season == 'winter' and abs(np.cos(angle)) > 0.4:
            up = (start[0], start[1] - width / 2), (end[0], end[1] - width / 2)
            paint.line(*up, 1, (226, 230, 236), LEDGE)
        if depth >= 2:
            tips.append(end)
        if depth == 5:
            return
        for side in (-1, 1):
            turn = side * rng.uniform(0.25, 0.62)
            part = rng.uniform(0.66, 0.82)
            self._branch(
                paint, rng, tips, end, (angle + turn, length * part, width * 0.66), depth + 1
            )


@dataclass(frozen=True)
class LampPost:
    """Paints a street lamp, 1 m wide and 5 m tall."""

    modern: bool

    def paint(self) -> Paint:
        """Draw."""
        paint = Paint.blank(200, 40)
        iron = (44.0, 50.0, 50.0)
        if self.modern:
            paint.rectangle(18, 8, 22, 200, (120, 124, 128))
            paint.rectangle(4, 4, 36, 9, (120, 124, 128))
            paint.rectangle(4, 9, 17, 13, (250, 244, 224), LAMP)
            paint.rectangle(23, 9, 36, 13, (250, 244, 224), LAMP)
        else:
            paint.rectangle(18, 34, 22, 200, iron)
            paint.rectangle(15, 160, 25, 200, iron)
            paint.polygon([(10, 12), (30, 12), (26, 36), (14, 36)], (250, 236, 200), LAMP)
            paint.polygon([(8, 12), (32, 12), (20, 0)], iron, MATT)
            paint.rectangle(12, 35, 28, 38, iron)
        return paint


_FRESH = ((168.0, 36.0, 34.0), (34.0, 84.0, 62.0), (32.0, 60.0, 120.0), (206.0, 160.0, 44.0))


@dataclass(frozen=True)
class Fixture:
    """Paints a piece of street furniture."""

    kind: Furniture
    seed: int

    def paint(self) -> Paint:
        """Draw."""
        rng = np.random.default_rng([self.seed, 6])
        width, height = FURNITURE[self.kind]
        w, h = round(width * 36), round(height * 36)
        paint = Paint.blank(h, w)
        colour = _FRESH[self.seed % 4]
        getattr(self, f'_{self.kind}')(paint, rng, colour)
        return paint

    def _bench(self, paint: Paint, _rng: np.random.Generator, _colour: Colour) -> None:
        h, w = paint.material.shape
        for y in (0.05, 0.25, 0.52):
            paint.rectangle(0, y * h, w, (y + 0.13) * h, (128, 86, 52), LEDGE)
        for x in (0.08, 0.86):
            paint.rectangle(x * w, 0, (x + 0.06) * w, h, (50, 50, 52))

    def _bin(self, paint: Paint, _rng: np.random.Generator, colour: Colour) -> None:
        h, w = paint.material.shape
        paint.rectangle(0.1 * w, 0.12 * h, 0.9 * w, h, shade(colour, 0.7))
        paint.rectangle(0, 0, w, 0.12 * h, shade(colour, 0.5), LEDGE)
        paint.rectangle(0.25 * w, 0.2 * h, 0.75 * w, 0.3 * h, (30, 30, 30))

    def _postbox(self, paint: Paint, _rng: np.random.Generator, colour: Colour) -> None:
        h, w = paint.material.shape
        paint.rectangle(0.4 * w, 0.6 * h, 0.6 * w, h, (60, 60, 62))
        paint.rectangle(0, 0.05 * h, w, 0.65 * h, colour)
        paint.rectangle(0, 0, w, 0.06 * h, shade(colour, 0.8), LEDGE)
        paint.rectangle(0.15 * w, 0.15 * h, 0.85 * w, 0.2 * h, (24, 24, 24))
        paint.rectangle(0.2 * w, 0.3 * h, 0.8 * w, 0.48 * h, (236, 232, 220))

    def _kiosk(self, paint: Paint, rng: np.random.Generator, colour: Colour) -> None:
        h, w = paint.material.shape
        paint.rectangle(0.04 * w, 0.1 * h, 0.96 * w, h, shade(colour, 0.9))
        paint.rectangle(0, 0, w, 0.11 * h, shade(colour, 0.6), LEDGE)
        paint.rectangle(0.12 * w, 0.2 * h, 0.88 * w, 0.58 * h, (46, 50, 54), SIGN)
        for _ in range(18):
            x, y = rng.uniform(0.14, 0.78) * w, rng.uniform(0.22, 0.5) * h
            paint.rectangle(x, y, x + 5, y + 7, any_colour(rng, 80, 240), SIGN)

    def _planter(self, paint: Paint, rng: np.random.Generator, colour: Colour) -> None:
        h, w = paint.material.shape
        paint.rectangle(0.05 * w, 0.6 * h, 0.95 * w, h, (142, 134, 124))
        for _ in range(60):
            x, y = rng.uniform(0.06, 0.94) * w, rng.uniform(0.2, 0.62) * h
            leaf = (70.0, 112.0, 54.0) if rng.random() < 0.75 else colour
            paint.ellipse(x, y, 3, 3, shade(leaf, float(rng.uniform(0.7, 1.2))), FOLIAGE)

    def _sign(self, paint: Paint, _rng: np.random.Generator, _colour: Colour) -> None:
        h, w = paint.material.shape
        paint.rectangle(0.45 * w, 0.2 * h, 0.58 * w, h, (130, 132, 134))
        if self.seed % 3 == 0:
            paint.ellipse(w / 2, w / 2, w / 2 - 1, w / 2 - 1, (200, 36, 36), MATT)
            paint.ellipse(w / 2, w / 2, w / 3, w / 3, (240, 240, 240), MATT)
        elif self.seed % 3 == 1:
            paint.rectangle(0, 0, w, w, (30, 80, 170))
            paint.text('P', (0, 0, w, w), (250, 250, 250))
        else:
            paint.polygon([(w / 2, 0), (w - 1, w * 0.9), (0, w * 0.9)], (206, 40, 38), MATT)
            paint.polygon([(w / 2, 6), (w - 6, w * 0.82), (5, w * 0.82)], (240, 236, 220), MATT)

    def _shrub(self, paint: Paint, rng: np.random.Generator, _colour: Colour) -> None:
        h, w = paint.material.shape
        for _ in range(140):
            x, y = rng.normal(0.5, 0.2) * w, rng.uniform(0.1, 1.0) * h
            tone = 1.2 - 0.5 * y / h + rng.normal(0, 0.1)
            if abs(x / w - 0.5) < 0.45 * np.sqrt(y / h):
                paint.ellipse(x, y, 4, 3, shade((72, 106, 52), float(tone)), FOLIAGE)

    def _column(self, paint: Paint, rng: np.random.Generator, colour: Colour) -> None:
        h, w = paint.material.shape
        paint.rectangle(0.05 * w, 0.12 * h, 0.95 * w, h, (92, 96, 92))
        for x in (0.05, 0.5):
            poster = any_colour(rng, 90, 230)
            paint.rectangle((x + 0.03) * w, 0.2 * h, (x + 0.42) * w, 0.72 * h, poster)
            paint.rectangle((x + 0.08) * w, 0.26 * h, (x + 0.36) * w, 0.36 * h, shade(colour, 0.8))
        paint.polygon([(0, 0.12 * h), (w, 0.12 * h), (w / 2, 0)], (60, 84, 74), LEDGE)


@dataclass(frozen=True)
class Person:
    """Paints someone walking, 1 m wide and 2 m tall (with the umbrella)."""

    seed: int
    umbrella: bool

    def paint(self) -> Paint:
        """Draw."""
        rng = np.random.default_rng([self.seed, 7])
        paint = Paint.blank(112, 56)
        skin = ((226, 184, 156), (170, 122, 90), (112, 76, 56))[int(rng.integers(3))]
        coat = any_colour(rng, 30, 200)
        trousers = shade((60, 62, 76), float(rng.uniform(0.5, 1.6)))
        stride = float(rng.uniform(3, 10))
        hip, top = 64.0, 30.0
        paint.line((28, hip), (28 - stride, 108), 7, trousers)
        paint.line((28, hip), (28 + stride, 108), 7, shade(trousers, 0.8))
        for side in (-1, 1):
            paint.line((28 + side * 7, top + 6), (28 + side * 10, hip), 5, shade(coat, 0.85))
        long = float(rng.uniform(0, 14))
        paint.polygon([(19, top), (37, top), (38, hip + long), (18, hip + long)], coat, MATT)
        paint.ellipse(28, 21, 6, 8, skin, MATT)
        hair = shade((70, 50, 36), float(rng.uniform(0.4, 2.4)))
        paint.ellipse(28, 17, 7, 5, hair, MATT)
        if self.umbrella:
            paint.line((36, 12), (36, 50), 2, (40, 40, 40))
            paint.ellipse(32, 14, 23, 13, any_colour(rng, 20, 190), MATT)
            paint.rectangle(0, 15, 56, 28, (0, 0, 0), HOLE)
            paint.ellipse(28, 21, 6, 8, skin, MATT)
            paint.line((36, 12), (36, 50), 2, (40, 40, 40))
        elif rng.random() < 0.5:
            paint.rectangle(36, 52, 46, 68, shade(coat, 0.5))
        return paint
