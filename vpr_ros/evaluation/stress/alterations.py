# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Alterations of a picture: what a blocked, failing or turned camera shows in its place.

Each takes a picture (H, W, 3) RGB and a generator of random numbers, and returns another one of
the same size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]
    Floats = NDArray[np.float64]

_SKIN = (120.0, 55.0, 40.0)
_PLASTER = (190.0, 186.0, 176.0)


def black(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the noise of a sensor that gets no light."""
    return _pixels(rng.normal(1.0, 1.5, rgb.shape))


def white(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return an overexposed picture."""
    return _pixels(rng.normal(254.0, 1.5, rgb.shape))


def noise(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return random pixels."""
    return rng.integers(0, 256, rgb.shape, np.uint8)


def covered(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a hand on the lens: dark, smooth, brighter on one side where light shines through."""
    height, width = rgb.shape[:2]
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    centre = rng.uniform(0.2, 0.8, 2)
    glow = np.exp(-4 * ((x - centre[0]) ** 2 + (y - centre[1]) ** 2))
    return _noisy(glow[..., None] * np.array(_SKIN), rng)


def wall(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a plain wall, lit a little from one side."""
    height, width = rgb.shape[:2]
    slope = rng.uniform(-0.2, 0.2, 2)
    y, x = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    light = 1 + slope[0] * x + slope[1] * y
    return _noisy(light[..., None] * np.array(_PLASTER), rng)


def blurred(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the picture far out of focus."""
    sigma = max(rgb.shape[:2]) / 30
    return _noisy(cv2.GaussianBlur(rgb, (0, 0), sigma).astype(np.float64), rng)


def upside_down(rgb: Pixels, _rng: np.random.Generator) -> Pixels:
    """Return the picture turned by half a turn."""
    return np.ascontiguousarray(rgb[::-1, ::-1])


def seen_again(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the picture as a camera at rest sees it next: other noise, light and vibration."""
    shift = np.array([[1, 0, rng.uniform(-1, 1)], [0, 1, rng.uniform(-1, 1)]])
    size = rgb.shape[1], rgb.shape[0]
    moved = cv2.warpAffine(rgb, shift, size, borderMode=cv2.BORDER_REPLICATE)
    return _noisy(moved * rng.uniform(0.97, 1.03), rng)


def noisy(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Return the picture with the noise of a sensor."""
    return _noisy(rgb.astype(np.float64), rng)


def _noisy(values: Floats, rng: np.random.Generator) -> Pixels:
    return _pixels(values + rng.normal(0.0, 2.0, values.shape))


def _pixels(values: Floats) -> Pixels:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)
