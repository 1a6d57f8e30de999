# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Worlds that any machine can make, to calibrate by: a town, a park and a building.

A robot's own place alone does not tell how alike pictures of elsewhere are, nor how unlike those
of one place at night. No network of the package was trained on these worlds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.mapping import KeyframeConfig
from vpr_ros.mapping.builder import map_bag
from vpr_ros.maps import MapWriter
from vpr_ros.simulation import Conditions, Town, Traverse, write_bag

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.describe import Describer
    from vpr_ros.simulation import Layout

_FRAMES = 120
"""Of a drive: places enough that a map of them can be cut, see `calibration_states`."""
_KEYFRAMES = KeyframeConfig(distance=1.9, angle=0.35)
"""A bit less than the steps of frames add up to, lest rounding leave every other one out."""


@dataclass(frozen=True)
class SimulatedWorld:
    """Two drives through one world.

    Attributes:
        layout: Its kind.
        seed: Of what stands there.
        mapped: Conditions of the first drive.
        asked: Conditions of the second.
        shift: Metres that the second keeps to the left of the first.
        spacing: Metres from frame to frame.
        speed: Metres a second.
    """

    layout: Layout
    seed: int
    mapped: str
    asked: str
    shift: float
    spacing: float = 2.0
    speed: float = 8.0

    @property
    def name(self) -> str:
        """Name of the world."""
        return f'simulated-{self.layout}'

    def render(self, folder: Path, *, again: bool, progress: Callable[[int, int], None]) -> Path:
        """Write the first drive, or the second, as a bag; return its path."""
        path = folder / f'{self.name}-{self.asked if again else self.mapped}'
        drive = Traverse(
            Town(self.seed, layout=self.layout),
            Conditions.named(self.asked if again else self.mapped),
            1 + again,
            lateral_shift=self.shift * again,
            spacing=self.spacing,
            speed=self.speed,
            most=_FRAMES,
        )
        write_bag(drive, path, storage='mcap', encoding='jpeg', progress=progress)
        return path


SIMULATED_WORLDS = (
    SimulatedWorld('town', 5, 'day', 'night-rain', -0.5),
    SimulatedWorld('park', 1, 'day', 'day-overcast-autumn', 0.6),
    SimulatedWorld('building', 1, 'day', 'night', 0.3, spacing=1.0, speed=1.5),
)


def map_drive(
    bag_path: Path, map_path: Path, describer: Describer, progress: Callable[[int, int], None]
) -> None:
    """Make a map of a bag with poses."""
    with MapWriter.create(map_path, describer.model_info) as place_map, Bag(bag_path) as bag:
        topics = choose_topics(bag, pose='/odom')
        map_bag(place_map, bag, describer, topics, _KEYFRAMES, anchored=True, progress=progress)
