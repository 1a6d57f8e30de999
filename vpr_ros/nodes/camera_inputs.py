# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images of all cameras of a node, held back to a rate, and the mounts of the cameras."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.nodes.rate import StampGate
from vpr_ros.nodes.subscriptions import ImageInput
from vpr_ros.nodes.transforms import Transforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.errors import VprError
    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.nodes.health import InputHealth
    from vpr_ros.nodes.parameter_node import ParameterNode


class CameraInputs:
    """Delivers the images of all cameras until it is destroyed.

    Args:
        node: Owner of the subscriptions.
        cameras: Names of the cameras.
        mounts: Optical frame of each camera in the base frame. If empty, it is filled from tf.
        received: Called with each frame that is due.
        refused: Called with the error if a message cannot be used.

    Attributes:
        rate: Holds back images that come faster than ``max_rate``.
    """

    def __init__(
        self,
        node: ParameterNode,
        cameras: Sequence[str],
        mounts: dict[str, Pose],
        received: Callable[[Frame], None],
        refused: Callable[[VprError], None],
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
                node, camera, asked.image_transport, self._take, refused, rectify=asked.rectify
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
