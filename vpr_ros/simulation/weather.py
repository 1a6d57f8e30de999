# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What weather, darkness and the sensor do to a finished picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.conditions import Conditions


def mirror_on_wet_ground(
    colour: NDArray[np.uint8], ground: NDArray[np.bool_], horizon: float
) -> None:
    """Mix the upper part of the picture, upside down, into the ground below the horizon."""
    h = ground.shape[0]
    first = max(round(horizon) + 1, 0)
    if first >= h:
        return
    rows = np.arange(first, h)
    source = np.clip(np.round(2 * horizon - rows).astype(int), 0, h - 1)
    # A rough surface stretches reflections downwards.
    blurred = cv2.blur(colour[source], (3, 1 + 2 * (h // 30)))
    # Fresnel: the flatter the view, the more is mirrored; puddles break it up.
    steep = (rows - horizon)[:, None] / h
    share = 0.62 * np.exp(-steep / 0.28) * ground[first:]
    share = (cv2.blur(share, (3, 3)))[..., None]
    below = colour[first:]
    colour[first:] = (below + share * (blurred.astype(np.float32) - below)).astype(np.uint8)


def fade(
    colour: NDArray[np.uint8],
    nearness: NDArray[np.float32],
    visibility: float,
    haze: NDArray[np.uint8],
) -> NDArray[np.uint8]:
    """Return the picture with far things faded into the haze."""
    seen = np.exp(-1 / (visibility * np.maximum(nearness, 1e-4)))
    seen[nearness == 0] = 1.0
    seen = seen[..., None].astype(np.float32)
    faded: NDArray[np.uint8] = (haze + seen * (colour.astype(np.float32) - haze)).astype(np.uint8)
    return faded


def bloom(colour: NDArray[np.uint8], strength: float) -> NDArray[np.uint8]:
    """Let the brightest spots shine over their surroundings."""
    bright = cv2.subtract(colour, (150, 150, 150, 0))
    small = cv2.resize(bright, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    wide = cv2.GaussianBlur(small, (0, 0), 2.0).astype(np.float32)
    wide += 1.4 * cv2.GaussianBlur(small, (0, 0), 7.0)
    glow = cv2.resize(wide, (colour.shape[1], colour.shape[0]))
    out: NDArray[np.uint8] = np.clip(colour + strength * glow, 0, 255).astype(np.uint8)
    return out


def rain_streaks(
    colour: NDArray[np.uint8], rng: np.random.Generator, brightness: float
) -> NDArray[np.uint8]:
    """Draw falling drops, and a few that lie on the lens."""
    h, w = colour.shape[:2]
    layer = np.zeros((h, w), np.uint8)
    slant = rng.normal(0.08, 0.08)
    for _ in range(int(0.0022 * h * w)):
        x, y, length = rng.uniform(0, w), rng.uniform(-10, h), rng.uniform(0.02, 0.09) * h
        end = (int(x + slant * length), int(y + length))
        cv2.line(layer, (int(x), int(y)), end, int(rng.integers(40, 110)), 1, cv2.LINE_AA)
    amount = (cv2.GaussianBlur(layer, (3, 3), 0).astype(np.float32) / 255)[..., None]
    wet = colour + amount * (brightness - colour.astype(np.float32))
    out: NDArray[np.uint8] = np.clip(wet, 0, 255).astype(np.uint8)
    for _ in range(int(rng.poisson(2.5))):
        _drop_on_lens(out, int(rng.integers(w)), int(rng.integers(h)), int(rng.integers(5, 12)))
    return out


def _drop_on_lens(colour: NDArray[np.uint8], x: int, y: int, radius: int) -> None:
    """Blur a round spot, with soft edges."""
    h, w = colour.shape[:2]
    box = np.s_[max(y - radius, 0) : min(y + radius, h), max(x - radius, 0) : min(x + radius, w)]
    rows, columns = np.ogrid[box]
    away = np.hypot(rows - y, columns - x) / radius
    share = np.clip(2.2 * (1 - away), 0, 0.9).astype(np.float32)[..., None]
    # A drop is a small lens, which shows its surroundings upside down.
    spot = cv2.blur(colour[box], (7, 7))[::-1].astype(np.float32)
    colour[box] = np.clip(colour[box] + share * (1.05 * spot - colour[box]), 0, 255)


def expose(
    colour: NDArray[np.uint8], rng: np.random.Generator, conditions: Conditions
) -> NDArray[np.uint8]:
    """Add vignetting, exposure drift and sensor noise."""
    h, w = colour.shape[:2]
    y, x = np.ogrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j]
    gain = ((1 - 0.10 * (x**2 + y**2)) * rng.normal(1.0, 0.03)).astype(np.float32)
    noise = rng.standard_normal((h, w, 3), np.float32) * conditions.light.noise
    noisy = colour * gain[..., None] + noise
    out: NDArray[np.uint8] = np.clip(noisy, 0, 255).astype(np.uint8)
    return out
