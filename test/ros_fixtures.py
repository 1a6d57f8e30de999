# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures that run nodes as real processes over real DDS, in a domain of their own."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from vpr_ros.bench.node_process import NodeProcess

# Its own domain for each process that runs tests, of which there may be several at once. The
# ports of those above 101 are among those that Linux gives to any socket.
os.environ['ROS_DOMAIN_ID'] = str(1 + os.getpid() % 101)
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# Not through shared memory: a node that is killed or stopped keeps parts of that of the sender,
# which then has too little left for images, in all tests of this process that follow.
os.environ.setdefault('FASTDDS_BUILTIN_TRANSPORTS', 'UDPv4')

try:
    import rclpy
    from forking import ForkedNode
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile
except ImportError:
    # Without ROS the tests of nodes skip themselves; those of ROS-free modules still run.
    rclpy = None


class Listener:
    """A node of the test that collects messages and waits for conditions."""

    def __init__(self) -> None:
        self.node = rclpy.create_node(f'test_{os.getpid()}_{time.monotonic_ns()}')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)

    def collect(self, message_type, topic, qos=50) -> list:
        messages: list = []
        self.node.create_subscription(message_type, topic, messages.append, qos)
        return messages

    def collect_latched(self, message_type, topic) -> list:
        latched = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        return self.collect(message_type, topic, latched)

    def publisher(self, message_type, topic, qos=10):
        return self.node.create_publisher(message_type, topic, qos)

    def wait_until(self, condition, timeout=60.0, what='') -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f'waited {timeout} s in vain {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def reach(self, client, request):
        """Call a ready service until it answers; return the answer.

        A node that has not found the reader of a new client yet sends its answer to nobody.
        """
        for _ in range(12):
            answer = client.call_async(request)
            with contextlib.suppress(AssertionError):
                self.wait_until(answer.done, 5)
                return answer.result()
        pytest.fail(f'{client.srv_name} does not answer')

    def add(self, node) -> None:
        """Let another node of this process run while the test waits."""
        self._executor.add_node(node)

    def remove(self, node) -> None:
        """Let it run no more."""
        self._executor.remove_node(node)

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()


@pytest.fixture(scope='module', autouse=True)
def _ros():
    # Each folder that imports this has a fixture of its own, but a process has one context. It
    # lasts for a file: after many nodes that were ended, images no longer arrive in an old one.
    if rclpy is None or rclpy.ok():
        yield
        return
    rclpy.init()
    yield
    rclpy.shutdown()


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def start(tmp_path):
    """Start nodes; whatever still runs at the end of the test is ended, and the logs shown.

    They are forked, which is faster; ``kind=NodeProcess`` starts the program that users start.
    """
    running: list[NodeProcess] = []

    def start_node(executable: str, remap=None, kind=ForkedNode, **parameters) -> NodeProcess:
        log = tmp_path / f'{len(running)}-{executable}.log'
        running.append(kind(executable, log, remap, parameters))
        return running[-1]

    yield start_node
    for node in running:
        if node.alive:
            # Killed nodes would be counted by the middleware, and by the next test, for seconds.
            node.stop(timeout=5)
        print(f'--- {node.log.name}\n{node.output}')
