# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs slow requests, such as service calls, one by one in a thread of their own."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from rclpy.task import Future

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable

_WAITING = 16
"""Jobs that may wait; more requests are refused."""


class BusyError(VprError):
    """Too many jobs wait already."""


class Jobs:
    """Runs jobs one after the other, while the executor goes on to deliver messages.

    Args:
        wake: Called after each job, so that coroutines that await its future go on.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[tuple[Callable[[], Any], Any]] = deque()
        self._running = False
        self._changed = threading.Condition()
        # A daemon: writes to maps are atomic, so that the process need not wait for it.
        threading.Thread(target=self._run, name='vpr-jobs', daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether no job runs or waits."""
        return not (self._running or self._waiting)

    def submit(self, job: Callable[[], Any]) -> Any:
        """Run a job after those submitted before; return its rclpy future.

        Raises:
            BusyError: Too many jobs wait already.
        """
        future = Future()
        with self._changed:
            if len(self._waiting) >= _WAITING:
                msg = f'the node is busy: {_WAITING} requests wait already; ask again later'
                raise BusyError(msg)
            self._waiting.append((job, future))
            self._changed.notify_all()
        return future

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all jobs are done, ``timeout`` seconds at most; return whether they are."""
        with self._changed:
            return self._changed.wait_for(lambda: self.idle, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                job, future = self._waiting.popleft()
                self._running = True
            try:
                future.set_result(job())
            except Exception as error:  # noqa: BLE001  delivered by the future
                future.set_exception(error)
            with self._changed:
                self._running = False
                self._changed.notify_all()
            self._wake()
