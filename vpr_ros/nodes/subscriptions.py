# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Subscriptions to cameras and pose sources."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from vpr_ros.errors import VprError
from vpr_ros.geometry.pinhole import Intrinsics, Pinhole
from vpr_ros.inputs.frames import Frame
from vpr_ros.inputs.frames.frame import FreezeWatch
from vpr_ros.inputs.frames.rectify import Rectifier
from vpr_ros.inputs.poses import POSE_FORMATS
from vpr_ros.nodes.health import InputHealth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.node import Node
    from rclpy.subscription import Subscription

    from vpr_ros.inputs.poses import PoseReading, PoseSource

_IMAGE_TYPES = {
    'sensor_msgs/msg/Image': Image,
    'sensor_msgs/msg/CompressedImage': CompressedImage,
}
_FROZEN = 30
"""Identical images in a row after which a camera counts as frozen."""


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
    callback: Callable[[Any], None],
    *,
    depth: int,
    raw: bool = False,
) -> Subscription:
    """Subscribe with the quality of service of sensor data; parameters may override it."""
    qos = QoSProfile(
        reliability=QoSReliabilityPolicy.BEST_EFFORT,
        history=QoSHistoryPolicy.KEEP_LAST,
        depth=depth,
    )
    return node.create_subscription(
        message_type,
        topic,
        callback,
        qos,
        raw=raw,
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
    )


class ImageInput:
    """Delivers the undecoded images of one camera, from the raw or the compressed topic.

    Args:
        node: Owner of the subscriptions.
        camera: Name of the camera and namespace of its topics; empty for the only one.
        transport: ``raw``, ``compressed``, or ``auto`` for the one that delivers first.
        received: Called with each frame.
        refused: Called with the error where a message cannot be used.
        rectify: Rectify the images with the camera's camera_info.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        transport: str,
        received: Callable[[Frame], None],
        refused: Callable[[VprError], None],
        *,
        rectify: bool = False,
    ) -> None:
        self._node = node
        self._camera = camera
        self._received = received
        self._refused = refused
        self._freeze = FreezeWatch()
        namespace = f'{camera}/' if camera else ''
        topic = node.resolve_topic_name(f'{namespace}image')
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
        self.health = ImageHealth(
            node,
            f'image of {camera}' if camera else 'image',
            lambda: list(self._subscriptions.values()),
            self._freeze,
        )
        self._info: CameraInfoInput | None = None
        self._rectifier: Rectifier | None = None
        if rectify:
            self._info = CameraInfoInput(node, camera, self._learn_intrinsics, refused)
            self._rectifier = Rectifier(self._info.topic)

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

    def _learn_intrinsics(self, info: CameraInfo) -> None:
        if self._rectifier is not None:
            self._rectifier.learn(info)

    def _subscribe(self, typename: str, topic: str) -> Subscription:
        def callback(raw: bytes) -> None:
            self._listen_only_to(typename)
            self.health.hear()
            self._freeze.see(raw)
            try:
                frame = Frame(raw, typename, self._camera, self._rectifier)
            except VprError as error:
                self._refused(error)
            else:
                self._received(frame)

        # Raw bytes: a frame that is dropped is never deserialised. A short queue is enough, since
        # the callback only hands the bytes on, and old frames are of no use.
        return _subscribe(self._node, _IMAGE_TYPES[typename], topic, callback, depth=2, raw=True)

    def _listen_only_to(self, typename: str) -> None:
        """Unsubscribe from the other transport, which carries the same images."""
        for other in [name for name in self._subscriptions if name != typename]:
            self._node.destroy_subscription(self._subscriptions.pop(other))


class ImageHealth(InputHealth):
    """Also detects a camera that sends the same image again and again."""

    def __init__(
        self,
        node: Node,
        what: str,
        subscriptions: Callable[[], Sequence[Subscription]],
        freeze: FreezeWatch,
    ) -> None:
        super().__init__(node, what, subscriptions)
        self._freeze = freeze

    def fault(self) -> str:
        """Return what is wrong with the camera; empty where nothing is."""
        fault = super().fault()
        if fault or self._freeze.repeats < _FROZEN:
            return fault
        return (
            f'{self.what} is frozen: more than {_FROZEN} images in a row are identical, which the '
            'noise of a live camera rules out; restart its driver'
        )


class CameraInfoInput:
    """Delivers the camera_info of a camera.

    Args:
        node: Owner of the subscription.
        camera: Name of the camera; empty for the only one.
        received: Called with each message.
        refused: Called with the error where ``received`` cannot use a message.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        received: Callable[[CameraInfo], None],
        refused: Callable[[VprError], None],
    ) -> None:
        def callback(info: CameraInfo) -> None:
            self.health.hear()
            try:
                received(info)
            except VprError as error:
                refused(error)

        self._node = node
        topic = f'{camera}/camera_info' if camera else 'camera_info'
        self._subscription = _subscribe(node, CameraInfo, topic, callback, depth=2)
        what = f'camera_info of {camera}' if camera else 'camera_info'
        self.health = InputHealth(node, what, lambda: [self._subscription])

    @property
    def topic(self) -> str:
        """Full name of the topic subscribed to."""
        return str(self._subscription.topic_name)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self._subscription)


class IntrinsicsInput(CameraInfoInput):
    """Delivers the intrinsics of a camera from its camera_info.

    Args:
        node: Owner of the subscription.
        camera: Name of the camera; empty for the only one.
        received: Called with the intrinsics of each message.
        refused: Called with the error where a message cannot be used.
        rectified: Whether the camera's images are rectified before they are used.
    """

    def __init__(
        self,
        node: Node,
        camera: str,
        received: Callable[[Pinhole], None],
        refused: Callable[[VprError], None],
        *,
        rectified: bool,
    ) -> None:
        def deliver(info: CameraInfo) -> None:
            received(Pinhole.of(Intrinsics.of(info), rectified=rectified))

        super().__init__(node, camera, deliver, refused)


class PoseInput:
    """Delivers poses of the robot from odometry, a pose topic or GNSS fixes.

    Args:
        node: Owner of the subscription.
        kind: A value of the parameter ``pose_source`` other than ``none``.
        source: Returns the ``PoseSource`` for a message type.
        received: Called with each reading.
        refused: Called with the error where a message cannot be used.
    """

    def __init__(
        self,
        node: Node,
        kind: str,
        source: Callable[[str], PoseSource],
        received: Callable[[PoseReading], None],
        refused: Callable[[VprError], None],
    ) -> None:
        form = POSE_FORMATS[kind]
        self.source = source(form.typename)

        def callback(message: Any) -> None:
            self.health.hear()
            try:
                reading = self.source.read(message)
            except VprError as error:
                refused(error)
            else:
                received(reading)

        self._node = node
        message_type = message_class(form.typename)
        self._subscription = _subscribe(node, message_type, form.topic, callback, depth=100)
        self.health = InputHealth(node, 'pose', lambda: [self._subscription])

    @property
    def topic(self) -> str:
        """Full name of the topic subscribed to."""
        return str(self._subscription.topic_name)

    def destroy(self) -> None:
        """End the subscription."""
        self._node.destroy_subscription(self._subscription)
