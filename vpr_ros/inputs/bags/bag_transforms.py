# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What tf in a bag knows: the frames of the robot's pose, and the mounts of its cameras."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from typing import TYPE_CHECKING

from vpr_ros.errors import BagError, VprError
from vpr_ros.inputs.poses import BASES, MAP, TRANSFORMS, TransformSource, TreeFrames
from vpr_ros.inputs.poses.transform_source import (
    find_chain,
    find_frame,
    missing_chain,
    mount_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.bags.bag import Bag

_log = logging.getLogger(__name__)

_QUICK = 20_000
"""Messages of tf after which a frame that did not come is not expected any more."""
STATIC = '_static'
"""After the name of a topic of tf in that of its static transforms."""


def find_frames(
    bag: Bag, topic: str, frames: TreeFrames | None = None, *, quick: bool = False
) -> TreeFrames | None:
    """Return the frames between which tf has the robot's pose.

    Where none is named and the tree has no ``map``, the fixed frame is the root above the base, as
    with odometry or SLAM alone; the log says so.

    Args:
        bag: The bag.
        topic: Of tf.
        frames: Those that are named.
        quick: Look only whether tf has a frame of the map, and give up early.

    Returns:
        None where `quick` finds no such frame.

    Raises:
        BagError: Tf does not connect the frames, or none of them is there.
    """
    asked = frames or TreeFrames()
    source = TransformSource(asked)
    tree = source.tree
    messages = chain(_learning(bag, topic + STATIC, source), _learning(bag, topic, source))
    for _ in islice(messages, _QUICK if quick else None):
        if way := find_chain(tree, asked):
            fixed, base, _ = way
            # Another name of the base may give way to a preferred one, as it does live, or turn
            # out to be that of one robot of several.
            return TreeFrames(fixed, base if base == BASES[0] else asked.base)
    if quick:
        return None
    if not asked.fixed:
        names = (asked.base,) if asked.base else BASES
        base = next((found for name in names if (found := find_frame(tree, name))), '')
        top = tree.ancestors(base)[-1] if base else ''
        if top and top != base and not find_frame(tree, MAP):
            text = (
                '%s has no frame %s: the poses are those of %s in %s, which drift if it is the '
                'frame of odometry'
            )
            _log.warning(text, topic, MAP, base, top)
            return replace(asked, fixed=top)
    msg = f'the poses of {topic} in {bag.path} cannot be used: {missing_chain(tree, asked)}'
    raise BagError(msg)


def camera_mount(bag: Bag, camera: str, base: str = '') -> Pose | None:
    """Return the mount of a camera that tf in a bag knows, None if it does not.

    Static transforms come first; else those that were repeated and did not change, as a robot
    without tf_static has them.

    Args:
        bag: The bag.
        camera: The frame of its images.
        base: The base frame; empty for the first of ``BASES`` that there is.
    """
    source = TransformSource()
    topics = [topic.name for topic in bag.topics.values() if topic.type == TRANSFORMS]
    for static in (True, False):
        for topic in topics:
            if topic.endswith(STATIC) is static:
                for _ in islice(_learning(bag, topic, source), _QUICK):
                    pass
        if (mount := mount_in(source.tree, camera, base)) is not None:
            return mount
    return None


def _learning(bag: Bag, topic: str, source: TransformSource) -> Iterator[None]:
    """Fill the tree of a source with the transforms of a topic, message by message."""
    if topic not in bag.topics:
        return
    for message in bag.messages([topic]):
        # Those that cannot be read are told when the poses are read.
        with suppress(VprError):
            source.learn(bag.deserialize(message), static=topic.endswith(STATIC))
        yield
