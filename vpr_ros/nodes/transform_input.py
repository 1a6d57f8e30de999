# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Subscribes to tf: the poses of the robot along its transforms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpr_ros.errors import VprError
from vpr_ros.inputs.frames import UnsetStamps
from vpr_ros.inputs.poses import TRANSFORMS
from vpr_ros.nodes.subscriptions import TopicInput, message_class

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.node import Node

    from vpr_ros.inputs.poses import PoseReading, TransformSource

_QUEUE = 200
"""Messages that may wait; robots send hundreds a second."""


class TransformInput(TopicInput):
    """Delivers the poses that tf gives; /tf and /tf_static are read without tf2, as in a bag.

    Args:
        source: Reads the transforms.

    Raises:
        VprError: The messages of tf are not installed.
    """

    def __init__(
        self,
        node: Node,
        source: TransformSource,
        received: Callable[[list[PoseReading]], None],
        refused: Callable[[Exception], None],
    ) -> None:
        try:
            kind = message_class(TRANSFORMS)
        except ImportError as error:
            msg = 'the poses of tf need the package tf2_msgs of the ROS distribution'
            raise VprError(msg) from error
        self.source = source
        unset = UnsetStamps()

        def take(message: Any, *, static: bool) -> None:
            if not static:
                unset.mend_transforms('/tf', message, node.get_clock().now().nanoseconds)
            received(source.read(message, static=static))

        self._static = TopicInput(
            node,
            'static tf',
            kind,
            '/tf_static',
            lambda message: take(message, static=True),
            refused,
            depth=_QUEUE,
            latched=True,
        )
        super().__init__(
            node,
            'tf',
            kind,
            '/tf',
            lambda message: take(message, static=False),
            refused,
            depth=_QUEUE,
        )

    def destroy(self) -> None:
        """End the subscriptions."""
        self._static.destroy()
        super().destroy()
