# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs nodes as real processes over real DDS, in a domain of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2 (rclpy)')
pytest.importorskip('vpr_ros.msg', reason='needs the built messages: run `make build`')

os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 230))
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'

import rclpy
from ament_index_python.packages import get_package_prefix
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSDurabilityPolicy, QoSProfile

EXECUTABLES = Path(get_package_prefix('vpr_ros')) / 'lib' / 'vpr_ros'
LATCHED = QoSProfile(depth=10, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


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

    def publisher(self, message_type, topic, qos=10):
        return self.node.create_publisher(message_type, topic, qos)

    def wait_until(self, condition, timeout=60.0, what='') -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, f'waited {timeout} s in vain {what}'
            self._executor.spin_once(timeout_sec=0.05)

    def wait_for_node(self, name, timeout=60.0) -> None:
        """Wait until a node is active, which it says by listening to images."""
        self.wait_until(
            lambda: self.node.count_subscribers('/image') > 0, timeout, f'for {name} to listen'
        )

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()


class NodeProcess:
    """One of our executables, running."""

    def __init__(self, executable: str, log: Path, remap=None, **parameters) -> None:
        arguments = [str(EXECUTABLES / executable), '--ros-args']
        for source, target in (remap or {}).items():
            arguments += ['-r', f'{source}:={target}']
        for name, value in parameters.items():
            arguments += ['-p', f'{name}:={value}']
        self.log = log
        with log.open('wb') as file:
            self.process = subprocess.Popen(arguments, stdout=file, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        return self.log.read_text(errors='replace')

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self, how=signal.SIGINT, timeout=30.0) -> int:
        self.process.send_signal(how)
        return self.process.wait(timeout)


@pytest.fixture(scope='session', autouse=True)
def _ros():
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
    """Start executables; whatever still runs at the end of the test is killed."""
    running: list[NodeProcess] = []

    def start_node(executable: str, **kwargs) -> NodeProcess:
        node = NodeProcess(executable, tmp_path / f'{executable}{len(running)}.log', **kwargs)
        running.append(node)
        return node

    yield start_node
    for node in running:
        if node.alive:
            node.process.kill()
            node.process.wait()
        print(f'--- {node.log.name}\n{node.output}')
