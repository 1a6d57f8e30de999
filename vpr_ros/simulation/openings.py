# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Windows, curtains and balconies of a painted wall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.simulation.paint import LEDGE, MATT, TEXELS, WINDOW, Paint, shade, texels

if TYPE_CHECKING:
    from vpr_ros.simulation.houses import House


class Openings:
    """Draws windows and numbers them, so that each can have its own light."""

    def __init__(self, paint: Paint, house: House, rng: np.random.Generator) -> None:
        self.paint = paint
        self.house = house
        self.rng = rng
        self._count = 0

    def number(self) -> int:
        """Return the material of the next window."""
        self._count += 1
        return WINDOW + self._count % (255 - WINDOW)

    def grid(self, bays: int, *, skip_ground: bool = False) -> None:
        """Draw the windows of all storeys; balconies where the house has them."""
        h, w = self.paint.material.shape
        storey = texels(self.house.storey)
        pitch = w / bays
        for level in range(int(skip_ground), self.house.storeys):
            bottom = h - level * storey
            for i in range(bays):
                self.in_bay(i * pitch, (i + 1) * pitch, bottom - storey, bottom)
                if level and self.house.balconies and (i + level) % self.house.balconies == 0:
                    self._balcony(i * pitch, (i + 1) * pitch, bottom)

    def in_bay(self, x0: float, x1: float, top: float, bottom: float) -> None:
        """Draw the window of a bay of the wall."""
        share, tall = self.house.window
        if self.house.wall == 'concrete':
            share = 0.86
        half = share * (x1 - x0) / 2
        x, height = (x0 + x1) / 2, tall * (bottom - top)
        y0 = top + 0.52 * (bottom - top - height)
        self.window(x - half, y0, x + half, y0 + height)

    def window(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Draw one window with frame, panes, lintel, sill and shutters."""
        paint, house = self.paint, self.house
        number = self.number()
        glass = shade((66, 78, 94), float(self.rng.uniform(0.8, 1.25)))
        if house.shutters:
            leaf = 0.3 * (x1 - x0)
            for a, b in ((x0 - leaf - 3, x0 - 3), (x1 + 3, x1 + leaf + 3)):
                paint.rectangle(a, y0 - 1, b, y1 + 1, house.door)
                for y in np.arange(y0 + 2, y1, 4):
                    paint.rectangle(a + 1, y, b - 1, y + 1, shade(house.door, 0.65))
        paint.rectangle(x0 - 3, y0 - 3, x1 + 3, y1 + 3, house.trim)
        if house.arched:
            r = (x1 - x0) / 2
            paint.ellipse((x0 + x1) / 2, y0, r + 3, 0.5 * r + 3, house.trim, MATT)
            paint.ellipse((x0 + x1) / 2, y0, r, 0.5 * r, glass, number)
        elif house.wall in ('brick', 'stone'):
            paint.rectangle(x0 - 6, y0 - 9, x1 + 6, y0 - 3, shade(house.colour, 1.25))
        paint.rectangle(x0, y0, x1, y1, glass, number)
        self._curtains(x0, y0, x1, y1, number)
        columns, rows = house.panes
        for x in np.linspace(x0, x1, columns + 1)[1:-1]:
            paint.rectangle(x - 1, y0, x + 1, y1, house.trim)
        for y in np.linspace(y0, y1, rows + 1)[1:-1]:
            paint.rectangle(x0, y - 1, x1, y + 1, house.trim)
        # The reveal shades the top of the glass; the sill stands out below.
        paint.rectangle(x0, y0, x1, y0 + 2, shade(glass, 0.45), number)
        paint.rectangle(x0 - 5, y1 + 2, x1 + 5, y1 + 5, shade(house.trim, 0.92), LEDGE)
        paint.rectangle(x0 - 4, y1 + 5, x1 + 4, y1 + 7, shade(house.colour, 0.6))

    def _curtains(self, x0: float, y0: float, x1: float, y1: float, number: int) -> None:
        kind = self.rng.random()
        cloth = shade((176, 170, 158), float(self.rng.uniform(0.75, 1.1)))
        if kind < 0.3:
            leaf = self.rng.uniform(0.12, 0.3) * (x1 - x0)
            self.paint.rectangle(x0, y0, x0 + leaf, y1, cloth, number)
            self.paint.rectangle(x1 - leaf, y0, x1, y1, cloth, number)
        elif kind < 0.45:
            foot = y0 + self.rng.uniform(0.2, 0.7) * (y1 - y0)
            self.paint.rectangle(x0, y0, x1, foot, cloth, number)

    def _balcony(self, x0: float, x1: float, floor: float) -> None:
        iron = (48.0, 50.0, 54.0)
        top = floor - 0.95 * TEXELS
        self.paint.rectangle(x0 + 4, floor - 5, x1 - 4, floor, (150, 146, 138), LEDGE)
        self.paint.rectangle(x0 + 4, top, x1 - 4, top + 2, iron)
        for x in np.arange(x0 + 5, x1 - 4, 4):
            self.paint.rectangle(x, top, x + 1, floor - 5, iron)
        if self.house.seed % 2:
            for x in np.arange(x0 + 6, x1 - 6, 5):
                tone = float(self.rng.uniform(0.7, 1.2))
                flower = (60, 104, 48) if self.rng.random() < 0.7 else (196, 60, 84)
                y = top + self.rng.uniform(-3, 3)
                self.paint.ellipse(x, y, 3, 3, shade(flower, tone), MATT)
