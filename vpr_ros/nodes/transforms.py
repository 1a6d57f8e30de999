# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mounts of the cameras, read from tf."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rclpy.time import Time

from vpr_ros.errors import MessageError
from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from rclpy.node import Node

    from vpr_ros.inputs.frames import Frame


class Transforms:
    """Listens to tf where tf2_ros is installed: it comes with ROS and is not on PyPI.

    Args:
        node: Owner of the subscriptions.
        base_frame: Name of the base frame.
    """

    def __init__(self, node: Node, base_frame: str) -> None:
        self._node = node
        self._base_frame = base_frame
        self._tf: Any = None
        try:
            self._tf = importlib.import_module('tf2_ros')
        except ImportError:
            return
        self._buffer = self._tf.Buffer()
        self._listener = self._tf.TransformListener(self._buffer, node)

    def mount_of(self, frame: Frame) -> Pose | None:
        """Return the mount of the camera that took a frame; None while tf does not have it."""
        if self._tf is None:
            return None
        try:
            found = self._buffer.lookup_transform(self._base_frame, frame.frame_id, Time())
            p, q = found.transform.translation, found.transform.rotation
            mount = Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
        except (self._tf.TransformException, MessageError, ValueError):
            return None
        self._node.get_logger().info(
            f'tf: {frame.frame_id} is mounted at {p.x:.3f} {p.y:.3f} {p.z:.3f} m in '
            f'{self._base_frame}'
        )
        return mount

    def close(self) -> None:
        """Stop listening."""
        if self._tf is not None:
            self._listener.unregister()
            self._tf = None
