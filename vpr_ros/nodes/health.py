# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a node knows of each of its inputs: whether it speaks, and why not."""

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

SILENCE = 5.0
"""Seconds without a message after which the node says so."""


class InputHealth:
    """Watches one input, which may listen to several topics for whichever speaks.

    Args:
        node: Owner of the subscriptions.
        what: What comes in, for people: ``image``, ``image of front``, ``pose``.
        subscriptions: Returns those that are in use now.

    Attributes:
        what: As given.
        messages: How many have come.
    """

    def __init__(
        self, node: Node, what: str, subscriptions: Callable[[], Sequence[Subscription]]
    ) -> None:
        self._node = node
        self._subscriptions = subscriptions
        self._last = time.monotonic()
        self._rate = RecentRate()
        self._said = ''
        self.what = what
        self.messages = 0

    def hear(self) -> None:
        """Note that a message has come."""
        self.messages += 1
        self._last = time.monotonic()

    @property
    def silent(self) -> float:
        """Seconds since the last message, or since the node began to listen."""
        return time.monotonic() - self._last

    def fault(self) -> str:
        """Say what is wrong with the input; empty where nothing is."""
        if self.silent <= SILENCE:
            return ''
        since = 'any more' if self.messages else 'yet'
        return f'no {self.what} {since}: {self._why_silent()}'

    def news(self) -> str:
        """Say what is wrong as `fault` does, but only where that has changed since last asked."""
        fault = self.fault()
        before, self._said = self._said, fault
        return '' if fault == before else fault or f'{self.what}: messages come again'

    def status(self) -> DiagnosticStatus:
        """Return all that is known as an entry of /diagnostics."""
        fault = self.fault()
        last = f'{self.silent:.1f}' if self.messages else 'none'
        values = {
            'messages': str(self.messages),
            'rate [Hz]': f'{self._rate.read(self.messages):.1f}',
            'last message [s ago]': last,
        }
        for subscription in self._subscriptions():
            values[f'topic {subscription.topic_name}'] = type_of(subscription)
            for endpoint in self._publishers(subscription):
                values[f'publisher {_name(endpoint)} of {subscription.topic_name}'] = (
                    misfit(endpoint, subscription) or 'fits'
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
                f'nobody publishes on {topics}; does the sender run, are the remapping, the '
                'namespace and ROS_DOMAIN_ID right?'
            )
        faults = [
            f'{_name(p)} publishes {s.topic_name}, but {fault}'
            for s, p in found
            if (fault := misfit(p, s))
        ]
        if faults:
            return '; '.join(sorted(set(faults)))
        names = ', '.join(sorted({f'{_name(p)} publishes {s.topic_name}' for s, p in found}))
        return f'{names}, which fits, but sends nothing'


def type_of(subscription: Subscription) -> str:
    """Return the name of a subscription's type of message."""
    kind = subscription.msg_type
    return f'{kind.__module__.partition(".")[0]}/msg/{kind.__name__}'


def misfit(publisher: TopicEndpointInfo, subscription: Subscription) -> str:
    """Say why a publisher's messages do not reach a subscription; empty where they do."""
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
        f'their qualities of service are incompatible ({reasons}): '
        f'set the parameters qos_overrides.{subscription.topic_name}.subscription.*'
    )


def _name(endpoint: TopicEndpointInfo) -> str:
    return f'{endpoint.node_namespace.rstrip("/")}/{endpoint.node_name}'
