# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to cameras and pose sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geometry_msgs.msg import PoseStamped, PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image, NavSatFix

from vpr_ros.errors import VprError
from vpr_ros.frames import Frame

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from vpr_ros.mapping import PoseReading, PoseSource

_IMAGE_TYPES = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
}
_POSE_INPUTS = {
    'odometry': ('odom', Odometry, 'nav_msgs/msg/Odometry'),
    'pose': ('pose', PoseStamped, 'geometry_msgs/msg/PoseStamped'),
    'pose_with_covariance': (
        'pose',
        PoseWithCovarianceStamped,
        'geometry_msgs/msg/PoseWithCovarianceStamped',
    ),
    'fix': ('fix', NavSatFix, 'sensor_msgs/msg/NavSatFix'),
}


def _sensor_qos(depth: int) -> QoSProfile:
    return QoSProfile(
        reliability=QoSReliabilityPolicy.BEST_EFFORT,
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
    )


class ImageInput:
    """Delivers camera images undecoded, from the raw or the compressed topic.

    Args:
        node: Owner of the subscriptions.
        transport: ``raw``, ``compressed``, or ``auto`` for whichever delivers first.
        received: Called with each frame.
        refused: Called with the error where the bytes hold no image message.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        received: Callable[[Frame], None],
        refused: Callable[[VprError], None],
    ) -> None:
        self._node = node
        self._received = received
        self._refused = refused
        topic = node.resolve_topic_name('image')
        topics = {
            'sensor_msgs/msg/Image': topic,
            'sensor_msgs/msg/CompressedImage': topic + '/compressed',
        }
        if transport == 'raw':
            del topics['sensor_msgs/msg/CompressedImage']
        elif transport == 'compressed':
            del topics['sensor_msgs/msg/Image']
        self._subscriptions: dict[str, Subscription] = {
            typename: self._subscribe(typename, name) for typename, name in topics.items()
        }

    @property
    def topics(self) -> list[str]:
        """Full names of the topics listened to."""
        return [subscription.topic_name for subscription in self._subscriptions.values()]

    def destroy(self) -> None:
        """End the subscriptions."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _subscribe(self, typename: str, topic: str) -> Subscription:
        def callback(raw: bytes) -> None:
            self._listen_only_to(typename)
            try:
                frame = Frame(raw, typename)
            except VprError as error:
                self._refused(error)
            else:
                self._received(frame)

        # Raw bytes: a frame that is dropped is never deserialised. A short queue is enough, since
        # the callback only hands the bytes on, and old frames are worthless.
        return self._node.create_subscription(
            _IMAGE_TYPES[typename],
            topic,
            callback,
            _sensor_qos(depth=2),
            raw=True,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    def _listen_only_to(self, typename: str) -> None:
        """Leave the other transport, which would carry the same pictures again."""
        for other in [name for name in self._subscriptions if name != typename]:
            self._node.destroy_subscription(self._subscriptions.pop(other))


class PoseInput:
    """Delivers the robot's pose from odometry, a pose topic or GNSS fixes.

    Args:
        node: Owner of the subscription.
        kind: A value of the parameter ``pose_source`` other than ``none``.
        source: Makes a ``PoseSource`` for a type of message.
        received: Called with each reading.
        refused: Called with the error where a message says nothing usable.
    """

    def __init__(
        self,
        node: Node,
        kind: str,
        source: Callable[[str], PoseSource],
        received: Callable[[PoseReading], None],
        refused: Callable[[VprError], None],
    ) -> None:
        topic, message_type, typename = _POSE_INPUTS[kind]
        self.source = source(typename)

        def callback(message: Any) -> None:
            try:
                reading = self.source.read(message)
            except VprError as error:
                refused(error)
            else:
                received(reading)

        self._node = node
        self._subscription = node.create_subscription(
            message_type,
            topic,
            callback,
            _sensor_qos(depth=100),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )

    @property
    def topic(self) -> str:
        """Full name of the topic listened to."""
        return str(self._subscription.topic_name)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self._subscription)
