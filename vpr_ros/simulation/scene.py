# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A town under given conditions: lit textures, made when first seen, and the finished view."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.simulation import atmosphere
from vpr_ros.simulation.raster import Patches, Raster, pyramid
from vpr_ros.simulation.shading import Illumination, display, shade_paint
from vpr_ros.simulation.sprites import Fixture, LampPost, Person, Tree
from vpr_ros.simulation.traffic import car_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.simulation.camera import SimulatedCamera
    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.paint import Paint, Painter
    from vpr_ros.simulation.plan import Plan
    from vpr_ros.simulation.traffic import Car, Walker

_REACH = 150.0
"""Metres beyond which nothing but the sky is drawn."""

_ACTORS_REACH = 90.0
"""The same for cars and people."""

_PERSON = (1.0, 2.0)
"""Width and height of the picture of a person, metres."""

_SPLIT = 2
"""Every pixel is the mean of this many squared."""

_SKY_RADIUS = 1000.0

Pyramid = list['NDArray[np.uint8]']


class Scene:
    """A town at one time of day, in one weather and season."""

    def __init__(
        self, plan: Plan, conditions: Conditions, seed: int, paint: Callable[[Painter], Paint]
    ) -> None:
        """Prepare light and sky.

        Args:
            plan: The layout of the town.
            conditions: The light and the weather.
            seed: Of the town.
            paint: Returns the unlit texture of a painter.
        """
        self._plan = plan
        self._conditions = conditions
        self._seed = seed
        self._paint = paint
        self._light = Illumination(plan, conditions)
        self._sky = [pyramid(piece) for piece in atmosphere.sky_pieces(conditions, seed)]
        self._sides = [atmosphere.sky_side(i, _SKY_RADIUS) for i in range(atmosphere.SIDES)]
        self._haze = display(atmosphere.fog_colour(conditions)[None])[0]
        self._origins = np.array([s.origin for s in plan.surfaces])
        self._rights = np.array([s.right for s in plan.surfaces])
        self._downs = np.array([s.down for s in plan.surfaces])
        self._feet = np.array([(t.x, t.y, 0.0) for t in plan.standing]).reshape(-1, 3)
        self._sizes = np.array([(t.width, t.height) for t in plan.standing]).reshape(-1, 2)
        self._textures: dict[int, Pyramid] = {}
        self._moving_textures: dict[tuple[Painter, int, int, int], Pyramid] = {}

    def view(
        self,
        camera: SimulatedCamera,
        optical: Pose,
        cars: Iterable[Car],
        walkers: Iterable[Walker],
        noise: np.random.Generator,
    ) -> NDArray[np.uint8]:
        """Render the view of a camera.

        Args:
            camera: Intrinsics.
            optical: The camera's optical frame in the map.
            cars: Cars, parked and moving.
            walkers: People.
            noise: For rain and sensor noise.

        Returns:
            RGB (H, W, 3) uint8.
        """
        turn = optical.rotation.T
        centre = optical.position
        raster = Raster(
            (camera.height * _SPLIT, camera.width * _SPLIT),
            camera.supersampled(_SPLIT),
            turn,
            centre,
        )
        raster.draw(self._patches(raster, cars, walkers), _REACH)
        raster.draw(self._backdrop(centre), 2 * _SKY_RADIUS, backdrop=True)
        return self._finish(raster, camera, optical, noise)

    def _finish(
        self, raster: Raster, camera: SimulatedCamera, optical: Pose, noise: np.random.Generator
    ) -> NDArray[np.uint8]:
        size = (camera.width, camera.height)
        colour = cv2.resize(raster.colour, size, interpolation=cv2.INTER_AREA)[..., :3]
        nearness = np.ascontiguousarray(raster.nearness[::_SPLIT, ::_SPLIT])
        colour = np.ascontiguousarray(colour)
        conditions = self._conditions
        if conditions.wet:
            ground, horizon = _ground(camera, optical, nearness)
            atmosphere.mirror_on_wet_ground(colour, ground, horizon)
        light = conditions.light
        colour = atmosphere.fade(colour, nearness, light.visibility, self._haze)
        if light.lamps:
            misty = conditions.weather in ('fog', 'rain')
            colour = atmosphere.bloom(colour, 1.0 if misty else 0.6)
        if conditions.wet:
            brightness = float(self._haze.mean()) + 60
            colour = atmosphere.rain_streaks(colour, noise, brightness)
        return atmosphere.expose(colour, noise, conditions)

    def _surface(self, index: int) -> Pyramid:
        surface = self._plan.surfaces[index]
        nu = int(np.clip(np.linalg.norm(surface.right) / 0.6, 2, 24))
        nv = int(np.clip(np.linalg.norm(surface.down) / 0.6, 2, 32))
        u, v = np.meshgrid((np.arange(nu) + 0.5) / nu, (np.arange(nv) + 0.5) / nv)
        points = (
            surface.origin + u.reshape(-1, 1) * surface.right + v.reshape(-1, 1) * surface.down
        )
        light = self._light.at(points, surface.normal).reshape(nv, nu, 3)
        return self._lit(surface.painter, light, 12, index)

    def _lit(self, painter: Painter, light: NDArray[np.float32], *seed: int) -> Pyramid:
        paint = self._paint(painter)
        return pyramid(shade_paint(paint, light, self._conditions, (self._seed, *seed)))

    def _patches(self, raster: Raster, cars: Iterable[Car], walkers: Iterable[Walker]) -> Patches:
        """Gather all that may be seen: houses and ground, standing things, people, cars."""
        origins, rights, downs = [self._origins], [self._rights], [self._downs]
        looks: list[Callable[[], Pyramid]] = []
        people = [p for p in walkers if raster.near(np.array([p.x, p.y, 1.0]), 1.5, _ACTORS_REACH)]
        # Objects that always face the camera: standing things, then people.
        at = np.vstack([self._feet, np.array([(p.x, p.y, 0.0) for p in people]).reshape(-1, 3)])
        sizes = np.vstack([self._sizes, np.tile(_PERSON, (len(people), 1))])
        across = sizes[:, :1] * _across(at - raster.centre)
        upright = np.column_stack([np.zeros((len(at), 2)), -sizes[:, 1]])
        origins.append(at - across / 2 - upright)
        rights.append(across)
        downs.append(upright)
        for person, foot in zip(people, at[len(self._feet) :], strict=True):
            look = Person(person.seed, person.umbrella)
            looks.append(partial(self._moving, look, foot, None))
        for thing in cars:
            if not raster.near(thing.pose.position, 3.0, _ACTORS_REACH):
                continue
            painters, shape = car_parts(thing.body, thing.colour, thing.lights)
            placed = shape @ thing.pose.rotation.T
            origins.append(placed[:, 0] + thing.pose.position)
            rights.append(placed[:, 1])
            downs.append(placed[:, 2])
            normals = np.cross(placed[:, 2], placed[:, 1])
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            for painter, normal in zip(painters, normals, strict=True):
                looks.append(partial(self._moving, painter, thing.pose.position, normal))
        first, second = len(self._origins), len(self._origins) + len(self._feet)

        def texture(index: int) -> Pyramid:
            if index >= second:
                return looks[index - second]()
            if index not in self._textures:
                make = self._surface if index < first else self._standing
                self._textures[index] = make(index if index < first else index - first)
            return self._textures[index]

        total = sum(len(o) for o in origins)
        two_sided = np.zeros(total, bool)
        two_sided[first : first + len(at)] = True
        return Patches(np.vstack(origins), np.vstack(rights), np.vstack(downs), two_sided, texture)

    def _backdrop(self, centre: NDArray[np.float64]) -> Patches:
        corners, rights, downs = (np.array(v) for v in zip(*self._sides, strict=True))
        both = np.ones(len(corners), bool)
        return Patches(corners + centre, rights, downs, both, self._sky.__getitem__)

    def _standing(self, index: int) -> Pyramid:
        thing = self._plan.standing[index]
        heights = thing.height * np.array([0.9, 0.65, 0.4, 0.1])
        points = np.column_stack([np.tile((thing.x, thing.y), (4, 1)), heights])
        light = np.repeat(self._light.at(points, None)[:, None], 2, axis=1)
        painter: Painter
        if thing.kind == 'tree':
            painter = Tree(thing.variant, self._conditions.season)
        elif thing.kind == 'lamp':
            painter = LampPost(bool(thing.variant))
        else:
            painter = Fixture(thing.kind, thing.variant)
        return self._lit(painter, light, 13, index)

    def _moving(
        self, painter: Painter, at: NDArray[np.float64], normal: NDArray[np.float64] | None
    ) -> Pyramid:
        """Return a texture under the light of a place, in steps of eight metres."""
        cell = (int(at[0] // 8), int(at[1] // 8))
        side = 0 if normal is None else int(np.argmax(np.abs(normal))) * 2 + int(normal.sum() > 0)
        key = (painter, *cell, side)
        if key not in self._moving_textures:
            point = np.array([[cell[0] * 8 + 4.0, cell[1] * 8 + 4.0, 1.2]])
            light = self._light.at(point, normal).reshape(1, 1, 3)
            self._moving_textures[key] = self._lit(painter, light, 14)
        return self._moving_textures[key]


def _across(rays: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return horizontal unit vectors (N, 3) to the right of rays (N, 3) from the camera."""
    flat = np.column_stack([rays[:, 1], -rays[:, 0], np.zeros(len(rays))])
    across: NDArray[np.float64] = flat / np.maximum(
        np.linalg.norm(flat, axis=1, keepdims=True), 1e-9
    )
    return across


def _ground(
    camera: SimulatedCamera, optical: Pose, nearness: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], float]:
    """Return which pixels show the ground, and the row of the horizon in the middle column."""
    # A pixel ray d (optical frame, depth 1) meets the ground z = 0 at depth -height / d_z.
    rows, columns = nearness.shape
    down = -(optical.rotation @ np.linalg.inv(camera.matrix))[2]
    plane = (
        down[0] * np.arange(columns)[None] + down[1] * np.arange(rows)[:, None] + down[2]
    ) / optical.position[2]
    ground = (plane > 0) & (np.abs(nearness - plane) < 0.02 * plane + 1e-4)
    horizon = -(down[0] * columns / 2 + down[2]) / down[1]
    return ground, float(horizon)
