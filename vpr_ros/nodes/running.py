# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs one node as a process: start, log, signals and end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import rclpy
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.executors import SingleThreadedExecutor
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.signals import SignalHandlerOptions

from vpr_ros.errors import MessageError
from vpr_ros.nodes.complaints import reason_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from rclpy.lifecycle import LifecycleNode

    from vpr_ros.nodes.node import VprNode

_UNUSABLE = (
    InvalidParameterTypeException,
    rclpy_implementation.RCLError,
    rclpy_implementation.UnknownROSArgsError,
)
"""Errors of arguments of ROS itself, such as a file of parameters that is not there."""
_SWITCH = 2e-4
"""Seconds that a thread runs Python while another one wants to."""
_RETRY = 5.0
"""Seconds between attempts to start after a failure."""
_PATIENCE = 1.5
"""Seconds that the work in progress may take when the process is told to end."""


class _ToRos(logging.Handler):
    """Forwards log records of the ROS-free packages to the log of the node."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(logging.INFO)
        self._logger = node.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        elif record.levelno >= logging.WARNING:
            self._logger.warning(text)
        else:
            self._logger.info(text)


def _is_ours(error: Exception) -> bool:
    """Return whether an error rose in this package, not before any of its functions was called."""
    _, *frames = traceback.extract_tb(error.__traceback__)  # The first is the loop of the node.
    package = str(Path(__file__).parents[1])
    return any(frame.filename.startswith(package) for frame in frames)


def _from_ros(error: Exception) -> MessageError:
    """Return in words what ROS itself cannot use, such as a /clock before 1970."""
    return MessageError(f'ROS cannot use what has come: {reason_in(error)}')


def _leave() -> NoReturn:
    """End the process without unloading its libraries, which can take seconds."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _leave_at_last(node: VprNode[Any]) -> None:
    """End the process soon, also during a slow network, merge or middleware.

    Items that wait to be finished are waited for. Nothing else is lost: every place is on the disk
    once it is added, and an unfinished write leaves the map as it was.
    """

    def leave() -> None:
        time.sleep(_PATIENCE)
        while node.waiting and not node.hurried:
            time.sleep(0.1)
        node.get_logger().warning('ending without waiting for the work in progress')
        _leave()

    threading.Thread(target=leave, name='vpr-leave', daemon=True).start()


def run(node_class: Callable[[], VprNode[Any]]) -> int:
    """Run a node until SIGINT or SIGTERM; return the exit status of the process.

    With the parameter ``autostart`` the node configures and activates itself. If that fails, it
    tries again every few seconds: a file system may not be mounted yet.
    """
    # Our own handlers: rclpy's would shut the context down under the worker's feet.
    stop = False
    node: VprNode[Any] | None = None

    def request_stop(*_: object) -> None:
        nonlocal stop
        if stop and node is not None:
            node.hurried = True
        stop = True

    signal.signal(signal.SIGINT, request_stop)
    signal.signal(signal.SIGTERM, request_stop)
    # An image need not wait until the thread that received it is done with the executor.
    sys.setswitchinterval(_SWITCH)
    try:
        rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
        node = node_class()
    except _UNUSABLE as error:
        # Without a name and a domain there is no node that could say it and wait.
        text = f'ROS cannot start a node with these arguments: {reason_in(error)}'
        rclpy.logging.get_logger('vpr_ros').fatal(text)
        rclpy.try_shutdown()
        return 2
    logging.getLogger('vpr_ros').addHandler(_ToRos(node))
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    next_attempt = time.monotonic() if node.parameters.autostart else float('inf')
    while not stop:
        if time.monotonic() >= next_attempt:
            next_attempt = float('inf') if node.start() else time.monotonic() + _RETRY
        try:
            executor.spin_once(timeout_sec=0.1)
        except Exception as error:  # noqa: BLE001  a node survives any message
            node.fail(error if _is_ours(error) else _from_ros(error))
    _leave_at_last(node)
    with contextlib.suppress(rclpy_implementation.RCLError):  # somebody else has shut it down
        node.trigger_shutdown()
    executor.shutdown()
    node.destroy_node()
    rclpy.shutdown()
    _leave()
