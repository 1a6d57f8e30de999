# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the robot's pose from tf: the chain of transforms from a fixed frame to the base."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses.pose_reading import PoseReading, base_of
from vpr_ros.inputs.poses.pose_source import PoseReadingError
from vpr_ros.inputs.poses.transform_tree import TransformTree
from vpr_ros.stamps import SECOND, from_time

if TYPE_CHECKING:
    from vpr_ros.geometry import Datum

TRANSFORMS = 'tf2_msgs/msg/TFMessage'
"""Type of the messages of tf."""
MAP = 'map'
"""The fixed frame that poses are taken in where none is named."""
BASES = 'base_link', 'base_footprint', 'base', 'body'
"""Names of the base frame, preferred first, that are looked for where none is named."""

_PATIENCE = 2 * SECOND
"""Nanoseconds of transforms after which the preferred name of the base does not come any more."""

_SPACING = SECOND // 100
"""Least nanoseconds between two poses; robots publish hundreds of transforms a second."""


@dataclass(frozen=True)
class TreeFrames:
    """The two frames of tf between which the robot's pose is.

    Attributes:
        fixed: Frame of the poses; empty for ``map``.
        base: Of the robot; empty for the first of ``BASES`` that there is.
    """

    fixed: str = ''
    base: str = ''


class TransformSource:
    """Reads tf messages; gives the pose of the base at each stamp of the moving transforms.

    Each transform is interpolated by itself, as tf2 does it, in the rhythm of its source
    (``PoseBuffer``). A pose is given once every moving transform of the chain has passed its
    stamp. So poses do not depend on the order of the messages.

    Args:
        frames: Fixed frame and base.
        mount: Pose in the base frame of the sensor whose frame is the base of the chain, if any.

    Attributes:
        tree: All frames.
        datum: None; tf knows no place on Earth.
    """

    def __init__(self, frames: TreeFrames | None = None, mount: Pose | None = None) -> None:
        self._frames = frames or TreeFrames()
        self._mount = mount
        self.tree = TransformTree()
        self.datum: Datum | None = None
        self._way: list[str] = []
        self._fixed = ''
        self._found: tuple[int, bool] | None = None
        self._given: int | None = None
        self._first: int | None = None
        self._newest = 0

    def restart(self, _datum: Datum | None = None) -> None:
        """Forget the transforms by stamp; static ones come only once, and stay."""
        self.tree.forget()
        self._given = None

    def read(self, message: Any, *, static: bool = False) -> list[PoseReading]:
        """Return the poses of the base that are known after a message; see ``learn``."""
        self.learn(message, static=static)
        return self._known()

    def learn(self, message: Any, *, static: bool = False) -> None:
        """Take the transforms of a message (of rclpy or rosbags).

        Args:
            message: A tf2_msgs/TFMessage.
            static: Whether it came on tf_static.

        Raises:
            PoseReadingError: A transform is none; the others of the message are taken.
        """
        faults = [self._take(transform, static) for transform in message.transforms]
        if any(faults):
            raise PoseReadingError(next(filter(None, faults)))

    def finish(self) -> list[PoseReading]:
        """Return the poses that were held back, when no more messages will come."""
        self._newest += _PATIENCE
        return self._known()

    @property
    def fault(self) -> str:
        """Why there are no poses, in words; empty where the chain is complete."""
        self._find_way()
        if self._way:
            return ''
        if found := find_chain(self.tree, self._frames):
            return (
                f'tf has no {BASES[0]} yet; it is waited for a little before {found[1]} is taken'
            )
        return missing_chain(self.tree, self._frames)

    def _take(self, transform: Any, static: bool) -> str:  # noqa: FBT001
        """Take one transform; return in words why it is none, else nothing."""
        t, q = transform.transform.translation, transform.transform.rotation
        parent, child = name_of(transform.header.frame_id), name_of(transform.child_frame_id)
        try:
            stamp = from_time(transform.header.stamp)
            pose = Pose.of((t.x, t.y, t.z), (q.x, q.y, q.z, q.w))
            jumped = self.tree.add(parent, child, stamp, pose, static=static)
        except ValueError as error:
            return f'{child[:60]!r} in {parent[:60]!r}: {error}'
        if static:
            return ''
        if self._first is None or jumped:
            self._first = self._newest = stamp
        self._newest = max(self._newest, stamp)
        if jumped:
            self._given = None
        return ''

    def _known(self) -> list[PoseReading]:
        self._find_way()
        moving = self.tree.moving(self._way)
        newest = [history.newest for history in moving]
        if not newest or None in newest:
            return []
        until = min(stamp for stamp in newest if stamp is not None)
        stamps = {s for history in moving for s in history.stamps(self._given, until)}
        readings = []
        for stamp in sorted(stamps):
            if self._given is not None and stamp - self._given < _SPACING:
                continue
            self._given = stamp
            if (reading := self._reading_at(stamp)) is not None:
                readings.append(reading)
        return readings

    def _reading_at(self, stamp: int) -> PoseReading | None:
        """Return the pose of the base, None where it is unknown or impossible."""
        with suppress(ValueError):
            pose = self.tree.pose_along(self._way, stamp)
            if pose is not None:
                reading = PoseReading(stamp, pose, frame=self._fixed)
                return reading if self._mount is None else base_of(reading, self._mount)
        return None

    def _find_way(self) -> None:
        """Find the chain from the base up to the fixed frame, anew where the tree has changed."""
        waited = self._first is not None and self._newest - self._first >= _PATIENCE
        if self._found == (self.tree.version, waited):
            return
        if self._way and self._found and self._found[0] == self.tree.version:
            return
        self._found, self._way = (self.tree.version, waited), []
        found = find_chain(self.tree, self._frames)
        if found is None:
            self.tree.follow_above(find_frame(self.tree, self._frames.base or BASES[0]))
            return
        fixed, base, way = found
        if self._frames.base or base == BASES[0] or waited:
            self._fixed, self._way = fixed, way
            # A base whose preferred name comes late would make poses of two frames, and that of
            # another robot a choice by chance.
            self._frames = TreeFrames(fixed, base)
            self.tree.follow(way)


def name_of(frame: Any) -> str:
    """Return the name of a frame as ROS 2 has it, without the slash that ROS 1 began it with."""
    return str(frame).lstrip('/')


def find_chain(tree: TransformTree, frames: TreeFrames) -> tuple[str, str, list[str]] | None:
    """Return fixed frame, base, and the frames from the base up to below the fixed frame.

    A name also means the only frame whose last part it is, such as ``robot1/base_link``.
    """
    fixed = find_frame(tree, frames.fixed or MAP)
    for name in (frames.base,) if frames.base else BASES:
        base = find_frame(tree, name)
        if fixed and base and (way := tree.way(base, fixed)):
            return fixed, base, way
    return None


def find_frame(tree: TransformTree, name: str) -> str:
    """Return the frame of a name, or the only one that ends with it; empty if there is none."""
    found = frames_ending(tree, name)
    return found[0] if len(found) == 1 else ''


def frames_ending(tree: TransformTree, name: str) -> list[str]:
    """Return the frame of a name, or those that end with it, such as ``robot1/base_link``."""
    known, wanted = tree.frames, name_of(name)
    return [wanted] if wanted in known else [f for f in known if f.endswith(f'/{wanted}')]


def mount_in(tree: TransformTree, camera: str, base: str = '') -> Pose | None:
    """Return the mount of a camera in a tree, None where it does not know one that stays.

    Args:
        tree: Of tf.
        camera: The frame of its images.
        base: The base frame; empty for the first of ``BASES`` that there is.
    """
    sensor = find_frame(tree, camera)
    for name in (base,) if base else BASES:
        found = find_frame(tree, name)
        if sensor and found:
            # Images in the frame of the base have no frame of their own.
            with suppress(ValueError):
                return None if sensor == found else tree.mount(sensor, found)
            return None
    return None


def missing_chain(tree: TransformTree, frames: TreeFrames) -> str:
    """Return in words what a tree lacks for poses of the base in the fixed frame."""
    if not tree.frames:
        return 'tf has no frames yet'
    fixed = frames.fixed or MAP
    names = ', '.join(tree.frames[:20]) + ', …' * (len(tree.frames) > 20)
    bases = (frames.base,) if frames.base else BASES
    base = next((found for name in bases if (found := find_frame(tree, name))), '')
    if not base:
        several = [ends for name in bases if len(ends := frames_ending(tree, name)) > 1]
        if several:
            return (
                f'tf has the frames {", ".join(several[0])}: say which is the base of this robot'
            )
        return f'tf has no frame {" or ".join(bases)}; it has: {names}'
    top = tree.ancestors(base)[-1]
    if find_frame(tree, fixed):
        return f'tf does not connect {base} with {fixed}: the frame above it is {top}'
    return (
        f'tf has no frame {fixed}, but {base} lies below {top}: localisation or SLAM gives '
        f'{fixed}; name {top} as the fixed frame to take its poses instead, which drift if it is '
        'that of odometry'
    )
