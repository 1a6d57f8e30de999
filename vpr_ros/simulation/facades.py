# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Painted surfaces of a house: its front, its end walls and its roof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.simulation.openings import Openings
from vpr_ros.simulation.paint import (
    HOLE,
    LEDGE,
    MATT,
    ROOF,
    SIGN,
    TEXELS,
    WINDOW,
    Colour,
    Paint,
    any_colour,
    bricks,
    cloudiness,
    plaster,
    shade,
    texels,
    tint,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.houses import House


@dataclass(frozen=True)
class Front:
    """Paints the street side of a house, with its gable."""

    house: House

    def paint(self) -> Paint:
        """Draw."""
        return _FrontPainting(self.house).done()


@dataclass(frozen=True)
class Side:
    """Paints an end wall; with windows where it faces a street."""

    house: House
    depth: float
    windows: bool

    def paint(self) -> Paint:
        """Draw."""
        house = self.house
        rng = np.random.default_rng([house.seed, 2])
        gabled = house.top == 'eaves'
        height = house.eaves + (house.rise if gabled else 0)
        h, w = texels(height), texels(self.depth)
        paint = Paint(_wall(rng, house, h, w), np.full((h, w), MATT, np.uint8))
        if not self.windows:
            paint.rgb[:] = tint(paint.rgb, 0.08 * cloudiness(rng, h, w, 90) - 0.06)
        else:
            bays = max(2, round(self.depth / (house.width / house.bays)))
            Openings(paint, house, rng).grid(bays)
        if gabled:
            rise = texels(house.rise)
            across = np.abs(np.arange(w) - w / 2)
            top = rise * across / (w / 2)
            paint.material[np.arange(h)[:, None] < top[None]] = HOLE
        return paint if self.windows else paint.halved()


@dataclass(frozen=True)
class Tiles:
    """Paints a roof slope; width along the ridge and length down the slope in metres."""

    width: float
    length: float
    colour: Colour
    skylights: bool
    seed: int

    def paint(self) -> Paint:
        """Draw."""
        rng = np.random.default_rng([self.seed, 3])
        h, w = max(texels(self.length), 8), max(texels(self.width), 8)
        rgb = bricks(rng, h, w, self.colour, (6, 5), 0.09)
        rgb = tint(rgb, 0.08 * cloudiness(rng, h, w, 70) - 0.18 * (np.arange(h) % 6 == 5)[:, None])
        paint = Paint(rgb, np.full((h, w), ROOF, np.uint8))
        if self.skylights and self.width > 4:
            for i in range(int(rng.integers(1, 4))):
                x, y = rng.uniform(0.1, 0.8) * w, h * 0.45
                paint.rectangle(x, y, x + 26, y + 34, (70, 66, 64))
                paint.rectangle(x + 3, y + 3, x + 23, y + 31, (70, 84, 100), WINDOW + i)
        return paint.halved()


def _wall(rng: np.random.Generator, house: House, h: int, w: int) -> NDArray[np.uint8]:
    if house.wall in ('plaster', 'timber'):
        return plaster(rng, h, w, house.colour)
    size, variation, stains, scale = {
        'brick': ((4, 9), 0.10, 0.05, 80),
        'stone': ((10, 20), 0.05, 0.05, 60),
        'concrete': ((texels(house.storey), texels(2.4)), 0.03, 0.04, 90),
    }[house.wall]
    rgb = bricks(rng, h, w, house.colour, size, variation)
    return tint(rgb, stains * cloudiness(rng, h, w, scale))


class _FrontPainting:
    """The steps of painting one front, top to bottom."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.rng = np.random.default_rng([house.seed, 1])
        self.h, self.w = texels(house.eaves + self.gable), texels(house.width)
        self.eaves = self.h - texels(house.eaves)
        self.paint = Paint(
            _wall(self.rng, house, self.h, self.w), np.full((self.h, self.w), MATT, np.uint8)
        )
        self.openings = Openings(self.paint, house, self.rng)

    @property
    def gable(self) -> float:
        return 0.0 if self.house.top == 'eaves' else self.house.rise

    def done(self) -> Paint:
        house = self.house
        if house.wall == 'timber':
            self._beams()
        self.openings.grid(house.bays, skip_ground=True)
        if house.wall == 'brick' and house.seed % 2:
            self._bands()
        if house.top in ('eaves', 'flat'):
            self._cornice()
        else:
            self._gable_windows()
        getattr(self, f'_{house.ground}')()
        if self.gable:
            self._cut_gable()
        return self.paint

    def _floor(self) -> tuple[float, float]:
        """Top and bottom of the ground floor."""
        return self.h - texels(self.house.storey + 0.1), self.h

    def _beams(self) -> None:
        wood = (74.0, 52.0, 38.0)
        storey = texels(self.house.storey)
        for level in range(self.house.storeys + 1):
            y = self.h - level * storey
            self.paint.rectangle(0, y - 8, self.w, y, wood)
        pitch = self.w / (2 * self.house.bays)
        for i in range(2 * self.house.bays + 1):
            x = i * pitch
            self.paint.rectangle(x - 2, 0, x + 3, self.h, wood)
        for level in range(1, self.house.storeys + 2):
            y1 = self.h - level * storey
            for i, lean in ((0, 1), (2 * self.house.bays - 1, -1)):
                x0, x1 = i * pitch, (i + 1) * pitch
                a, b = ((x0, y1), (x1, y1 - storey)) if lean > 0 else ((x1, y1), (x0, y1 - storey))
                self.paint.line(a, b, 4, wood)

    def _bands(self) -> None:
        for level in range(1, self.house.storeys):
            y = self.h - texels(level * self.house.storey + 0.25)
            self.paint.rectangle(0, y, self.w, y + 4, shade(self.house.trim, 0.9), LEDGE)

    def _cornice(self) -> None:
        y = self.eaves
        colour = self.house.trim if sum(self.house.trim) > 300 else shade(self.house.colour, 0.8)
        self.paint.rectangle(0, y, self.w, y + 3, shade(colour, 1.05), LEDGE)
        self.paint.rectangle(0, y + 3, self.w, y + 9, colour)
        self.paint.rectangle(0, y + 9, self.w, y + 12, shade(colour, 0.55))
        for x in range(4, self.w, 14):
            self.paint.rectangle(x, y + 9, x + 5, y + 15, colour)

    def _gable_windows(self) -> None:
        size = 0.30 * self.house.rise
        x, y = self.w / 2, self.eaves - 0.22 * texels(self.house.rise)
        half, tall = 0.32 * texels(size) + 6, texels(size)
        if self.house.seed % 3 == 0:
            self.paint.ellipse(x, y - half, half + 4, half + 4, self.house.trim, MATT)
            self.paint.ellipse(x, y - half, half, half, (54, 62, 74), self.openings.number())
        else:
            self.openings.window(x - half, y - tall, x + half, y)

    def _cut_gable(self) -> None:
        top = self.house.top
        rise, w = self.eaves, self.w
        u = np.abs(np.arange(w) + 0.5 - w / 2) / (w / 2)
        if top == 'gable':
            edge = rise * u
        elif top == 'stepped':
            edge = rise * np.floor(u * 5) / 5
        elif top == 'bell':
            edge = rise * (1 - np.sqrt(np.clip(1 - u**2.2, 0, 1))) * 0.95 + rise * 0.05
        else:
            return
        row = np.arange(self.h)[:, None]
        # A coping of stone follows the edge and catches the snow.
        coping = (row < edge + 5) & (row < self.eaves)
        self.paint.rgb[coping] = np.clip(shade(self.house.trim, 0.95), 0, 255)
        self.paint.material[coping & (row < edge + 3)] = LEDGE
        self.paint.material[row < edge] = HOLE

    def _home(self) -> None:
        top, bottom = self._floor()
        house = self.house
        base = shade(house.colour, 0.72)
        self.paint.rectangle(0, bottom - 14, self.w, bottom, base)
        pitch = self.w / house.bays
        door_bay = int(self.rng.integers(house.bays))
        for i in range(house.bays):
            x0, x1 = i * pitch, (i + 1) * pitch
            if i == door_bay:
                self._door((x0 + x1) / 2, top)
            else:
                self.openings.in_bay(x0, x1, top, bottom - 10)
        if self.rng.random() < 0.6:
            self._plant(0.12 * self.w, bottom)

    def _door(self, x: float, top: float) -> None:
        bottom, rectangle = self.h, self.paint.rectangle
        half, height = 0.52 * TEXELS, 2.3 * TEXELS
        y = max(bottom - height, top + 4)
        rectangle(x - half - 4, y - 12, x + half + 4, bottom, self.house.trim)
        rectangle(x - half, y - 9, x + half, y - 1, (70, 80, 92), self.openings.number())
        rectangle(x - half, y, x + half, bottom - 4, self.house.door)
        dark = shade(self.house.door, 0.7)
        for panel in (0.08, 0.55):
            p0, p1 = y + panel * height, y + (panel + 0.35) * height
            rectangle(x - half + 4, p0, x - 2, p1, dark)
            rectangle(x + 2, p0, x + half - 4, p1, dark)
        handle = x + half - 6, y + 0.5 * height, x + half - 4, y + 0.56 * height
        rectangle(*handle, (220, 190, 90))
        rectangle(x - half - 8, bottom - 5, x + half + 8, bottom, (150, 148, 142), LEDGE)

    def _shop(self) -> None:
        top, bottom = self._floor()
        house, w, accent = self.house, self.w, self.house.accent
        frame = shade(accent, 0.8) if house.seed % 2 else house.trim
        self.paint.rectangle(4, top + 10, w - 4, bottom, frame)
        door = 0.78 * w if house.seed % 4 < 2 else 0.22 * w
        half = 0.55 * TEXELS
        glass_top, glass_bottom = top + 34, bottom - 0.5 * TEXELS
        for x0, x1 in ((12, door - half - 5), (door + half + 5, w - 12)):
            if x1 - x0 > 12:
                self._display(x0, glass_top, x1, glass_bottom)
        self.paint.rectangle(door - half, glass_top, door + half, bottom, house.door)
        pane = door - half + 5, glass_top + 5, door + half - 5, bottom - 18
        self.paint.rectangle(*pane, (64, 74, 84), self.openings.number())
        board = (4, top + 2, w - 4, top + 26)
        light = sum(accent) > 380
        self.paint.rectangle(*board, accent, SIGN)
        self.paint.text(house.sign, board, (40, 34, 30) if light else (250, 240, 214))
        if house.seed % 5 < 3:
            self._awning(6, top + 27, w - 6)

    def _display(self, x0: float, y0: float, x1: float, y1: float) -> None:
        number = self.openings.number()
        self.paint.rectangle(x0, y0, x1, y1, (76, 84, 90), number)
        for _ in range(int((x1 - x0) / 7)):
            x = self.rng.uniform(x0 + 2, x1 - 8)
            s = self.rng.uniform(5, 14)
            colour = any_colour(self.rng, 60, 220)
            right = min(x + self.rng.uniform(4, 9), x1 - 1)
            self.paint.rectangle(x, y1 - s, right, y1 - 1, colour, number)
        for x in np.linspace(x0, x1, max(2, int((x1 - x0) / 40) + 1))[1:-1]:
            self.paint.rectangle(x - 1, y0, x + 2, y1, shade(self.house.trim, 0.8))

    def _awning(self, x0: float, y0: float, x1: float) -> None:
        stripes = max(6, int((x1 - x0) / 12))
        xs = np.linspace(x0, x1, stripes + 1)
        for i in range(stripes):
            colour = self.house.accent if i % 2 else (238.0, 234.0, 224.0)
            self.paint.rectangle(xs[i], y0, xs[i + 1], y0 + 20, colour)
            self.paint.rectangle(xs[i], y0, xs[i + 1], y0 + 3, shade(colour, 1.05), LEDGE)
            middle = (xs[i] + xs[i + 1]) / 2
            self.paint.ellipse(middle, y0 + 20, (xs[1] - xs[0]) / 2, 5, shade(colour, 0.9), MATT)

    def _garage(self) -> None:
        top, bottom = self._floor()
        x0, x1 = self.w * 0.5 - 1.35 * TEXELS, self.w * 0.5 + 1.35 * TEXELS
        y0 = max(bottom - 2.4 * TEXELS, top + 6)
        self.paint.rectangle(x0 - 5, y0 - 5, x1 + 5, bottom, self.house.trim)
        self.paint.rectangle(x0, y0, x1, bottom, self.house.door)
        for y in np.arange(y0, bottom, 9):
            self.paint.rectangle(x0, y, x1, y + 2, shade(self.house.door, 0.7))
        if self.w - x1 > 1.6 * TEXELS:
            self._door((x1 + self.w) / 2, top)
            self.openings.in_bay(2, x0 - 6, top, bottom - 8)

    def _arcade(self) -> None:
        top, bottom = self._floor()
        n = max(2, round(self.w / (2.4 * TEXELS)))
        pitch = self.w / n
        half = 0.36 * pitch
        y = top + half + 8
        for i in range(n):
            x = (i + 0.5) * pitch
            number = self.openings.number()
            self.paint.ellipse(x, y, half + 4, half + 4, self.house.trim, MATT)
            self.paint.rectangle(x - half - 4, y, x + half + 4, bottom, self.house.trim)
            self.paint.ellipse(x, y, half, half, (58, 58, 62), number)
            self.paint.rectangle(x - half, y, x + half, bottom - 8, (58, 58, 62), number)
            self.paint.rectangle(x - 1, top + 8, x + 2, bottom - 8, shade(self.house.trim, 0.7))

    def _plant(self, x: float, bottom: float) -> None:
        self.paint.rectangle(x - 7, bottom - 12, x + 7, bottom, (150, 84, 58))
        for _ in range(14):
            dx, dy = self.rng.normal(0, 6, 2)
            green = self.rng.uniform(0.7, 1.2)
            self.paint.ellipse(x + dx, bottom - 20 + dy, 4, 4, shade((64, 100, 50), green), MATT)
