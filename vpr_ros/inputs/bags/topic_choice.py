# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The choice of a bag's topics that a traverse is read from."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpr_ros.errors import BagError, MessageError
from vpr_ros.inputs.bags.bag_transforms import find_frames
from vpr_ros.inputs.frames.cdr import frame_id_of
from vpr_ros.inputs.poses import (
    TRANSFORMS,
    PoseSource,
    TransformSource,
    TreeFrames,
    pose_format,
    pose_types,
)

if TYPE_CHECKING:
    from vpr_ros.geometry import Datum, Pose
    from vpr_ros.inputs.bags.bag import Bag, Topic
    from vpr_ros.inputs.poses import FixLimits

_log = logging.getLogger(__name__)

_COMPRESSED = '/compressed'
_DEPTH = '/compressedDepth'

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
"""Image types, preferred first: raw images have lost nothing."""

_NO_POSE_OF_THE_ROBOT = re.compile(
    'goal|initial_?pose|clicked|target|setpoint|waypoint|dock|marker|aruco|tag_|object|person|detect'
    '|place_recognition'
)
"""In names of topics with poses that are not where the robot is."""
_NO_PICTURES = re.compile('depth|disparity|confidence|segment|mask|label')
"""In names of topics whose images show distances or classes."""
_FEW = 3
"""Messages; a topic with fewer is not the first choice."""


@dataclass(frozen=True)
class ChosenTopics:
    """The topics a traverse is read from, and the base frame in tf where it was named."""

    image: Topic
    pose: Topic
    base: str = ''


def choose_topics(
    bag: Bag,
    image: str | None = None,
    pose: str | None = None,
    frames: TreeFrames | None = None,
) -> ChosenTopics:
    """Choose the images and the poses of a traverse; for the arguments see the choices of each.

    Raises:
        BagError: A named topic is not there or of another type, or the bag leaves no single
            choice; the text lists the topics.
    """
    base = frames.base if frames else ''
    return ChosenTopics(choose_image(bag, image), choose_pose(bag, pose, frames), base)


def choose_image(bag: Bag, name: str | None = None) -> Topic:
    """Choose the topic of the camera.

    Args:
        bag: The bag.
        name: The topic asked for, with or without ``/compressed``.

    Raises:
        BagError: See ``choose_topics``.
    """
    if name is not None:
        other = (
            name.removesuffix(_COMPRESSED) if name.endswith(_COMPRESSED) else name + _COMPRESSED
        )
        there = other if name not in bag.topics and other in bag.topics else name
        return _of_type(bag, bag.require(there), IMAGE_TYPES, 'images')
    topics = [topic for topic in bag.topics_of(IMAGE_TYPES) if not topic.name.endswith(_DEPTH)]
    cameras: dict[str, Topic] = {}
    for topic in topics:  # raw comes first
        cameras.setdefault(topic.name.removesuffix(_COMPRESSED), topic)
    pictures = {name: topic for name, topic in cameras.items() if not _NO_PICTURES.search(name)}
    chosen = _only(bag, list((pictures or cameras).values()), 'images')
    if others := [topic.name for topic in cameras.values() if topic is not chosen]:
        _log.warning('the images are those of %s, not of %s', chosen.name, ', '.join(others))
    return chosen


def choose_pose(bag: Bag, name: str | None = None, frames: TreeFrames | None = None) -> Topic:
    """Choose the topic with poses, and say which where there were several.

    Poses in the frame of the map come first, then tf that leads to this frame, other poses,
    odometry, positions on Earth, and tf without a map.

    Args:
        bag: The bag.
        name: The topic asked for.
        frames: Of tf; those that are not named are looked for.

    Raises:
        BagError: See ``choose_topics``; also where tf does not connect the frames.
    """
    kinds = (*pose_types(), TRANSFORMS)
    if name is not None:
        topic = _of_type(bag, bag.require(name), kinds, 'poses')
        return _with_frames(bag, topic, frames)
    found = [topic for topic in bag.topics_of(kinds) if not topic.name.endswith('_static')]
    robots = [topic for topic in found if not _NO_POSE_OF_THE_ROBOT.search(topic.name)] or found
    if not robots:
        return _only(bag, robots, 'poses')
    if len(robots) == 1:
        return _with_frames(bag, robots[0], frames)
    ranked = {topic.name: _rank(bag, topic, frames) for topic in robots}
    best = min(ranked.values())
    chosen = _only(bag, [topic for topic in robots if ranked[topic.name] == best], 'poses')
    others = ', '.join(topic.name for topic in robots if topic is not chosen)
    _log.warning('the poses are those of %s, not of %s', chosen.name, others)
    return _with_frames(bag, chosen, frames)


def pose_source(
    topic: Topic,
    datum: Datum | None = None,
    mount: Pose | None = None,
    limits: FixLimits | None = None,
) -> PoseSource | TransformSource:
    """Return what reads the poses of a chosen topic; for the arguments see ``PoseSource``."""
    if topic.type == TRANSFORMS:
        return TransformSource(topic.frames, mount)
    return PoseSource(topic.type, datum, mount, limits)


def is_geodetic(topic: Topic) -> bool:
    """Tell whether the poses of a topic are positions on Earth, which need a datum."""
    return topic.type != TRANSFORMS and pose_format(topic.type).geodetic


def _rank(bag: Bag, topic: Topic, frames: TreeFrames | None) -> tuple[int, ...]:
    """Return how good the poses of a topic are, less being better."""
    few = topic.count < _FEW  # One that was set by hand, or that hardly ever came.
    if topic.type == TRANSFORMS:
        return few, (1 if find_frames(bag, topic.name, frames, quick=True) else 4)
    if is_geodetic(topic):
        return few, 3
    frame, kind = _frame_of(bag, topic), pose_types().index(topic.type)
    if frame.rpartition('/')[2] in ('map', 'world'):
        # Poses of other things than the robot have no covariance in general.
        return few, 0, 'PoseStamped' in topic.type, kind
    return few, 2, kind, 'odom' in frame


def _frame_of(bag: Bag, topic: Topic) -> str:
    first = next(bag.messages([topic.name]), None)
    try:
        return '' if first is None else frame_id_of(first.raw)
    except MessageError:
        return ''


def _with_frames(bag: Bag, topic: Topic, frames: TreeFrames | None) -> Topic:
    if topic.type != TRANSFORMS:
        return topic
    return replace(topic, frames=find_frames(bag, topic.name, frames))


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
        option = f'{what.removesuffix("s")} topic'
        msg = f'the bag {bag.path} has {what} on several topics, name one as the {option}: {names}'
    raise BagError(msg)
