# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The church tower: painted walls with a clock, and the spire."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vpr_ros.simulation.paint import (
    HOLE,
    LEDGE,
    MATT,
    ROOF,
    SIGN,
    TEXELS,
    WINDOW,
    Paint,
    bricks,
    cloudiness,
    tint,
)


@dataclass(frozen=True)
class Steeple:
    """Paints one wall of the tower."""

    width: float
    height: float
    seed: int

    def paint(self) -> Paint:
        """Draw."""
        rng = np.random.default_rng([self.seed, 9])
        h, w = round(self.height * TEXELS), round(self.width * TEXELS)
        stones = bricks(rng, h, w, (176, 166, 146), (11, 24), 0.06)
        stained = tint(stones, 0.06 * cloudiness(rng, h, w, 90))
        paint = Paint(stained, np.full((h, w), MATT, np.uint8))
        for y in (0.0, 0.36, 0.7):
            paint.rectangle(0, y * h, w, y * h + 8, (198, 190, 172), LEDGE)
        x, y, r = w / 2, 0.26 * h, 0.2 * w
        paint.ellipse(x, y, r + 5, r + 5, (70, 64, 54), MATT)
        paint.ellipse(x, y, r, r, (240, 234, 214), SIGN)
        for angle, length, width in ((-0.9, 0.8, 3), (0.6, 0.55, 5)):
            tip = (x + length * r * np.sin(angle), y - length * r * np.cos(angle))
            paint.line((x, y), tip, width, (30, 30, 34), MATT)
        for column in (0.34, 0.66):
            paint.ellipse(column * w, 0.09 * h, 12, 14, (44, 44, 50), MATT)
            paint.rectangle(column * w - 12, 0.09 * h, column * w + 12, 0.17 * h, (44, 44, 50))
        paint.ellipse(x, 0.5 * h, 11, 14, (60, 64, 84), WINDOW)
        paint.rectangle(x - 11, 0.5 * h, x + 11, 0.6 * h, (60, 64, 84), WINDOW)
        paint.ellipse(x, 0.86 * h, 30, 34, (112, 100, 84), MATT)
        paint.rectangle(x - 30, 0.86 * h, x + 30, h, (112, 100, 84))
        paint.rectangle(x - 23, 0.86 * h, x + 23, h, (84, 52, 34))
        return paint


@dataclass(frozen=True)
class SteepleRoof:
    """Paints one face of the spire: a triangle."""

    width: float
    height: float
    seed: int

    def paint(self) -> Paint:
        """Draw."""
        rng = np.random.default_rng([self.seed, 10])
        h, w = round(self.height * TEXELS), round(self.width * TEXELS)
        paint = Paint(
            bricks(rng, h, w, (74, 92, 86), (7, 7), 0.08), np.full((h, w), ROOF, np.uint8)
        )
        across = np.abs(np.arange(w) + 0.5 - w / 2) / (w / 2)
        paint.material[(np.arange(h)[:, None] + 0.5) / h < across[None]] = HOLE
        return paint
