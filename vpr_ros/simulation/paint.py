# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Unlit surfaces: colours and materials of walls, roofs and plants, drawn with a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

TEXELS = 28
"""Texels in a metre of a wall."""

HOLE, MATT, LEDGE, SIGN, ROOF, FOLIAGE, ROAD, PAVING, GRASS, LAMP, RED_LAMP = range(11)
"""Materials: how a texel takes light, snow and rain. From WINDOW on, one number a window."""

WINDOW = 16

Colour = tuple[float, float, float]


def texels(metres: float) -> int:
    """Convert a length on a wall from metres to texels, at least one."""
    return max(round(metres * TEXELS), 1)


@dataclass(frozen=True, eq=False)
class Paint:
    """An unlit texture.

    Attributes:
        rgb: (H, W, 3) uint8, colour under white light.
        material: (H, W) uint8, a material or WINDOW + number.
    """

    rgb: NDArray[np.uint8]
    material: NDArray[np.uint8]

    @staticmethod
    def blank(height: int, width: int, material: int = HOLE) -> Paint:
        """Return black paint of one material."""
        return Paint(
            np.zeros((height, width, 3), np.uint8), np.full((height, width), material, np.uint8)
        )

    def halved(self) -> Paint:
        """Return the same paint at half the resolution, for distant surfaces."""
        h, w = self.material.shape
        size = (max(w // 2, 1), max(h // 2, 1))
        return Paint(
            cv2.resize(self.rgb, size, interpolation=cv2.INTER_AREA),
            cv2.resize(self.material, size, interpolation=cv2.INTER_NEAREST),
        )

    def rectangle(
        self, x0: float, y0: float, x1: float, y1: float, colour: Colour, material: int = MATT
    ) -> None:
        """Fill a rectangle given in texels; right and bottom are excluded."""
        box = np.s_[max(round(y0), 0) : max(round(y1), 0), max(round(x0), 0) : max(round(x1), 0)]
        self.rgb[box] = np.clip(colour, 0, 255)
        self.material[box] = material

    def polygon(self, points: list[tuple[float, float]], colour: Colour, material: int) -> None:
        """Fill a polygon given in texels."""
        outline = [np.round(np.array(points)).astype(np.int32)]
        cv2.fillPoly(self.rgb, outline, _bytes(colour))
        cv2.fillPoly(self.material, outline, material)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, material: int
    ) -> None:
        """Fill an upright ellipse."""
        centre, axes = (round(x), round(y)), (max(round(rx), 1), max(round(ry), 1))
        cv2.ellipse(self.rgb, centre, axes, 0, 0, 360, _bytes(colour), -1)
        cv2.ellipse(self.material, centre, axes, 0, 0, 360, material, -1)

    def line(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        width: float,
        colour: Colour,
        material: int = MATT,
    ) -> None:
        """Draw a straight line."""
        a, b = (round(start[0]), round(start[1])), (round(end[0]), round(end[1]))
        cv2.line(self.rgb, a, b, _bytes(colour), max(round(width), 1))
        cv2.line(self.material, a, b, material, max(round(width), 1))

    def text(self, words: str, box: tuple[float, float, float, float], colour: Colour) -> None:
        """Write words as large as fits into x0, y0, x1, y1."""
        x0, y0, x1, y1 = box
        font = cv2.FONT_HERSHEY_DUPLEX
        (w, h), _ = cv2.getTextSize(words, font, 1.0, 1)
        scale = min((x1 - x0) * 0.9 / w, (y1 - y0) * 0.7 / h)
        (w, h), _ = cv2.getTextSize(words, font, scale, 1)
        at = (round((x0 + x1 - w) / 2), round((y0 + y1 + h) / 2))
        width = 2 if scale > 0.6 else 1
        cv2.putText(self.rgb, words, at, font, scale, _bytes(colour), width, cv2.LINE_AA)


class Painter(Protocol):
    """Draws one texture; equal painters draw the same, so that textures can be shared."""

    def __hash__(self) -> int: ...

    def paint(self) -> Paint:
        """Draw."""


def _bytes(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (int(min(max(c, 0), 255)) for c in colour)
    return r, g, b


def any_colour(rng: np.random.Generator, low: float, high: float) -> Colour:
    """Draw a colour whose values are within a range."""
    r, g, b = rng.uniform(low, high, 3).tolist()
    return r, g, b


def shade(colour: Colour, factor: float) -> Colour:
    """Return a lighter or darker colour."""
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def cloudiness(
    rng: np.random.Generator, height: int, width: int, scale: float, octaves: int = 4
) -> NDArray[np.float32]:
    """Return smooth noise (height, width) in about [-1, 1]; scale is the largest wavelength."""
    total: NDArray[np.float32] = np.zeros((height, width), np.float32)
    weight = 1.0
    for octave in range(octaves):
        step = max(scale / 2**octave, 1.0)
        grid = rng.standard_normal((int(height / step) + 3, int(width / step) + 3), np.float32)
        full = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += weight * full[:height, :width]
        weight *= 0.5
    total *= 0.5
    return total


def tint(
    rgb: NDArray[np.uint8], change: NDArray[np.float32] | NDArray[np.float64]
) -> NDArray[np.uint8]:
    """Return colours multiplied by 1 + change (H, W)."""
    out: NDArray[np.uint8] = np.clip(
        rgb * (1 + change.astype(np.float32)[..., None]), 0, 255
    ).astype(np.uint8)
    return out


def bricks(
    rng: np.random.Generator,
    height: int,
    width: int,
    colour: Colour,
    size: tuple[int, int] = (4, 9),
    variation: float = 0.10,
) -> NDArray[np.uint8]:
    """Return a wall (height, width, 3) of bricks, or of stones where size is larger."""
    rows, columns = size
    ny, nx = height // rows + 2, width // columns + 3
    tone = 1 + variation * rng.standard_normal((ny, nx), np.float32)
    wall = np.repeat(np.repeat(tone, rows, 0), columns, 1)
    joint = np.zeros_like(wall, dtype=bool)
    joint[::rows] = True
    joint[:, ::columns] = True
    # Every other course is moved by half a brick.
    odd = (np.arange(wall.shape[0]) // rows) % 2 == 1
    wall[odd] = np.roll(wall[odd], columns // 2, 1)
    joint[odd] = np.roll(joint[odd], columns // 2, 1)
    wall, joint = wall[:height, :width], joint[:height, :width]
    rgb = np.array(colour, np.float32) * wall[..., None]
    mortar = 0.55 * rgb[joint] + 0.45 * np.array([168.0, 160.0, 150.0], np.float32)
    rgb[joint] = mortar
    out: NDArray[np.uint8] = np.clip(rgb, 0, 255).astype(np.uint8)
    return out


def plaster(
    rng: np.random.Generator, height: int, width: int, colour: Colour, variation: float = 0.05
) -> NDArray[np.uint8]:
    """Return a wall (height, width, 3) of stained plaster."""
    change = variation * cloudiness(rng, height, width, 60) + 0.015 * rng.standard_normal(
        (height, width)
    )
    # Rain leaves streaks: noise stretched from top to bottom.
    streaks = cloudiness(rng, 4, width, 14, 3)
    change += 0.5 * variation * cv2.resize(streaks, (width, height))
    return tint(np.full((height, width, 3), np.clip(colour, 0, 255), np.uint8), change)
