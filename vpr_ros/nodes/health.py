# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The health of each input of a node: whether messages come, and why not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.qos import QoSCompatibility, qos_check_compatible

from vpr_ros.nodes.timing import RecentRate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.node import Node
    from rclpy.subscription import Subscription
    from rclpy.topic_endpoint_info import TopicEndpointInfo

    from vpr_ros.inputs.frames.frame import FreezeWatch

SILENCE = 5.0
"""Seconds without a message after which an input is reported as silent."""
_FROZEN = 30
"""Identical images in a row after which a camera counts as frozen."""


class InputHealth:
    """Watches one input, which may subscribe to several topics and use the one that delivers.

    Args:
        what: Name of the input in messages: ``image``, ``image of front``, ``pose``.
        subscriptions: Returns the subscriptions in use.
        freeze: Watches for a camera that sends the same image again and again.

    Attributes:
        messages: Number of messages received.
        lost: Number of messages that were sent after the first one received, and never came.
    """

    def __init__(
        self,
        node: Node,
        what: str,
        subscriptions: Callable[[], Sequence[Subscription]],
        freeze: FreezeWatch | None = None,
    ) -> None:
        self._node = node
        self._subscriptions = subscriptions
        self._freeze = freeze
        self._last = time.monotonic()
        self._rate = RecentRate()
        self._said = ''
        self._was_heard = False
        self.what = what
        self.messages = self.lost = 0
        self._number: int | None = None

    def hear(self, number: int | None = None) -> None:
        """Count a message that has come, and those lost before it.

        Args:
            number: That its sender gave it, counting its messages; None where the middleware or
                an older rclpy does not tell.
        """
        self.messages += 1
        self._last = time.monotonic()
        before, self._number = self._number, number
        if before is None or number is None or number <= before + 1:
            return
        senders = sum(len(self._publishers(one)) for one in self._subscriptions())
        if senders == 1:  # Each of several counts by itself.
            self.lost += number - before - 1

    @property
    def silent(self) -> float:
        """Seconds since the last message, or since the subscription."""
        return time.monotonic() - self._last

    def fault(self) -> str:
        """Return the fault of the input in words; empty if it has none."""
        if self.silent > SILENCE:
            since = 'any more' if self.messages else 'yet'
            return f'no {self.what} {since}: {self._why_silent()}'
        if self._freeze is None or self._freeze.repeats < _FROZEN:
            return ''
        return (
            f'{self.what} is frozen: more than {_FROZEN} images in a row are identical, which the '
            'noise of a live camera rules out; restart its driver'
        )

    def news(self) -> str:
        """Return `fault`, or the recovery, where it differs from the last call; else empty."""
        fault = self.fault()
        before, self._said = self._said, fault
        again = 'again' if self._was_heard else 'now'
        self._was_heard = self._was_heard or bool(self.messages)
        return '' if fault == before else fault or f'{self.what}: messages come {again}'

    def status(self) -> DiagnosticStatus:
        """Return the state of the input as an entry of /diagnostics."""
        fault = self.fault()
        last = f'{self.silent:.1f}' if self.messages else 'none'
        values = {
            'messages': str(self.messages),
            'messages lost on the way': str(self.lost),
            'rate [Hz]': f'{self._rate.read(self.messages):.1f}',
            'last message [s ago]': last,
        }
        for subscription in self._subscriptions():
            values[f'topic {subscription.topic_name}'] = type_of(subscription)
            for endpoint in self._publishers(subscription):
                values[f'publisher {_name(endpoint)} of {subscription.topic_name}'] = (
                    mismatch(endpoint, subscription) or 'matches'
                )
        return DiagnosticStatus(
            level=DiagnosticStatus.WARN if fault else DiagnosticStatus.OK,
            name=f'{self._node.get_fully_qualified_name()}: {self.what}',
            message=fault or ('messages come' if self.messages else 'waiting for messages'),
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )

    def _publishers(self, subscription: Subscription) -> list[TopicEndpointInfo]:
        return list(self._node.get_publishers_info_by_topic(subscription.topic_name))

    def _why_silent(self) -> str:
        found = [(s, p) for s in self._subscriptions() for p in self._publishers(s)]
        if not found:
            topics = ' or '.join(f'{s.topic_name} ({type_of(s)})' for s in self._subscriptions())
            return (
                f'nobody publishes on {topics}; check that the publisher runs, the remapping, '
                'the namespace and ROS_DOMAIN_ID'
            )
        faults = [
            f'{_name(p)} publishes {s.topic_name}, but {fault}'
            for s, p in found
            if (fault := mismatch(p, s))
        ]
        if faults:
            return '; '.join(sorted(set(faults)))
        names = ', '.join(sorted({f'{_name(p)} publishes {s.topic_name}' for s, p in found}))
        return f'{names} with matching type and quality of service, but sends nothing'


def clock_fault(node: Node) -> str:
    """Return why a node has no time; empty where it has."""
    simulated = node.get_parameter('use_sim_time').value
    if not simulated or node.get_clock().now().nanoseconds:
        return ''
    return (
        'use_sim_time is true and nothing has come on /clock: start the simulation, play the '
        'bag with its clock, or set use_sim_time to false'
    )


def type_of(subscription: Subscription) -> str:
    """Return the message type of a subscription, such as ``sensor_msgs/msg/Image``."""
    kind = subscription.msg_type
    return f'{kind.__module__.partition(".")[0]}/msg/{kind.__name__}'


def mismatch(publisher: TopicEndpointInfo, subscription: Subscription) -> str:
    """Return why a publisher's messages do not reach a subscription; empty where they do."""
    wanted = type_of(subscription)
    if publisher.topic_type != wanted:
        return f'as {publisher.topic_type}, not {wanted}'
    verdict, reason = qos_check_compatible(publisher.qos_profile, subscription.qos_profile)
    if verdict != QoSCompatibility.ERROR:
        return ''
    reasons = ' and '.join(
        part.removeprefix('ERROR: ').lower()
        for part in reason.split(';')
        if part.startswith('ERROR')
    )
    return (
        f'the qualities of service are incompatible ({reasons}): '
        f'set the parameters qos_overrides.{subscription.topic_name}.subscription.*'
    )


def _name(endpoint: TopicEndpointInfo) -> str:
    if endpoint.node_name == '_NODE_NAME_UNKNOWN_':
        return 'a node that was only just discovered'
    return f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}'
