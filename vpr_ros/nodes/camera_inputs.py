# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of all cameras of a node, held back to a rate, and the mounts of the cameras."""

from __future__ import annotations

import importlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from rclpy.time import Time

from vpr_ros.errors import MessageError, VprError
from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses import BASES, TransformSource, TreeFrames
from vpr_ros.inputs.poses.transform_source import mount_in
from vpr_ros.nodes.subscriptions import ImageInput
from vpr_ros.nodes.transform_input import TransformInput
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.node import Node

    from vpr_ros.inputs.frames import Frame, Picture
    from vpr_ros.nodes.health import InputHealth
    from vpr_ros.nodes.parameter_node import ParameterNode


class StampGate:
    """Passes the frames of each camera at a rate at most, by their stamps, also in simulated time.

    Attributes:
        held: Number of frames that did not pass.
    """

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self.held = 0

    def passes(self, frame: Picture, rate: float) -> bool:
        """Return whether a frame passes at a rate in Hz; 0 lets all pass.

        A frame older than the last one passes: the clock was set back.
        """
        last = self._last.get(frame.camera)
        if rate and last is not None and 0 <= frame.stamp - last < SECOND / rate:
            self.held += 1
            return False
        self._last[frame.camera] = frame.stamp
        return True


class Transforms:
    """Knows the mounts of cameras from tf: by tf2_ros, or where it is missing from the topics."""

    def __init__(self, node: Node, base_frame: str) -> None:
        self._node = node
        self._base_frame = base_frame
        self._tf: Any = None
        self._input: TransformInput | None = None
        try:
            self._tf = importlib.import_module('tf2_ros')
        except ImportError:
            source = TransformSource(TreeFrames(base=base_frame))
            with suppress(VprError):  # The messages of tf are missing, too.
                self._input = TransformInput(node, source, lambda _: None, lambda _: None)
            return
        self._buffer = self._tf.Buffer()
        self._listener = self._tf.TransformListener(self._buffer, node)

    def mount_of(self, frame: Frame) -> Pose | None:
        """Return the mount of the camera that took a frame; None while tf does not have it."""
        try:
            camera = frame.frame_id
        except MessageError:
            return None
        mount = None
        if self._input is not None:
            mount = mount_in(self._input.source.tree, camera, self._base_frame)
        elif self._tf is not None:
            bases = (self._base_frame,) if self._base_frame else BASES
            mount = next((found for base in bases if (found := self._look_up(base, camera))), None)
        if mount is not None:
            x, y, z = mount.position
            where = f'{x:.3f} {y:.3f} {z:.3f} m in {self._base_frame or "the base"}'
            self._node.get_logger().info(f'tf: {camera} is mounted at {where}')
        return mount

    def _look_up(self, base: str, camera: str) -> Pose | None:
        try:
            found = self._buffer.lookup_transform(base, camera, Time())
            p, q = found.transform.translation, found.transform.rotation
            return Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
        except (self._tf.TransformException, ValueError):
            return None

    def close(self) -> None:
        """Stop listening."""
        if self._input is not None:
            self._input.destroy()
            self._input = None
        if self._tf is not None:
            self._listener.unregister()
            self._tf = None


class CameraInputs:
    """Delivers the images of all cameras until it is destroyed.

    ``mounts`` are the optical frames of the cameras in the base frame. If there are none, they are
    filled in from tf.

    Attributes:
        rate: Holds back images that come faster than ``max_rate``.
    """

    def __init__(
        self,
        node: ParameterNode,
        cameras: Sequence[str],
        mounts: dict[str, Pose],
        received: Callable[[Frame], None],
        refused: Callable[[Exception], None],
        depth: int,
    ) -> None:
        self._node = node
        self._cameras = cameras
        self._mounts = mounts
        self._received = received
        self.rate = StampGate()
        asked = node.parameters
        self._transforms = None if mounts else Transforms(node, asked.base_frame)
        self._images = [
            ImageInput(
                node,
                camera,
                asked.image_transport,
                self._take,
                refused,
                rectify=asked.rectify,
                depth=depth,
            )
            for camera in cameras
        ]

    @property
    def topics(self) -> list[str]:
        """Full names of the image topics."""
        return [topic for images in self._images for topic in images.topics]

    @property
    def health(self) -> list[InputHealth]:
        """Health of each input."""
        return [health for images in self._images for health in images.inputs]

    @property
    def count(self) -> int:
        """Images that have come."""
        return sum(images.health.messages for images in self._images)

    @property
    def silent(self) -> float:
        """Seconds since the last image of any camera, or since the start."""
        return min(images.health.silent for images in self._images)

    def destroy(self) -> None:
        """End the subscriptions."""
        for images in self._images:
            images.destroy()
        if self._transforms is not None:
            self._transforms.close()

    def _take(self, frame: Frame) -> None:
        if self._transforms is not None and frame.camera not in self._mounts:
            self._learn_mount(self._transforms, frame)
        if self.rate.passes(frame, self._node.parameters.max_rate):
            self._received(frame)

    def _learn_mount(self, transforms: Transforms, frame: Frame) -> None:
        """Ask tf for the mount of a camera; cameras are fixed, so once is enough."""
        if (mount := transforms.mount_of(frame)) is None:
            return
        self._mounts[frame.camera] = mount
        if len(self._mounts) == len(self._cameras):
            transforms.close()
