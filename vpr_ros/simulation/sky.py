# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The sky: a cylinder around the camera with gradient, clouds, sun or stars, and far hills."""

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


def pieces(conditions: Conditions, seed: int) -> list[NDArray[np.uint8]]:
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


def side(index: int, radius: float) -> tuple[NDArray[np.float64], ...]:
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
