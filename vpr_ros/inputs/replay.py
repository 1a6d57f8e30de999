# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a bag as frames with poses, by the code path of the nodes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.inputs.frames import DynamicRange, Frame
from vpr_ros.inputs.poses import FramesWithPoses, PoseSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.inputs.bags import Bag
    from vpr_ros.inputs.poses import PoseReading

_log = logging.getLogger(__name__)


def replay_frames(
    bag: Bag, image_topic: str, pose_topic: str | None = None, source: PoseSource | None = None
) -> Iterator[tuple[Frame, PoseReading | None]]:
    """Yield every frame of a bag with the pose at its stamp, None where there is none.

    Messages that cannot be read are reported in the log and left out.

    Args:
        bag: An open bag.
        image_topic: Image or CompressedImage.
        pose_topic: Messages of one of ``POSE_FORMATS``.
        source: Reads the pose topic; None makes one, for which the first fix is the datum.
    """
    pairs, values = FramesWithPoses(), DynamicRange(image_topic)
    if pose_topic and source is None:
        source = PoseSource(bag.require(pose_topic).type)
    for message in bag.messages([image_topic] + ([pose_topic] if pose_topic else [])):
        try:
            if message.topic == image_topic:
                pairs.add_frame(Frame(message.raw, message.type, values=values))
            elif source is not None:
                pairs.add_pose(source.read(bag.deserialize(message)))
        except VprError as error:
            _log.warning('%s: message left out: %s', message.topic, error)
        if source is None:
            yield from pairs.rest()
        else:
            yield from pairs.ready()
    yield from pairs.rest()
