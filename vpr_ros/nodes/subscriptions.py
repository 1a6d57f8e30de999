# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to cameras and pose sources."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo

from vpr_ros.errors import ParameterError, VprError
from vpr_ros.inputs.frames import DynamicRange, Frame, UnsetStamps
from vpr_ros.inputs.frames.frame import FreezeWatch
from vpr_ros.inputs.frames.rectify import Rectifier
from vpr_ros.inputs.poses import POSE_FORMATS
from vpr_ros.nodes.complaints import reason_in
from vpr_ros.nodes.health import InputHealth
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from vpr_ros.inputs.poses import PoseReading, PoseSource

_TRANSPORTS = {
    'raw': ('sensor_msgs/msg/Image', ''),
    'compressed': ('sensor_msgs/msg/CompressedImage', '/compressed'),
}
"""Type of message of each image transport, and its suffix after ``image`` in the topic."""


def message_class(typename: str) -> Any:
    """Return the generated class of a type of message, such as ``nav_msgs/msg/Odometry``.

    Raises:
        ImportError, AttributeError: It is not installed.
    """
    package, _, name = typename.replace('/msg/', '/').partition('/')
    return getattr(importlib.import_module(f'{package}.msg'), name)


def _subscribe(
    node: Node,
    message_type: type,
    topic: str,
    callback: Callable[..., None],
    *,
    depth: int,
    raw: bool = False,
    latched: bool = False,
) -> Subscription:
    """Subscribe with the quality of service of sensor data; parameters may override it.

    Latched messages, which were sent before, are asked for again.

    Raises:
        ParameterError: They override it with something that makes no sense.
    """
    qos = QoSProfile(depth=depth, reliability=QoSReliabilityPolicy.BEST_EFFORT)
    if latched:
        qos.reliability = QoSReliabilityPolicy.RELIABLE
        qos.durability = QoSDurabilityPolicy.TRANSIENT_LOCAL
    try:
        return node.create_subscription(
            message_type,
            topic,
            callback,
            qos,
            raw=raw,
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
    except Exception as error:
        # rclpy and rcl have errors of many kinds; after the first line they speak of their code.
        reason, *_ = reason_in(error).splitlines()
        msg = f'{topic} cannot be subscribed to with these qos_overrides: {reason}'
        raise ParameterError(msg) from error


class ImageInput:
    """Delivers the undecoded images of one camera, from the raw or the compressed topic.

    Args:
        camera: Name of the camera and namespace of its topics; empty for the only one.
        transport: ``raw``, ``compressed``, or ``auto`` for the one that delivers first.
        rectify: Rectify the images with the camera's camera_info.
        depth: Images that may wait in the middleware.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        transport: str,
        received: Callable[[Frame], None],
        refused: Callable[[Exception], None],
        *,
        rectify: bool,
        depth: int = 2,
    ) -> None:
        self._node = node
        self._depth = depth
        self._camera = camera
        self._received = received
        self._refused = refused
        self._freeze = FreezeWatch()
        self._unset = UnsetStamps()
        self._values = DynamicRange(camera or 'camera')
        namespace = f'{camera}/' if camera else ''
        topic = node.resolve_topic_name(f'{namespace}image')
        self._subscriptions: dict[str, Subscription] = {
            typename: self._subscribe(typename, topic + suffix)
            for name, (typename, suffix) in _TRANSPORTS.items()
            if transport in ('auto', name)
        }
        self.health = InputHealth(
            node,
            f'image of {camera}' if camera else 'image',
            lambda: list(self._subscriptions.values()),
            self._freeze,
        )
        self._info: TopicInput | None = None
        self._rectifier: Rectifier | None = None
        if rectify:
            self._rectifier = Rectifier(info_topic(node, camera))
            self._info = camera_info(node, camera, self._rectifier.learn, refused)

    @property
    def inputs(self) -> list[InputHealth]:
        """Health of the images and, where they are rectified, of the camera_info."""
        return [self.health] + ([self._info.health] if self._info else [])

    @property
    def topics(self) -> list[str]:
        """Full names of the image topics subscribed to."""
        return [subscription.topic_name for subscription in self._subscriptions.values()]

    def destroy(self) -> None:
        """End the subscriptions."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        if self._info is not None:
            self._info.destroy()

    def _subscribe(self, typename: str, topic: str) -> Subscription:
        def callback(raw: bytes, info: Mapping[str, int | None]) -> None:
            self._listen_only_to(typename)
            self.health.hear(info.get('publication_sequence_number'))
            raw = self._unset.mend(topic, typename, raw, self._node.get_clock().now().nanoseconds)
            self._freeze.see(raw)
            try:
                frame = Frame(raw, typename, self._camera, self._rectifier, self._values)
            except VprError as error:
                self._refused(error)
            else:
                self._received(frame)

        # Raw bytes: a frame that is dropped is never deserialised.
        kind = message_class(typename)
        return _subscribe(self._node, kind, topic, callback, depth=self._depth, raw=True)

    def _listen_only_to(self, typename: str) -> None:
        """Unsubscribe from the other transport, which carries the same images."""
        for other in [name for name in self._subscriptions if name != typename]:
            self._node.destroy_subscription(self._subscriptions.pop(other))


class TopicInput:
    """Delivers the messages of one topic.

    Args:
        what: Name of the input in messages, such as ``pose``.
        refused: Called with the error where ``received`` cannot use a message.
        depth: Messages that may wait.
        latched: Also take the last messages of before.
    """

    def __init__(
        self,
        node: Node,
        what: str,
        message_type: type,
        topic: str,
        received: Callable[[Any], None],
        refused: Callable[[Exception], None],
        *,
        depth: int = 2,
        latched: bool = False,
    ) -> None:
        def callback(message: Any) -> None:
            self.health.hear()
            try:
                received(message)
            except Exception as error:  # noqa: BLE001  a node survives any message
                refused(error)

        self._node = node
        self._subscription = _subscribe(
            node, message_type, topic, callback, depth=depth, latched=latched
        )
        self.health = InputHealth(node, what, lambda: [self._subscription])

    @property
    def topic(self) -> str:
        """Full name of the topic subscribed to."""
        return str(self._subscription.topic_name)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self._subscription)


def camera_info(
    node: Node,
    camera: str,
    received: Callable[[CameraInfo], None],
    refused: Callable[[Exception], None],
) -> TopicInput:
    """Deliver the camera_info of a camera; its name is empty for the only one."""
    what = f'camera_info of {camera}' if camera else 'camera_info'
    return TopicInput(node, what, CameraInfo, info_topic(node, camera), received, refused)


def info_topic(node: Node, camera: str) -> str:
    """Return the full name of the camera_info of a camera.

    It lies beside the images as these are remapped, as with image_transport, unless it is itself
    remapped.
    """
    prefix = f'{camera}/' if camera else ''
    name = f'{prefix}camera_info'
    resolved = str(node.resolve_topic_name(name))
    if resolved != node.resolve_topic_name(name, only_expand=True):
        return resolved
    beside, _, _ = node.resolve_topic_name(f'{prefix}image').rpartition('/')
    return f'{beside}/camera_info'


class PoseInput(TopicInput):
    """Delivers poses of the robot from odometry, a pose topic or GNSS fixes.

    Args:
        kind: A value of the parameter ``pose_source`` other than ``none``.
        source: Returns the ``PoseSource`` for a message type.
    """

    def __init__(
        self,
        node: Node,
        kind: str,
        source: Callable[[str], PoseSource],
        received: Callable[[list[PoseReading]], None],
        refused: Callable[[Exception], None],
    ) -> None:
        form = POSE_FORMATS[kind]
        self.source = source(form.typename)
        unset = UnsetStamps()

        def read(message: Any) -> None:
            stamp = message.header.stamp
            now = node.get_clock().now().nanoseconds
            if not (stamp.sec or stamp.nanosec):
                time = unset.time_of(self.topic, 0, now)
                stamp.sec, stamp.nanosec = divmod(time, SECOND)
            received(self.source.read(message))

        kind_of_message = message_class(form.typename)
        super().__init__(node, 'pose', kind_of_message, form.topic, read, refused, depth=100)
