# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a bag as frames with poses, by the code path of the nodes."""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.inputs.bags import choose_pose, pose_source
from vpr_ros.inputs.bags.bag_transforms import STATIC
from vpr_ros.inputs.frames import DynamicRange, Frame, UnsetStamps
from vpr_ros.inputs.poses import TRANSFORMS, FramesWithPoses, PoseSource, TransformSource

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from vpr_ros.inputs.bags import Bag
    from vpr_ros.inputs.poses import PoseReading

_log = logging.getLogger(__name__)


def replay_frames(
    bag: Bag,
    image_topic: str | Mapping[str, str],
    pose_topic: str | None = None,
    source: PoseSource | TransformSource | None = None,
) -> Iterator[tuple[Frame, PoseReading | None]]:
    """Yield every frame of a bag with the pose at its stamp, None where there is none.

    Messages that cannot be read are left out. The log says at the end how many of each kind there
    were, and how many frames have no pose, and why.

    Args:
        bag: An open bag.
        image_topic: Image or CompressedImage; several, with the name of the camera of each.
        pose_topic: Messages of one of ``POSE_FORMATS``, or of tf.
        source: Reads the pose topic; None makes one, for which the first fixes give the datum.
    """
    if pose_topic and source is None:
        source = pose_source(choose_pose(bag, pose_topic))
    cameras = {image_topic: ''} if isinstance(image_topic, str) else image_topic
    pairs, remarks, unset = FramesWithPoses(), _Remarks(), UnsetStamps()
    values = {topic: DynamicRange(topic) for topic in cameras}
    try:
        for message in bag.messages([*cameras, *_topics_of_poses(bag, pose_topic)]):
            try:
                if (camera := cameras.get(message.topic)) is not None:
                    own = values[message.topic]
                    frame = Frame(message.raw, message.type, camera, values=own)
                    remarks.stamp(message.topic, frame.stamp)
                    pairs.add_frame(frame)
                elif isinstance(source, TransformSource):
                    transforms = bag.deserialize(message)
                    if not (static := message.topic != pose_topic):
                        unset.mend_transforms(message.topic, transforms, message.time)
                    pairs.add_poses(source.read(transforms, static=static))
                elif source is not None:
                    pairs.add_poses(source.read(bag.deserialize(message)))
            except VprError as error:
                remarks.refuse(message.topic, error)
            yield from pairs.ready() if source is not None else pairs.unpaired()
        if source is not None:
            pairs.add_poses(source.finish())
        yield from pairs.rest()
    finally:
        remarks.report()
        _report(pairs, pose_topic, source)


def _report(
    pairs: FramesWithPoses, pose_topic: str | None, source: PoseSource | TransformSource | None
) -> None:
    """Say in the log which frames have no pose, and which poses and frames are left out."""
    if source is not None and pairs.poseless and source.fault:
        _log.warning('%s: %s', pose_topic, source.fault)
    if pairs.late:
        text = '%s: %d poses left out: their stamps are not after those of the poses before'
        _log.warning(text, pose_topic, pairs.late)
    if missing := pairs.poseless:
        apart = f'; {pairs.apart}' if pairs.apart else ''
        text = '%d of %d frames have no pose: %s%s'
        _log.warning(text, len(missing), pairs.taken, missing, apart)
    if pairs.dropped:
        _log.warning('%d frames left out: the clock jumped back', pairs.dropped)


def _topics_of_poses(bag: Bag, topic: str | None) -> list[str]:
    """Return the topic of the poses, and with tf that of the static transforms."""
    if topic is None:
        return []
    static = topic + STATIC
    return (
        [topic, static]
        if bag.require(topic).type == TRANSFORMS and static in bag.topics
        else [topic]
    )


class _Remarks:
    """Counts messages that cannot be read, and images that have no stamp of their own."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], str] = {}
        self._repeated: Counter[str] = Counter()
        self._stamps: dict[str, int] = {}

    def stamp(self, topic: str, stamp: int) -> None:
        """Take the stamp of an image."""
        self._repeated[topic] += self._stamps.get(topic) == stamp
        self._stamps[topic] = stamp

    def refuse(self, topic: str, error: VprError) -> None:
        """Count an error; those that differ in numbers are of one kind."""
        kind = topic, re.sub(r'\d+(\.\d+)?', '', str(error))
        self._counts[kind] += 1
        self._first.setdefault(kind, str(error))

    def report(self) -> None:
        """Name the first of each kind in the log, and how many there were."""
        for kind, count in self._counts.items():
            messages = f'{count} messages' if count > 1 else 'message'
            _log.warning('%s: %s left out: %s', kind[0], messages, self._first[kind])
        for topic, count in (+self._repeated).items():
            _log.warning('%s: %d images have the very stamp of the one before them', topic, count)
