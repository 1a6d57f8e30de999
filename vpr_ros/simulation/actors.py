# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Cars and people: what differs from traverse to traverse and hides parts of the view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.simulation.vehicles import BODIES, COLOURS, Body

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.paint import Colour
    from vpr_ros.simulation.streets import Street

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
                    left = side * float(rng.uniform(street.road + 0.6, street.half - 0.5))
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
