# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What takes time and is neither an image nor quick: in order, in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from rclpy.task import Future

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable

_WAITING = 16
"""Jobs that may wait; who asks for more has long stopped to wait for the answers."""


class BusyError(VprError):
    """More was asked for than there is any use in remembering."""


class Jobs:
    """Runs jobs one after the other, while the executor goes on with messages.

    Args:
        wake: Called after each job, so that who awaits its future goes on.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[tuple[Callable[[], Any], Any]] = deque()
        self._running = False
        self._changed = threading.Condition()
        # A daemon: what it writes is all or nothing, and the process need not wait for it.
        threading.Thread(target=self._run, name='vpr-jobs', daemon=True).start()

    @property
    def idle(self) -> bool:
        """Whether nothing is being done or waits."""
        return not (self._running or self._waiting)

    def submit(self, job: Callable[[], Any]) -> Any:
        """Do this after what was submitted before; return a future of rclpy.

        Raises:
            BusyError: Too much waits already.
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
        """Wait until all is done; return whether it is."""
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
            except Exception as error:  # noqa: BLE001  told to who awaits it
                future.set_exception(error)
            with self._changed:
                self._running = False
                self._changed.notify_all()
            self._wake()
