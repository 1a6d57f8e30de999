# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The synthetic town: streets that can be driven through and looked at."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.simulation.actors import Traffic
from vpr_ros.simulation.camera import SimulatedCamera
from vpr_ros.simulation.route import Route
from vpr_ros.simulation.scene import Scene
from vpr_ros.simulation.town_plan import plan

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.paint import Paint, Painter

_LANE = -1.45
"""Metres from the centre line to the lane in which one drives, on the right."""


class Town:
    """A town that is the same for the same seed.

    Textures are painted and lit when first seen and kept: after a whole drive about 100 MB a town
    and 170 MB for each of the last ``scenes`` conditions.
    """

    def __init__(
        self, seed: int = 0, camera: SimulatedCamera | None = None, scenes: int = 2
    ) -> None:
        """Lay out a town.

        Args:
            seed: Another seed is another town.
            camera: Of every view.
            scenes: Conditions whose lit textures are kept.
        """
        self.seed = seed
        self.camera = camera or SimulatedCamera()
        self._plan = plan(seed)
        self._paints: dict[Painter, Paint] = {}
        self._scenes: OrderedDict[Conditions, Scene] = OrderedDict()
        self._keep = scenes
        self._traffic = lru_cache(maxsize=64)(self._draw_traffic)

    def route(self, lateral_shift: float = 0.0) -> Route:
        """Return the drive through the town, some 600 m; the shift is to the left, metres."""
        xs, ys = self._plan.corners
        turns = [(0, 0), (1, 0), (1, 1), (2, 1), (2, 0), (3, 0), (3, 2), (0, 2)]
        return Route(np.array([(xs[i], ys[j]) for i, j in turns]), _LANE + lateral_shift)

    def view(
        self, pose: Pose, conditions: Conditions, seed: int = 0, time: float = 0.0
    ) -> NDArray[np.uint8]:
        """Render what the camera sees.

        Args:
            pose: ``base_link`` in the map.
            conditions: Light, weather, season, traffic.
            seed: Decides which cars and people are there, and the noise.
            time: Seconds since the start of the traverse; cars and people move.

        Returns:
            RGB (H, W, 3) uint8.
        """
        traffic = self._traffic(conditions, seed)
        optical = pose @ self.camera.mounting
        noise = np.random.default_rng([seed, 16, *pose.as_array().view(np.uint64).tolist()])
        return self._scene(conditions).view(
            self.camera,
            optical,
            traffic.cars(time, optical.position),
            traffic.walkers(time),
            noise,
        )

    def _draw_traffic(self, conditions: Conditions, seed: int) -> Traffic:
        return Traffic(self._plan.streets, conditions, seed)

    def _scene(self, conditions: Conditions) -> Scene:
        scene = self._scenes.get(conditions)
        if scene is None:
            scene = Scene(self._plan, conditions, self.seed, self._paint)
            self._scenes[conditions] = scene
            if len(self._scenes) > self._keep:
                self._scenes.popitem(last=False)
        self._scenes.move_to_end(conditions)
        return scene

    def _paint(self, painter: Painter) -> Paint:
        paint = self._paints.get(painter)
        if paint is None:
            paint = self._paints[painter] = painter.paint()
        return paint
