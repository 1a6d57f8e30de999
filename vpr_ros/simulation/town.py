# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic town: its route, its views, and drives along the route with exact poses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.simulation.building_plan import building_plan
from vpr_ros.simulation.camera import SimulatedCamera
from vpr_ros.simulation.park_plan import park_plan
from vpr_ros.simulation.scene import Scene
from vpr_ros.simulation.town_plan import town_plan
from vpr_ros.simulation.traffic import Traffic
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.paint import Paint
    from vpr_ros.simulation.plan import Plan

Layout = Literal['town', 'park', 'building']

_PLANS: dict[Layout, Callable[[int], Plan]] = {
    'town': town_plan,
    'park': park_plan,
    'building': building_plan,
}


@dataclass(frozen=True, eq=False)
class _Piece:
    """A straight or, with a radius, an arc; metres and radians, left turns positive."""

    x: float
    y: float
    yaw: float
    length: float
    curvature: float

    def at(self, s: float) -> tuple[float, float, float]:
        if self.curvature == 0:
            return self.x + s * np.cos(self.yaw), self.y + s * np.sin(self.yaw), self.yaw
        yaw = self.yaw + s * self.curvature
        x = self.x + (np.sin(yaw) - np.sin(self.yaw)) / self.curvature
        y = self.y - (np.cos(yaw) - np.cos(self.yaw)) / self.curvature
        return x, y, yaw


class Route:
    """A closed path in the ground plane, followed at constant speed."""

    def __init__(self, corners: NDArray[np.float64], left: float, radius: float) -> None:
        """Round the corners of a polygon.

        Args:
            corners: (N, 2) of the street centre lines, metres; neighbours at right angles.
            left: Metres from the centre line to the left of the direction of travel.
            radius: Of the arcs, metres.
        """
        n = len(corners)
        ways = np.roll(corners, -1, axis=0) - corners
        ways /= np.linalg.norm(ways, axis=1, keepdims=True)
        # A corner of the lane is off the centre lines of both its streets.
        normals = np.column_stack([-ways[:, 1], ways[:, 0]])
        lane = corners + left * (normals + np.roll(normals, 1, axis=0))
        self._pieces: list[_Piece] = []
        for i in range(n):
            start = lane[i] + radius * ways[i]
            end = lane[(i + 1) % n] - radius * ways[i]
            yaw = float(np.arctan2(ways[i, 1], ways[i, 0]))
            length = float((end - start) @ ways[i])
            self._pieces.append(_Piece(float(start[0]), float(start[1]), yaw, length, 0.0))
            after = ways[(i + 1) % n]
            turn = float(np.sign(ways[i, 0] * after[1] - ways[i, 1] * after[0]))
            arc = np.pi / 2 * radius
            self._pieces.append(_Piece(float(end[0]), float(end[1]), yaw, arc, turn / radius))
        self._ends = np.cumsum([p.length for p in self._pieces])

    @property
    def length(self) -> float:
        """Metres once around."""
        return float(self._ends[-1])

    def pose(self, distance: float) -> Pose:
        """Return the pose on the ground at a distance from the start; x forward, z up."""
        s = distance % self.length
        i = int(np.searchsorted(self._ends, s, side='right'))
        i = min(i, len(self._pieces) - 1)
        piece = self._pieces[i]
        return Pose.planar(*piece.at(s - float(self._ends[i]) + piece.length))


class Town:
    """A town that is the same for the same seed.

    Textures are painted and lit when first seen and kept: after a whole drive about 100 MB a town
    and 170 MB for each of the last ``scenes`` conditions.
    """

    def __init__(
        self,
        seed: int = 0,
        camera: SimulatedCamera | None = None,
        scenes: int = 2,
        layout: Layout = 'town',
    ) -> None:
        """Lay out a town.

        Args:
            seed: Another seed is another town.
            camera: Of every view.
            scenes: Conditions whose lit textures are kept.
            layout: Streets, or the paths of a park without houses, or the corridors of a building
                with look-alike doors and blank walls, which knows no weather.
        """
        self.seed = seed
        self.camera = camera or SimulatedCamera()
        self._plan = _PLANS[layout](seed)
        self._paint: Callable[..., Paint] = cache(lambda painter: painter.paint())
        self._scene = lru_cache(scenes)(self._make_scene)
        self._traffic = lru_cache(maxsize=64)(self._draw_traffic)

    def route(self, lateral_shift: float = 0.0) -> Route:
        """Return the drive through the town, some 600 m; the shift is to the left, metres."""
        xs, ys = self._plan.corners
        turns = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (3, 0), (3, 2), (0, 2)]
        corners = np.array([(xs[i], ys[j]) for i, j in turns])
        return Route(corners, self._plan.lane + lateral_shift, self._plan.turn)

    def view(
        self, pose: Pose, conditions: Conditions, seed: int = 0, time: float = 0.0
    ) -> NDArray[np.uint8]:
        """Render the camera image.

        Args:
            pose: ``base_link`` in the map.
            conditions: Light, weather, season, traffic.
            seed: Decides which cars and people are there, and the noise.
            time: Seconds since the start of the traverse; cars and people move.

        Returns:
            RGB (H, W, 3) uint8.
        """
        if self._plan.indoors:
            conditions = replace(conditions, weather='clear', season='summer')
        traffic = self._traffic(conditions, seed)
        optical = pose @ self.camera.mounting
        noise = np.random.default_rng([seed, 16, *pose.as_array().view(np.uint64).tolist()])
        return self._scene(conditions).view(
            self.camera,
            optical,
            traffic.cars(time, optical.position) if self._plan.cars else (),
            traffic.walkers(time),
            noise,
        )

    def _draw_traffic(self, conditions: Conditions, seed: int) -> Traffic:
        return Traffic(self._plan.streets, conditions, seed)

    def _make_scene(self, conditions: Conditions) -> Scene:
        return Scene(self._plan, conditions, self.seed, self._paint)


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One picture of a traverse.

    Attributes:
        stamp: Nanoseconds since the traverse began.
        rgb: (H, W, 3) uint8.
        pose: ``base_link`` in the map, exact.
    """

    stamp: int
    rgb: NDArray[np.uint8]
    pose: Pose


class Traverse:
    """A sequence of frames, rendered when they are asked for."""

    def __init__(
        self,
        town: Town,
        conditions: Conditions,
        seed: int = 0,
        *,
        lateral_shift: float = 0.0,
        spacing: float = 2.0,
        speed: float = 8.0,
        most: int | None = None,
    ) -> None:
        """Plan a drive once around.

        Args:
            town: Where.
            conditions: When and in which weather.
            seed: Decides where the first frame is, who else is in the streets, and the noise.
            lateral_shift: To the left of the lane, metres.
            spacing: From frame to frame, metres.
            speed: Metres a second.
            most: Frames after which the drive ends, if it is not around before.
        """
        if not (spacing > 0 and speed > 0):
            msg = f'spacing and speed must be positive, not {spacing} m and {speed} m/s'
            raise ValueError(msg)
        self.town = town
        self.conditions = conditions
        self.speed = speed
        self._seed = seed
        self._spacing = spacing
        self._route = town.route(lateral_shift)
        around = int(self._route.length / spacing)
        self._count = around if most is None else min(most, around)
        # Two traverses never stop at the same places.
        self._first = float(np.random.default_rng([seed, 17]).uniform(0, spacing))

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> RenderedFrame:
        if not 0 <= index < len(self):
            msg = f'frame {index} of {len(self)}'
            raise IndexError(msg)
        stamp = self.stamp(index)
        pose = self.pose_at(stamp)
        rgb = self.town.view(pose, self.conditions, self._seed, stamp / SECOND)
        return RenderedFrame(stamp, rgb, pose)

    def __iter__(self) -> Iterator[RenderedFrame]:
        return (self[i] for i in range(len(self)))

    def stamp(self, index: int) -> int:
        """Return when a frame is taken, nanoseconds since the start."""
        return round(index * self._spacing / self.speed * SECOND)

    def pose_at(self, stamp: int) -> Pose:
        """Return where ``base_link`` is, nanoseconds after the start."""
        return self._route.pose(self._first + stamp * 1e-9 * self.speed)
