# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which frames are worth a place in the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from vpr_ros.geometry import Pose

_JUMP = 10_000.0
"""Metres between two images that nobody travels: the pose jumped."""


@dataclass(frozen=True)
class KeyframeConfig:
    """When the next keyframe is due; any one reason suffices, 0 switches a reason off.

    Attributes:
        distance: Metres from the last keyframe.
        angle: Radians turned since the last keyframe.
        interval: Seconds since the last keyframe.
        every: Every frame is due, wherever it was taken.
    """

    distance: float = 0.5
    angle: float = 0.2
    interval: float = 0.0
    every: bool = False

    @classmethod
    def chosen(cls, distance: float, angle: float, interval: float) -> KeyframeConfig:
        """Return the spacing for a recording, of which every frame is due if all are 0."""
        return cls(distance, angle, interval, every=not (distance or angle or interval))


class KeyframeGate:
    """Compares each frame with the last keyframe.

    Attributes:
        config: When the next one is due; may be replaced at any time.
        travelled: Metres along the frames offered so far.
    """

    def __init__(self, config: KeyframeConfig) -> None:
        self.config = config
        self._keyframe: tuple[int, Pose | None] | None = None
        self._previous: Pose | None = None
        self.travelled = 0.0

    def due(self, stamp: int, pose: Pose | None) -> bool:
        """Note the robot's motion and return whether this frame should become a keyframe."""
        if self._previous is not None and pose is not None:
            step = self._previous.distance_to(pose)
            self.travelled += step if step < _JUMP else 0.0
        self._previous = pose or self._previous
        if self.config.every or self._keyframe is None:
            return True
        return self._is_far(stamp, pose, *self._keyframe)

    def take(self, stamp: int, pose: Pose | None) -> None:
        """Make this frame the last keyframe, once it is safely in the map."""
        self._keyframe = stamp, pose

    def _is_far(
        self, stamp: int, pose: Pose | None, last_stamp: int, last_pose: Pose | None
    ) -> bool:
        config = self.config
        # A clock that jumped back says nothing about time passed: start over.
        if config.interval and not 0 <= stamp - last_stamp < config.interval * SECOND:
            return True
        if pose is None or last_pose is None:
            return last_pose is None and pose is not None
        return bool(
            (config.distance and last_pose.distance_to(pose) >= config.distance)
            or (config.angle and last_pose.angle_to(pose) >= config.angle)
        )
