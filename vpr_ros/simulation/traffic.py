# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cars and people, which differ from traverse to traverse, and how cars look."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.simulation.paint import LAMP, LEDGE, MATT, RED_LAMP, Colour, Paint, shade

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.streets import Street

Body = Literal['saloon', 'hatchback', 'van']
BODIES: tuple[Body, ...] = ('saloon', 'hatchback', 'van')
COLOURS: tuple[Colour, ...] = (
    (196, 198, 202), (30, 32, 36), (150, 28, 30), (36, 62, 122), (240, 240, 238), (88, 92, 98),
    (38, 78, 60), (206, 172, 66), (122, 84, 62), (120, 156, 186),
)  # fmt: skip

HALF_WIDTH = 0.86
"""Half the width of every car, metres."""

_SCALE = 64.0
"""Texels in a metre of the side of a car."""
_GLASS = (52.0, 60.0, 70.0)

# Outline from the rear bumper over the roof to the front bumper: x forward, z up, metres.
_OUTLINES: dict[Body, tuple[tuple[float, float], ...]] = {
    'saloon': (
        (-2.15, 0.3), (-2.2, 0.85), (-1.55, 0.95), (-0.95, 1.42),
        (0.35, 1.42), (1.05, 0.95), (2.05, 0.8), (2.15, 0.3),
    ),
    'hatchback': (
        (-1.85, 0.3), (-1.9, 0.9), (-1.75, 1.0), (-1.35, 1.5),
        (0.3, 1.5), (0.95, 1.0), (1.8, 0.85), (1.9, 0.3),
    ),
    'van': (
        (-2.4, 0.35), (-2.4, 1.1), (-2.4, 1.2), (-2.3, 2.1),
        (1.2, 2.1), (1.85, 1.2), (2.3, 1.0), (2.4, 0.35),
    ),
}  # fmt: skip
_PARTS = ('rear', 'boot', 'window', 'roof', 'window', 'bonnet', 'front')


@dataclass(frozen=True)
class CarPart:
    """Paints a side of a car or one of the strips across it."""

    body: Body
    part: str
    colour: Colour
    lights: bool

    def paint(self) -> Paint:
        """Draw."""
        if self.part in ('left', 'right'):
            return self._side()
        paint = Paint.blank(48, 64, MATT)
        if self.part == 'under':
            # The dark beneath the car, which sets it on the ground.
            paint.rectangle(0, 0, 64, 48, (26, 26, 28))
            return paint
        tone = {'roof': 1.05, 'bonnet': 1.02}.get(self.part, 0.95)
        paint.rectangle(0, 0, 64, 48, shade(self.colour, tone))
        if self.part == 'window':
            paint.rectangle(5, 4, 59, 46, _GLASS)
            paint.polygon([(12, 46), (30, 4), (38, 4), (20, 46)], shade(_GLASS, 1.5), MATT)
        elif self.part in ('rear', 'front'):
            lamp = RED_LAMP if self.part == 'rear' else LAMP
            lamp = lamp if self.lights else MATT
            glow = (200, 26, 24) if self.part == 'rear' else (246, 244, 230)
            paint.rectangle(2, 4, 14, 14, glow, lamp)
            paint.rectangle(50, 4, 62, 14, glow, lamp)
            paint.rectangle(0, 34, 64, 48, (36, 36, 38))
            paint.rectangle(22, 20, 42, 28, (236, 234, 220))
        elif self.part in ('roof', 'bonnet', 'boot'):
            paint.material[:] = LEDGE
        return paint

    def _side(self) -> Paint:
        outline = _OUTLINES[self.body]
        x0, x1, z1 = outline[0][0] - 0.1, outline[-1][0] + 0.1, max(z for _, z in outline)
        paint = Paint.blank(round(z1 * _SCALE), round((x1 - x0) * _SCALE))

        def at(x: float, z: float) -> tuple[float, float]:
            return (x - x0) * _SCALE, (z1 - z) * _SCALE

        paint.polygon([at(x, z) for x, z in outline], shade(self.colour, 0.9), MATT)
        roof = [outline[2], outline[3], outline[4], outline[5]]
        middle = np.mean(roof, axis=0)
        cabin = [at(*(middle + (np.array(p) - middle) * (0.88, 0.78))) for p in roof]
        paint.polygon([(x, y - 1) for x, y in cabin], _GLASS, MATT)
        for x in (-0.5, 0.2) if self.body != 'van' else (0.3, 1.1):
            a, b = at(x, z1 - 0.05), at(x, 0.35)
            paint.line(a, (a[0], (a[1] + b[1]) / 2), 6, shade(self.colour, 0.9))
            paint.line((a[0], (a[1] + b[1]) / 2), b, 1, shade(self.colour, 0.6))
        if self.body == 'van':
            paint.rectangle(
                12, 0.3 * _SCALE, at(0.2, 0)[0], 1.0 * _SCALE, shade(self.colour, 0.92)
            )
        for x in (outline[0][0] + 0.8, outline[-1][0] - 0.85):
            u, v = at(x, 0.32)
            paint.ellipse(u, v, 0.36 * _SCALE, 0.36 * _SCALE, (20, 20, 22), MATT)
            paint.ellipse(u, v - 1, 0.31 * _SCALE, 0.31 * _SCALE, (30, 30, 32), MATT)
            paint.ellipse(u, v - 1, 0.18 * _SCALE, 0.18 * _SCALE, (140, 142, 146), MATT)
        if self.part == 'left':
            # The left side is seen with the front on the left.
            return Paint(
                np.ascontiguousarray(paint.rgb[:, ::-1]),
                np.ascontiguousarray(paint.material[:, ::-1]),
            )
        return paint


@lru_cache(maxsize=256)
def car_parts(
    body: Body,
    colour: Colour,
    lights: bool,  # noqa: FBT001
) -> tuple[list[CarPart], NDArray[np.float64]]:
    """Return the parts of a car and where they are on it, (N, 3, 3).

    Each is a top left corner, the vector to the right and the vector down, metres; x forward,
    y left, z up, the origin on the ground below the middle.
    """
    outline = _OUTLINES[body]
    w = HALF_WIDTH
    x0, x1, z1 = outline[0][0] - 0.1, outline[-1][0] + 0.1, max(z for _, z in outline)
    parts: list[tuple[str, tuple[float, ...]]] = [
        ('right', (x0, -w, z1, x1 - x0, 0, 0, 0, 0, -z1)),
        ('left', (x1, w, z1, x0 - x1, 0, 0, 0, 0, -z1)),
        ('under', (x0, w, 0.03, x1 - x0, 0, 0, 0, -2 * w, 0)),
    ]
    for name, (xa, za), (xb, zb) in zip(_PARTS, outline, outline[1:], strict=False):
        if xa + xb < 0 and name != 'roof':
            # The rear half is seen from behind: left stays left, up is towards the roof.
            parts.append((name, (xb, w, zb, 0, -2 * w, 0, xa - xb, 0, za - zb)))
        else:
            parts.append((name, (xa, -w, za, 0, 2 * w, 0, xb - xa, 0, zb - za)))
    painters = [CarPart(body, name, colour, lights) for name, _ in parts]
    return painters, np.array([numbers for _, numbers in parts]).reshape(-1, 3, 3)


_GAP = 7.0
"""Metres around the camera that moving cars keep free."""


@dataclass(frozen=True)
class Car:
    """A car in the map frame; only moving cars have their lights on."""

    pose: Pose
    body: Body
    colour: Colour
    lights: bool


@dataclass(frozen=True)
class Walker:
    """Someone on foot, metres in the map frame."""

    x: float
    y: float
    seed: int
    umbrella: bool


@dataclass(frozen=True)
class _Path:
    """A thing that moves along a street and starts over at its end."""

    street: Street
    start: float
    speed: float
    left: float

    def at(self, seconds: float) -> tuple[float, float]:
        return self.street.point(
            (self.start + self.speed * seconds) % self.street.length, self.left
        )


class Traffic:
    """Everybody in the streets during one traverse."""

    def __init__(self, streets: list[Street], conditions: Conditions, seed: int) -> None:
        """Draw who is there, from a seed."""
        rng = np.random.default_rng([seed, 15])
        self._parked: list[Car] = []
        self._driving: list[tuple[_Path, Body, Colour]] = []
        self._walking: list[tuple[_Path, int, bool]] = []
        for street in streets:
            self._park(street, conditions.traffic, rng)
            for side in (-1, 1):
                for _ in range(int(rng.poisson(street.length / 60 * conditions.traffic))):
                    speed = -side * float(rng.uniform(4, 9))
                    path = _Path(street, float(rng.uniform(0, street.length)), speed, side * 1.45)
                    self._driving.append((path, *_any_car(rng)))
                for _ in range(int(rng.poisson(street.length / 14 * conditions.traffic))):
                    pace = float(rng.choice([-1, 1]) * rng.uniform(0.6, 1.6))
                    left = side * float(rng.uniform(*street.pavement))
                    path = _Path(street, float(rng.uniform(0, street.length)), pace, left)
                    umbrella = conditions.wet and rng.random() < 0.7
                    self._walking.append((path, int(rng.integers(40)), bool(umbrella)))

    def cars(self, seconds: float, camera: NDArray[np.float64]) -> list[Car]:
        """Return the cars at a time; none drives where the camera (3,) is."""
        cars = list(self._parked)
        for path, body, colour in self._driving:
            x, y = path.at(seconds)
            if np.hypot(x - camera[0], y - camera[1]) > _GAP:
                yaw = path.street.heading + (0.0 if path.speed > 0 else np.pi)
                cars.append(Car(Pose.planar(x, y, yaw), body, colour, lights=True))
        return cars

    def walkers(self, seconds: float) -> list[Walker]:
        """Return the people at a time."""
        return [Walker(*path.at(seconds), seed, wet) for path, seed, wet in self._walking]

    def _park(self, street: Street, share: float, rng: np.random.Generator) -> None:
        for middle in street.bays():
            for side in (-1, 1):
                if rng.random() < 0.9 * share:
                    along = middle + rng.normal(0, 0.15)
                    x, y = street.point(along, side * (street.road - 1.1))
                    yaw = street.heading + (np.pi if side > 0 else 0.0) + rng.normal(0, 0.015)
                    pose = Pose.planar(x, y, yaw)
                    self._parked.append(Car(pose, *_any_car(rng), lights=False))


def _any_car(rng: np.random.Generator) -> tuple[Body, Colour]:
    body = BODIES[int(rng.choice(3, p=[0.42, 0.42, 0.16]))]
    return body, COLOURS[int(rng.integers(len(COLOURS)))]
