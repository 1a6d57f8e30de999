# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Light on surfaces: sun with cast shadows, sky, street lamps; windows, snow and rain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.simulation.paint import (
    FOLIAGE,
    GRASS,
    HOLE,
    LAMP,
    LEDGE,
    MATT,
    PAVING,
    RED_LAMP,
    ROAD,
    ROOF,
    SIGN,
    WINDOW,
    Paint,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.plan import Plan

_CELL = 0.5
"""Side of a cell of the height maps, metres."""

_CANOPY = (2.6, 0.6)
"""Height at which foliage begins, metres, and the share of sunlight it takes away."""

_WARM = np.array([1.0, 0.72, 0.40])
"""Colour of street lamps; those of buildings are white."""

_INDOOR_LAMPS = 0.06
"""Strength of the lamps of buildings, of that of street lamps."""

_TO_LINEAR = ((np.arange(256) / 255) ** 2.2).astype(np.float32)
_STEPS = 2048
_TO_DISPLAY = np.clip(
    255 * (1 - np.exp(-1.9 * np.arange(_STEPS) / (_STEPS / 4))) ** (1 / 2.2), 0, 255
).astype(np.uint8)
"""Film curve of linear light in [0, 4)."""


def display(linear: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the pixel values of linear light, with soft highlights."""
    index = np.clip(linear * (_STEPS / 4), 0, _STEPS - 1).astype(np.int16)
    pixels: NDArray[np.uint8] = np.take(_TO_DISPLAY, index)
    return pixels


class Illumination:
    """The light that reaches any point of a town under given conditions."""

    def __init__(self, plan: Plan, conditions: Conditions) -> None:
        """Prepare the height maps of the bodies that throw shadows."""
        self._light = conditions.light
        self._indoors = plan.indoors
        self._lamps = np.array(plan.lamps)
        xs, ys = plan.corners
        self._low = np.array([xs[0] - 30.0, ys[0] - 30.0])
        size = ((np.array([xs[-1] + 30.0, ys[-1] + 30.0]) - self._low) / _CELL).astype(int)
        self._walls = np.zeros((size[1], size[0]), np.float32)
        self._crowns = np.zeros_like(self._walls)
        for x0, y0, x1, y1, height in plan.blocks:
            i0, j0 = np.floor((np.array([x0, y0]) - self._low) / _CELL).astype(int)
            i1, j1 = np.ceil((np.array([x1, y1]) - self._low) / _CELL).astype(int)
            box = self._walls[max(j0, 0) : j1, max(i0, 0) : i1]
            np.maximum(box, height, out=box)
        if conditions.season != 'winter':
            for tree in plan.standing:
                if tree.kind == 'tree':
                    i, j = (((tree.x, tree.y) - self._low) / _CELL).astype(int)
                    radius = int(0.38 * tree.width / _CELL)
                    cv2.circle(self._crowns, (int(i), int(j)), radius, tree.height, -1)

    def at(
        self, points: NDArray[np.float64], normal: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        """Return linear RGB light (N, 3) at points (N, 3), metres.

        Without a normal the light is that on something round, such as a tree.
        """
        light = self._light
        if self._indoors:
            return self._indoor_light(points, normal)
        height = np.clip(points[:, 2:] / 4.0, 0, 1)
        if normal is None:
            open_sky, slant = 0.8, np.full(len(points), 0.5)
        else:
            # A wall sees half the sky, and less of it low down in a street.
            open_sky = 0.72 + 0.28 * float(normal[2])
            slant = np.full(len(points), max(0.0, float(normal @ light.direction)))
            if normal[2] > 0.9:
                height = np.ones_like(height)
        total = light.ambient * open_sky * (0.72 + 0.28 * height)
        if light.sun.any() and slant.any():
            shifted = points if normal is None else points + 0.8 * normal
            total = total + (slant * self._sunlit(shifted))[:, None] * light.sun
        if light.lamps and len(self._lamps):
            total = total + self._lamplight(points, normal, light.lamps)[:, None] * _WARM
        return np.asarray(total, np.float32)

    def _indoor_light(
        self, points: NDArray[np.float64], normal: NDArray[np.float64] | None
    ) -> NDArray[np.float32]:
        """By day doors and windows let some light in; at night only lamps shine."""
        white = self._lamplight(points, normal, 1.0)[:, None]
        total = 0.35 * self._light.ambient + 0.10 + _INDOOR_LAMPS * white
        return np.asarray(total, np.float32)

    def _sunlit(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the share of sunlight (N,) that passes houses and trees."""
        direction = self._light.direction
        flat = max(float(np.hypot(direction[0], direction[1])), 1e-3)
        steps = np.concatenate([np.arange(0.4, 12, 0.6), np.arange(12, 70, 1.8)]) / flat
        share = np.ones(len(points))
        rows, columns = self._walls.shape
        for step in steps:
            at = points + step * direction
            i = np.clip(((at[:, 0] - self._low[0]) / _CELL).astype(int), 0, columns - 1)
            j = np.clip(((at[:, 1] - self._low[1]) / _CELL).astype(int), 0, rows - 1)
            share[at[:, 2] < self._walls[j, i]] = 0.0
            leaves = (at[:, 2] < self._crowns[j, i]) & (at[:, 2] > _CANOPY[0])
            share[leaves] = np.minimum(share[leaves], 1 - _CANOPY[1])
            if float(at[:, 2].min()) > 26:
                break
        return share

    def _lamplight(
        self, points: NDArray[np.float64], normal: NDArray[np.float64] | None, on: float
    ) -> NDArray[np.float64]:
        """Return the strength (N,) of the light of the lamps near by, which are on by a share."""
        middle = points.mean(0)
        near = self._lamps[np.linalg.norm(self._lamps[:, :2] - middle[:2], axis=1) < 26]
        if not len(near):
            return np.zeros(len(points))
        to_lamp = near[None] - points[:, None]
        square = (to_lamp**2).sum(-1) + 2.0
        slant: NDArray[np.float64] | float = 0.25
        if normal is not None:
            slant = np.clip((to_lamp @ normal) / np.sqrt(square), 0, 1)
        strength: NDArray[np.float64] = (9.0 * on * slant / square).sum(1)
        return strength


def shade_paint(
    paint: Paint,
    light: NDArray[np.float32],
    conditions: Conditions,
    seed: tuple[int, ...],
) -> NDArray[np.uint8]:
    """Return the view of a painted surface: (H, W, 4) uint8 RGB and alpha.

    Args:
        paint: Unlit texture (H, W).
        light: Linear light (h, w, 3) on a coarse grid over the texture.
        conditions: For snow, wetness and lit windows.
        seed: Decides which windows are lit and where snow lies.
    """
    material = paint.material
    h, w = material.shape
    albedo = _TO_LINEAR[paint.rgb]
    rng = np.random.default_rng(list(seed))
    if conditions.snow:
        _add_snow(albedo, material, rng)
    if conditions.wet:
        dark = np.ones(256, np.float32)
        dark[[MATT, ROOF, PAVING]] = 0.72, 0.6, 0.6
        dark[ROAD] = 0.5
        albedo *= dark[material][..., None]
    if conditions.season == 'autumn':
        _add_leaves(albedo, material, rng)
    linear = albedo * cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR)
    glow = _glow(conditions, rng)
    if glow.any() or (material >= WINDOW).any():
        _add_windows(linear, albedo, material, glow, conditions)
    return np.dstack([display(linear), np.where(material == HOLE, 0, 255).astype(np.uint8)])


def _add_snow(
    albedo: NDArray[np.float32], material: NDArray[np.uint8], rng: np.random.Generator
) -> None:
    h, w = material.shape
    grain = rng.standard_normal((h // 6 + 2, w // 6 + 2)).astype(np.float32)
    grain = cv2.resize(grain, (w, h), interpolation=cv2.INTER_CUBIC)
    cover = np.zeros(256, np.float32)
    cover[[LEDGE, ROOF, PAVING, GRASS, FOLIAGE, ROAD]] = 0.95, 0.92, 0.8, 0.93, 0.6, 0.42
    amount = np.clip(cover[material] * (1 + 0.35 * grain), 0, 0.97)[..., None]
    white = np.array([0.80, 0.84, 0.90], np.float32)
    albedo += amount * (white - albedo)


def _add_leaves(
    albedo: NDArray[np.float32], material: NDArray[np.uint8], rng: np.random.Generator
) -> None:
    ground = (material == PAVING) | (material == GRASS) | (material == ROAD)
    if not ground.any():
        return
    fallen = cv2.dilate(
        (rng.random(material.shape) < 0.005).astype(np.uint8), np.ones((3, 3), np.uint8)
    )
    albedo[ground & (fallen > 0)] = np.array([0.42, 0.17, 0.03], np.float32)


def _glow(conditions: Conditions, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the light (256, 3) that each material sends out."""
    light = conditions.light
    glow = np.zeros((256, 3), np.float32)
    lit = np.flatnonzero(rng.random(256 - WINDOW) < light.lit_windows) + WINDOW
    warm = np.array([1.0, 0.66, 0.30]) * rng.uniform(0.35, 0.9, (len(lit), 1))
    cold = rng.random(len(lit)) < 0.15
    warm[cold] = warm[cold].max(1, keepdims=True) * np.array([0.72, 0.85, 1.0])
    glow[lit] = warm
    if light.lamps:
        glow[LAMP] = (2.6, 2.1, 1.4)
        glow[RED_LAMP] = (1.4, 0.05, 0.04)
        glow[SIGN] = 0.4
    return glow


def _add_windows(
    linear: NDArray[np.float32],
    albedo: NDArray[np.float32],
    material: NDArray[np.uint8],
    glow: NDArray[np.float32],
    conditions: Conditions,
) -> None:
    """Let windows mirror the sky, and let lit ones, signs and lamps shine."""
    touched = (glow.sum(1) > 0) | (np.arange(256) >= WINDOW)
    rows, columns = np.nonzero(touched[material])
    kind = material[rows, columns]
    glass = (kind >= WINDOW)[:, None]
    share = 0.32 - 0.22 * (rows / material.shape[0]).astype(np.float32)
    mirror = share[:, None] * conditions.light.ambient.astype(np.float32)
    # Things behind a lit window are seen against the light; signs keep their colours.
    colour = albedo[rows, columns]
    seen = np.where(glass, 0.45 + 1.3 * colour, np.minimum(1.6 * colour, 1.0))
    seen[(kind == LAMP) | (kind == RED_LAMP)] = 1.0
    linear[rows, columns] += glass * mirror + glow[kind] * seen
