# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tree of frames that tf describes, and the poses along it, without ROS."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses.pose_buffer import PoseBuffer
from vpr_ros.inputs.poses.pose_reading import PoseReading

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_FRAMES = 1000
"""Frames that a tree may have; more are no robot."""
_STILL = 1e-9
"""Change of a transform, metres or of a quaternion, under which it stays the same."""


@dataclass
class _Edge:
    """The pose of a frame in its parent.

    Attributes:
        static: Whether it was published as one that never changes.
        moved: Whether it has changed.
        latest: The pose that came last.
        readings: By stamp; none of static ones, and of those that are not followed.
    """

    parent: str
    static: bool
    latest: Pose
    moved: bool = False
    readings: PoseBuffer = field(default_factory=PoseBuffer)


class TransformTree:
    """Frames with the poses in their parents, static or by stamp.

    Attributes:
        version: Counts the changes of the structure.
    """

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}
        self._followed: Collection[str] | None = None
        self.version = 0

    @property
    def frames(self) -> list[str]:
        """Names of all frames, sorted."""
        return sorted({*self._edges, *(edge.parent for edge in self._edges.values())})

    def add(self, parent: str, child: str, stamp: int, pose: Pose, *, static: bool) -> bool:
        """Take a transform; return True where the clock jumped back.

        Raises:
            ValueError: A frame without a name, a frame in itself, or too many frames.
        """
        if not parent or not child or parent == child:
            msg = f'a transform from {parent!r:.60} to {child!r:.60} has no two frames'
            raise ValueError(msg)
        edge = self._edges.get(child)
        if edge is None or edge.parent != parent:
            if edge is None and len(self._edges) >= _FRAMES:
                msg = f'tf has more than {_FRAMES} frames; {child!r:.60} is left out'
                raise ValueError(msg)
            edge = self._edges[child] = _Edge(parent, static, pose)
            self._followed = None
            self.version += 1
        change = np.abs(edge.latest.as_array() - pose.as_array()).max()
        edge.moved = edge.moved or bool(change > _STILL)
        edge.latest, edge.static = pose, static
        if static or (self._followed is not None and child not in self._followed):
            return False
        return edge.readings.add(PoseReading(stamp, pose))

    def follow(self, children: Collection[str]) -> None:
        """Keep the history of these transforms alone, until the structure changes."""
        self._followed = children
        for child, edge in self._edges.items():
            if child not in children:
                edge.readings = PoseBuffer()

    def follow_above(self, base: str) -> None:
        """Keep no history of what hangs below a frame, such as the joints of an arm."""
        if base:
            self.follow([c for c in self._edges if base not in self.ancestors(c)[1:]])

    def forget(self) -> None:
        """Forget the transforms by stamp."""
        for edge in self._edges.values():
            edge.readings = PoseBuffer()

    def ancestors(self, frame: str) -> list[str]:
        """Return a frame and those above it, up to the root."""
        found = {frame: None}
        while (edge := self._edges.get(frame)) is not None and edge.parent not in found:
            frame = edge.parent
            found[frame] = None
        return list(found)

    def way(self, frame: str, above: str) -> list[str] | None:
        """Return the frames from one up to the child of another, None if it is not above."""
        found = self.ancestors(frame)
        return found[: found.index(above)] if above in found else None

    def moving(self, way: Sequence[str]) -> list[PoseBuffer]:
        """Return the histories of those of some frames that are not static."""
        return [self._edges[child].readings for child in way if not self._edges[child].static]

    def pose_along(self, way: Sequence[str], stamp: int) -> Pose | None:
        """Return the pose of the first of some frames in the parent of the last, if known.

        Raises:
            ValueError: Together the transforms lead to an impossible pose.
        """
        pose = Pose.identity()
        for child in way:
            edge = self._edges[child]
            found = edge.latest
            if not edge.static:
                reading = edge.readings.at(stamp)
                if reading is None:
                    return None
                found = reading.pose
            pose = found @ pose
        return pose

    def mount(self, sensor: str, base: str) -> Pose | None:
        """Return the pose of a sensor in the base frame, None where tf knows none or it moves.

        Raises:
            ValueError: Together the transforms lead to an impossible pose.
        """
        up, down = self.ancestors(sensor), self.ancestors(base)
        common = next((frame for frame in up if frame in down), None)
        if common is None:
            return None
        poses = []
        for way in (up[: up.index(common)], down[: down.index(common)]):
            pose = Pose.identity()
            for child in way:
                edge = self._edges[child]
                if edge.moved:
                    return None
                pose = edge.latest @ pose
            poses.append(pose)
        return poses[1].inverse() @ poses[0]
