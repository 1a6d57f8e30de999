# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publishes the frame of the odometry in that of the map on /tf, as a localisation does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from geometry_msgs.msg import TransformStamped

from vpr_ros.errors import VprError
from vpr_ros.geometry.correction import Correction
from vpr_ros.inputs.poses import TRANSFORMS
from vpr_ros.nodes.conversions import to_pose
from vpr_ros.nodes.subscriptions import message_class

if TYPE_CHECKING:
    from rclpy.node import Node

    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.poses import PoseReading

_PERIOD = 0.05
"""Seconds between two transforms."""
_ODOM = 'odom'
"""Frame of odometry that names none."""


class TransformOutput:
    """Says at a steady rate where the odometry's frame is in the map.

    Args:
        node: The publisher's.
        smooth: See `Correction`.

    Raises:
        VprError: The messages of tf are not installed.
    """

    def __init__(self, node: Node, *, smooth: bool) -> None:
        try:
            self._kind = message_class(TRANSFORMS)
        except ImportError as error:
            msg = 'publish_tf needs the package tf2_msgs of the ROS distribution'
            raise VprError(msg) from error
        self._node = node
        self._correction = Correction(smooth=smooth)
        self._frames = ('', '')
        self._asked = time.monotonic()
        self._publisher: Any = node.create_publisher(self._kind, '/tf', 10)
        self._timer = node.create_timer(_PERIOD, self._publish)

    def correct(self, map_frame: str, pose: Pose, odometry: PoseReading) -> None:
        """Take a recognised place into account.

        Args:
            map_frame: Frame of the pose.
            pose: Of the base in the map.
            odometry: At the stamp of the image.
        """
        try:
            self._correction.correct(pose, odometry.pose)
        except ValueError as error:
            self._node.get_logger().warning(f'map → odom stays as it was: {error}')
            return
        self._frames = map_frame, odometry.frame.lstrip('/') or _ODOM

    def destroy(self) -> None:
        """End the timer and the publisher."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self._publisher)

    def _publish(self) -> None:
        now = time.monotonic()
        value = self._correction.after(now - self._asked)
        self._asked = now
        if value is None:
            return
        message = TransformStamped()
        message.header.stamp = self._node.get_clock().now().to_msg()
        message.header.frame_id, message.child_frame_id = self._frames
        pose = to_pose(value)
        translation = message.transform.translation
        translation.x, translation.y, translation.z = (
            pose.position.x,
            pose.position.y,
            pose.position.z,
        )
        message.transform.rotation = pose.orientation
        self._publisher.publish(self._kind(transforms=[message]))
