# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Chooses the topics of a bag where the user does not name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags.bag import IMAGE_TYPES
from vpr_ros.inputs.poses import pose_types

if TYPE_CHECKING:
    from vpr_ros.inputs.bags.bag import Bag, Topic

_COMPRESSED = '/compressed'
_DEPTH = '/compressedDepth'


@dataclass(frozen=True)
class ChosenTopics:
    """The topics a traverse is read from."""

    image: Topic
    pose: Topic


def choose_topics(bag: Bag, image: str | None = None, pose: str | None = None) -> ChosenTopics:
    """Choose the images and the poses of a traverse.

    Raises:
        BagError: A named topic is not there or of another type, or the bag leaves no single
            choice; the text lists the topics.
    """
    return ChosenTopics(choose_image(bag, image), choose_pose(bag, pose))


def choose_image(bag: Bag, name: str | None = None) -> Topic:
    """Choose the topic of the camera.

    Args:
        bag: The bag.
        name: What the user asked for; with or without ``/compressed``, as there are.

    Raises:
        BagError: See ``choose_topics``.
    """
    if name is not None:
        other = (
            name.removesuffix(_COMPRESSED) if name.endswith(_COMPRESSED) else name + _COMPRESSED
        )
        there = other if name not in bag.topics and other in bag.topics else name
        return _of_type(bag, bag.require(there), IMAGE_TYPES, 'images')
    topics = [topic for topic in bag.image_topics() if not topic.name.endswith(_DEPTH)]
    cameras: dict[str, Topic] = {}
    for topic in topics:  # raw comes first
        cameras.setdefault(topic.name.removesuffix(_COMPRESSED), topic)
    return _only(bag, list(cameras.values()), 'images')


def choose_pose(bag: Bag, name: str | None = None) -> Topic:
    """Choose the topic with poses: poses in the map frame first, then positions on Earth.

    Raises:
        BagError: See ``choose_topics``.
    """
    if name is not None:
        return _of_type(bag, bag.require(name), pose_types(), 'poses')
    topics = bag.pose_topics()
    return _only(bag, [t for t in topics if t.type == topics[0].type], 'poses')


def _of_type(bag: Bag, topic: Topic, kinds: tuple[str, ...], what: str) -> Topic:
    if topic.type in kinds:
        return topic
    msg = (
        f'the topic {topic.name} of {bag.path} holds {topic.type} and not {what} '
        f'({", ".join(kinds)}); the bag has: {bag.describe_topics()}'
    )
    raise BagError(msg)


def _only(bag: Bag, topics: list[Topic], what: str) -> Topic:
    if len(topics) == 1:
        return topics[0]
    if not topics:
        msg = f'the bag {bag.path} has no {what}; it has: {bag.describe_topics()}'
    else:
        names = ', '.join(topic.name for topic in topics)
        msg = f'the bag {bag.path} has {what} on several topics, name one of them: {names}'
    raise BagError(msg)
