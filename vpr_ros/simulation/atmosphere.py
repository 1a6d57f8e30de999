# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sky, and the effects of weather, darkness and the sensor on a rendered picture.

The sky is a cylinder around the camera with gradient, clouds, sun or stars, and far hills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.simulation.paint import cloudiness
from vpr_ros.simulation.shading import display

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.conditions import Conditions

SIDES = 12
"""Flat pieces of the cylinder."""

_WIDTH, _HEIGHT = 1536, 448
_TOP = 1.25
"""Tangent of the elevation of the upper edge."""
_BOTTOM = -0.05

# Linear colours at the zenith and at the horizon.
_CLEAR = {
    'morning': ((0.12, 0.24, 0.52), (0.66, 0.52, 0.42)),
    'day': ((0.07, 0.20, 0.54), (0.46, 0.62, 0.80)),
    'evening': ((0.045, 0.055, 0.15), (0.55, 0.22, 0.10)),
    'night': ((0.002, 0.003, 0.008), (0.016, 0.015, 0.020)),
}
_GREY = {'morning': 0.42, 'day': 0.62, 'evening': 0.13, 'night': 0.012}


def fog_colour(conditions: Conditions) -> NDArray[np.float32]:
    """Return the linear colour (3,) into which far things fade."""
    grey = _GREY[conditions.time]
    if conditions.weather == 'clear':
        return np.array(_CLEAR[conditions.time][1], np.float32) * 0.9
    tone = (
        np.array([0.92, 1.0, 1.12]) if conditions.time != 'night' else np.array([1.2, 1.0, 0.85])
    )
    dim = {'overcast': 1.0, 'rain': 0.72, 'fog': 0.95}[conditions.weather]
    return np.asarray(grey * dim * tone, np.float32)


def sky_pieces(conditions: Conditions, seed: int) -> list[NDArray[np.uint8]]:
    """Return the textures (H, W, 4) of the sides, the first from azimuth 0 to 360 / SIDES."""
    rng = np.random.default_rng([seed, 11])
    tangent = np.linspace(_TOP, _BOTTOM, _HEIGHT, dtype=np.float32)[:, None]
    azimuth = np.linspace(2 * np.pi, 0, _WIDTH, endpoint=False, dtype=np.float32)[None]
    low = np.exp(-np.clip(tangent, 0, None) / 0.28)[..., None]
    clouds = _clouds(rng)
    fog = fog_colour(conditions)
    light = conditions.light
    if conditions.weather == 'clear':
        zenith, horizon = (np.array(c, np.float32) for c in _CLEAR[conditions.time])
        linear = zenith + (horizon - zenith) * low
        linear = linear + np.zeros((_HEIGHT, _WIDTH, 1), np.float32)
        linear += _sun(conditions, tangent, azimuth)
        cover = np.clip(1.5 * (clouds - 0.25), 0, 0.9)[..., None]
        bright = (1.1 * light.ambient + 0.45 * light.sun).astype(np.float32)
        linear += cover * (bright * (1 - 0.3 * clouds[..., None]) - linear)
        if conditions.time == 'night':
            linear += _stars(rng) * (1 - cover)
    else:
        depth = 0.03 if conditions.weather == 'fog' else 0.30
        linear = fog * (1.1 + depth * clouds[..., None]) * (0.9 + 0.25 * low)
    _hills(linear, rng, azimuth, tangent, conditions)
    rgb = display(linear.astype(np.float32))
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    columns = _WIDTH // SIDES
    return [
        np.ascontiguousarray(rgba[:, _WIDTH - (i + 1) * columns : _WIDTH - i * columns])
        for i in range(SIDES)
    ]


def sky_side(index: int, radius: float) -> tuple[NDArray[np.float64], ...]:
    """Return top left corner, right and down of a side about the origin, metres."""
    step = 2 * np.pi / SIDES
    # Seen from within, azimuth falls to the right.
    a, b = (index + 1) * step, index * step
    left = radius * np.array([np.cos(a), np.sin(a), _TOP])
    right = radius * np.array([np.cos(b), np.sin(b), _TOP])
    return left, right - left, np.array([0, 0, radius * (_BOTTOM - _TOP)])


def _clouds(rng: np.random.Generator) -> NDArray[np.float32]:
    flat = cloudiness(rng, _HEIGHT, _WIDTH // 2 + 96, 120, 5)
    # Blend the ends, so that the panorama closes.
    blend = np.linspace(0, 1, 96, dtype=np.float32)
    flat[:, :96] = blend * flat[:, :96] + (1 - blend) * flat[:, -96:]
    wide: NDArray[np.float32] = cv2.resize(flat[:, : _WIDTH // 2], (_WIDTH, _HEIGHT))
    return wide


def _sun(
    conditions: Conditions, tangent: NDArray[np.float32], azimuth: NDArray[np.float32]
) -> NDArray[np.float32]:
    light = conditions.light
    at = np.arctan2(light.direction[1], light.direction[0])
    height = np.arcsin(light.direction[2])
    turn = np.angle(np.exp(1j * (azimuth - at))).astype(np.float32)
    angle = np.hypot(turn * np.cos(height), np.arctan(tangent) - height)
    halo = 0.55 * np.exp(-angle / 0.35) + 9.0 * (angle < 0.025)
    if conditions.time == 'night':
        halo = 0.03 * np.exp(-angle / 0.2) + 1.0 * (angle < 0.022)
        return np.asarray(halo[..., None] * np.array([0.9, 0.95, 1.0]), np.float32)
    return np.asarray(halo[..., None] * light.sun, np.float32)


def _stars(rng: np.random.Generator) -> NDArray[np.float32]:
    stars = np.zeros((_HEIGHT, _WIDTH, 1), np.float32)
    n = 260
    stars[rng.integers(0, _HEIGHT - 80, n), rng.integers(0, _WIDTH, n), 0] = rng.uniform(
        0.05, 0.6, n
    )
    return stars


def _hills(
    linear: NDArray[np.float32],
    rng: np.random.Generator,
    azimuth: NDArray[np.float32],
    tangent: NDArray[np.float32],
    conditions: Conditions,
) -> None:
    height = np.full(azimuth.shape, 0.05)
    for k in (2, 3, 5, 8, 13):
        height += 0.05 / k * np.sin(k * azimuth + rng.uniform(0, 6.28))
    hill = np.array([0.10, 0.15, 0.12]) * conditions.light.ambient
    fog = fog_colour(conditions)
    mixed = 0.4 * hill + 0.6 * fog if conditions.weather != 'fog' else fog
    linear[tangent < height] = mixed


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
