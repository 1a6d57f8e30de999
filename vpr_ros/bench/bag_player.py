# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Publish a bag's messages as they were recorded, without rosbag2.

Messages are published as the recorded bytes, so their stamps are those of the recording; with
``loop`` these and ``/clock`` jump back at every turn.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import rclpy
from rclpy.context import Context
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock

from vpr_ros.errors import BagError, VprError
from vpr_ros.inputs.bags import IMAGE_TYPES, Bag
from vpr_ros.inputs.frames import stamp_of
from vpr_ros.nodes.subscriptions import message_class
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rclpy.executors import Executor
    from rclpy.node import Node

_LOG = logging.getLogger(__name__)

_CLOCK_PERIOD = 0.025
"""Seconds of wall time between two /clock messages while no message is due."""

_SETTLING = 0.3
"""Seconds between the middleware knowing of both ends of a connection and the first message.

Either end may discover the other first; messages sent before the subscriber has are lost.
"""

_RESEND = 2.0
"""Seconds after which the first image is sent again while nothing was ever answered."""

_FLUSHING = 1.0
"""Seconds that reliable subscribers have at the end to receive missed messages."""

_DEPTH = 10
_LATCHED_DEPTH = 100


@dataclass(frozen=True)
class Playback:
    """The settings of a playback.

    Attributes:
        rate: Bag seconds a second.
        loop: Start again at the end, until interrupted.
        start: Seconds of the bag to skip.
        duration: Seconds of the bag to play, all that follows when None.
        topics: Topics to play, all when empty.
        remap: New names by recorded names.
        clock: Publish the bag's time on ``/clock``.
        subscribers: Wait for so many subscribers of each image topic before the first message.
        wait_for: Before the next image, wait for a message with the stamp of the last one on this
            topic, and let the bag's time stand still meanwhile. Other topics go on, for nodes
            that need the poses after an image; images without subscribers are not waited for.
        timeout: Seconds to wait at most, for subscribers and for each answer.
    """

    rate: float = 1.0
    loop: bool = False
    start: float = 0.0
    duration: float | None = None
    topics: tuple[str, ...] = ()
    remap: Mapping[str, str] = field(default_factory=dict)
    clock: bool = True
    subscribers: int = 0
    wait_for: str = ''
    timeout: float = 30.0


@dataclass
class Played:
    """The result of a playback.

    Attributes:
        published: Messages by topic, under the new names.
        unanswered: Images for which no answer came in time.
        interrupted: It was stopped by SIGINT.
    """

    published: dict[str, int] = field(default_factory=dict)
    unanswered: int = 0
    interrupted: bool = False


def play(
    path: str | Path,
    playback: Playback | None = None,
    on_progress: Callable[[float], None] = lambda _: None,
) -> Played:
    """Play a bag until its end or SIGINT.

    Args:
        path: The bag.
        playback: How.
        on_progress: Told the seconds of the bag played so far.

    Raises:
        BagError: The bag cannot be read, or nothing in it can be played.
        VprError: Subscribers or the topic of the answers did not appear in time.
    """
    playback = playback or Playback()
    played = Played()
    context = Context()
    with Bag(path) as bag, contextlib.ExitStack() as stack:
        # Not rclpy's handler, which would shut the context down in the middle of a message.
        rclpy.init(context=context, signal_handler_options=SignalHandlerOptions.NO)
        stack.callback(rclpy.try_shutdown, context=context)
        node = rclpy.create_node(
            'bag_player', context=context, enable_rosout=False, start_parameter_services=False
        )
        stack.callback(node.destroy_node)
        executor = SingleThreadedExecutor(context=context)
        stack.callback(executor.shutdown)
        executor.add_node(node)
        try:
            _Player(executor, bag, playback, played).run(on_progress)
        except KeyboardInterrupt:
            played.interrupted = True
    return played


class _Pace:
    """When a message is due by the wall clock."""

    def __init__(self, first: int, rate: float) -> None:
        self._first, self._rate, self._begin = first, rate, time.monotonic()

    def due(self, stamp: int) -> float:
        return self._begin + (stamp - self._first) / SECOND / self._rate

    def now(self) -> int:
        elapsed = (time.monotonic() - self._begin) * self._rate
        return self._first + int(elapsed * SECOND)

    def hold(self, seconds: float) -> None:
        self._begin += seconds


class _Player:
    def __init__(self, executor: Executor, bag: Bag, playback: Playback, played: Played) -> None:
        self._node: Node = executor.get_nodes()[0]
        self._bag, self._playback, self._played = bag, playback, played
        self._executor = executor
        self._answers: Counter[int] = Counter()
        self._unanswered: tuple[Any, bytes] | None = None
        self._publishers = self._advertise()
        self._images = {name for name in self._publishers if bag.topics[name].type in IMAGE_TYPES}
        self._clock = (
            self._node.create_publisher(Clock, '/clock', _DEPTH) if playback.clock else None
        )
        self._last_clock = -1
        self._first = bag.start + int(playback.start * SECOND)
        length = bag.end + 1 - self._first
        if playback.duration is not None:
            length = min(length, int(playback.duration * SECOND))
        if length <= 0:
            msg = (
                f'nothing to play: the bag {bag.path} is {bag.duration / SECOND:.1f} s long, '
                f'and {playback.start:g} s are to be skipped'
            )
            raise BagError(msg)
        self._stop = self._first + length

    def run(self, on_progress: Callable[[float], None]) -> None:
        self._wait_for_others()
        while True:
            self._play_once(on_progress)
            if not self._playback.loop:
                break
            self._last_clock = -1
        self._flush()

    def _play_once(self, on_progress: Callable[[float], None]) -> None:
        pace = _Pace(self._first, self._playback.rate)
        for message in self._bag.messages(list(self._publishers), self._first, self._stop):
            is_image = message.topic in self._images
            self._wait_until_due(message.time, pace)
            if is_image:
                pace.hold(self._wait_for_answer())
            self._tick(message.time)
            publisher = self._publishers[message.topic]
            publisher.publish(message.raw)
            name = publisher.topic_name
            self._played.published[name] = self._played.published.get(name, 0) + 1
            if self._playback.wait_for and is_image and publisher.get_subscription_count():
                self._unanswered = publisher, message.raw
            on_progress((message.time - self._first) / SECOND)
        self._wait_for_answer()

    def _advertise(self) -> dict[str, Any]:
        """Create a publisher for each topic whose type is installed."""
        names = self._playback.topics or tuple(self._bag.topics)
        for name in (*names, *self._playback.remap):
            self._bag.require(name)
        publishers, missing = {}, set()
        for name in names:
            topic = self._bag.topics[name]
            kind = _message_class(topic.type)
            if kind is None:
                missing.add(topic.type)
            elif not (self._playback.clock and topic.type == 'rosgraph_msgs/msg/Clock'):
                target = self._playback.remap.get(name, name)
                qos = _qos(latched=topic.latched)
                publishers[name] = self._node.create_publisher(kind, target, qos)
        for typename in sorted(missing):
            _LOG.warning('%s is not installed, its topics are not played', typename)
        if not publishers:
            msg = f'nothing in the bag {self._bag.path} can be played'
            raise BagError(msg)
        return publishers

    def _wait_for_others(self) -> None:
        playback = self._playback
        if playback.wait_for:
            self._subscribe_to_answers()
        for name in sorted(self._images):
            self._wait_for_subscribers(self._publishers[name])
        if playback.wait_for or playback.subscribers:
            self._spin(_SETTLING)

    def _wait_for_subscribers(self, publisher: Any) -> None:
        wanted = self._playback.subscribers
        self._wait(
            lambda: publisher.get_subscription_count() >= wanted,
            f'{publisher.topic_name} has fewer than {wanted} subscribers '
            f'after {self._playback.timeout:g} s: is the other node running and subscribed to it?',
        )

    def _subscribe_to_answers(self) -> None:
        name = self._node.resolve_topic_name(self._playback.wait_for)
        absent = (
            f'nobody publishes {name} after {self._playback.timeout:g} s: '
            'is the node that answers running?'
        )
        self._wait(lambda: bool(self._node.get_publishers_info_by_topic(name)), absent)
        infos = self._node.get_publishers_info_by_topic(name)
        kind = _message_class(infos[0].topic_type)
        if kind is None:
            msg = f'cannot wait for {name}: its type {infos[0].topic_type} is not installed'
            raise VprError(msg)
        qos = QoSProfile(depth=_LATCHED_DEPTH)
        if any(i.qos_profile.reliability != ReliabilityPolicy.RELIABLE for i in infos):
            qos.reliability = ReliabilityPolicy.BEST_EFFORT

        def answered(raw: bytes) -> None:
            self._answers[stamp_of(raw)] += 1

        self._node.create_subscription(kind, name, answered, qos, raw=True)

    def _wait_for_answer(self) -> float:
        """Wait until the last image is answered, at most the timeout, and return the seconds."""
        image, self._unanswered = self._unanswered, None
        if image is None:
            return 0.0
        publisher, raw = image
        stamp = stamp_of(raw)
        begin = sent = time.monotonic()
        while not self._answers[stamp]:
            if time.monotonic() - begin > self._playback.timeout:
                self._played.unanswered += 1
                _LOG.warning('no answer to the image on %s of %d ns', publisher.topic_name, stamp)
                break
            if not self._answers and time.monotonic() - sent > _RESEND:
                # The subscriber counted may have been one that died, and the true one comes now.
                publisher.publish(raw)
                sent = time.monotonic()
            self._executor.spin_once(timeout_sec=0.1)
        else:
            self._answers[stamp] -= 1
        return time.monotonic() - begin

    def _wait(self, condition: Callable[[], bool], otherwise: str) -> None:
        end = time.monotonic() + self._playback.timeout
        while not condition():
            if time.monotonic() > end:
                raise VprError(otherwise)
            self._executor.spin_once(timeout_sec=0.02)

    def _wait_until_due(self, stamp: int, pace: _Pace) -> None:
        while (left := pace.due(stamp) - time.monotonic()) > 0:
            self._spin(min(left, _CLOCK_PERIOD))
            self._tick(min(pace.now(), stamp))

    def _spin(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def _tick(self, stamp: int) -> None:
        if self._clock is None or stamp <= self._last_clock:
            return
        self._last_clock = stamp
        clock = Clock()
        clock.clock.sec, clock.clock.nanosec = divmod(stamp, SECOND)
        self._clock.publish(clock)

    def _flush(self) -> None:
        """Let reliable subscribers receive the last messages before the publishers vanish."""
        end = time.monotonic() + _FLUSHING
        for publisher in self._publishers.values():
            left = max(0.0, end - time.monotonic())
            publisher.wait_for_all_acked(Duration(nanoseconds=int(left * SECOND)))


def _message_class(typename: str) -> Any:
    """Return the generated class of a message type, None where it is not installed."""
    try:
        return message_class(typename)
    except (ImportError, AttributeError):
        return None


def _qos(*, latched: bool) -> QoSProfile:
    """Return a profile that matches every subscriber of the recorded topic."""
    return QoSProfile(
        depth=_LATCHED_DEPTH if latched else _DEPTH,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
    )
