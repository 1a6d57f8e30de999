# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the cameras sit on the robot, by tf."""

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
    """Listens to tf, where tf2_ros is installed: it is part of ROS, but no package of Python.

    Args:
        node: Owner of the subscriptions.
        base_frame: Of the robot.
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
        """Return the pose of the frame's camera on the base; None as long as tf does not say."""
        if self._tf is None:
            return None
        try:
            found = self._buffer.lookup_transform(self._base_frame, frame.frame_id, Time())
            p, q = found.transform.translation, found.transform.rotation
            mount = Pose.of((p.x, p.y, p.z), (q.x, q.y, q.z, q.w))
        except (self._tf.TransformException, MessageError, ValueError):
            return None
        self._node.get_logger().info(
            f'tf says that {frame.frame_id} is at {p.x:.3f} {p.y:.3f} {p.z:.3f} on '
            f'{self._base_frame}'
        )
        return mount

    def close(self) -> None:
        """Stop to listen."""
        if self._tf is not None:
            self._listener.unregister()
            self._tf = None
