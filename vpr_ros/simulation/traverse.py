# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive through the town: frames with exact poses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.simulation.camera import SimulatedCamera
    from vpr_ros.simulation.conditions import Conditions
    from vpr_ros.simulation.town import Town


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """One picture of a traverse.

    Attributes:
        stamp: Nanoseconds since the traverse began.
        rgb: (H, W, 3) uint8.
        pose: ``base_link`` in the map, exact.
        camera_pose: The camera's optical frame in the map, exact.
    """

    stamp: int
    rgb: NDArray[np.uint8]
    pose: Pose
    camera_pose: Pose


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
    ) -> None:
        """Plan a drive once around.

        Args:
            town: Where.
            conditions: When and in which weather.
            seed: Decides where the first frame is, who else is in the streets, and the noise.
            lateral_shift: To the left of the lane, metres.
            spacing: From frame to frame, metres.
            speed: Metres a second.
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
        # Two traverses never stop at the same places.
        self._first = float(np.random.default_rng([seed, 17]).uniform(0, spacing))

    def __len__(self) -> int:
        return int(self._route.length / self._spacing)

    def __getitem__(self, index: int) -> RenderedFrame:
        if not 0 <= index < len(self):
            msg = f'frame {index} of {len(self)}'
            raise IndexError(msg)
        stamp = self.stamp(index)
        pose = self.pose_at(stamp)
        rgb = self.town.view(pose, self.conditions, self._seed, stamp / SECOND)
        return RenderedFrame(stamp, rgb, pose, pose @ self.town.camera.mounting)

    def __iter__(self) -> Iterator[RenderedFrame]:
        return (self[i] for i in range(len(self)))

    @property
    def camera(self) -> SimulatedCamera:
        """The camera of all frames."""
        return self.town.camera

    def stamp(self, index: int) -> int:
        """Return when a frame is taken, nanoseconds since the start."""
        return round(index * self._spacing / self.speed * SECOND)

    def pose_at(self, stamp: int) -> Pose:
        """Return where ``base_link`` is, nanoseconds after the start."""
        return self._route.pose(self._first + stamp * 1e-9 * self.speed)
