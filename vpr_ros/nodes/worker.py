# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The threads of a node: one works on the newest images, one answers slow requests in turn."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from rclpy.task import Future

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable

Item = TypeVar('Item')
Taken_contra = TypeVar('Taken_contra', contravariant=True)

_TOGETHER = 0.02
"""Seconds within which cameras that are triggered together deliver their images."""
_WAITING = 32
"""Jobs that may wait; more requests are refused."""
PAUSE = 4e-3
"""Seconds between two answers of many: clients keep ten by default, and lose what comes faster
than they take it."""


class Worker(Protocol[Taken_contra]):
    """Works on items in a thread.

    Attributes:
        received: Number of items submitted.
        dropped: Number of items that were not worked on.
        processed: Number of items that could be used.
    """

    received: int
    dropped: int
    processed: int

    def submit(self, item: Taken_contra, source: str = '') -> None:
        """Take an item of a source; return without waiting for the work."""

    def stop(self) -> None:
        """Finish the items in progress, drop those that wait, end the thread."""


class NewestWorker(Generic[Item]):
    """Works on items in a thread; while it is busy, only the newest item of each source waits.

    Latency is bounded by the work in progress plus one batch, whatever the rate of the input.
    Items that wait form one batch; the first of a batch waits a moment for the other sources.

    Args:
        work: Called in the thread with at most one item of each source; returns the number of
            items that could be used.
        failed: Called in the thread with each error that ``work`` raises; the thread goes on.
        sources: Number of sources, such as cameras.

    Attributes:
        received: Number of items submitted.
        dropped: Number of items that a newer one replaced.
        processed: Number of items that could be used.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], int],
        failed: Callable[[Exception], None],
        sources: int = 1,
    ) -> None:
        self._work = work
        self._failed = failed
        self._sources = sources
        self._waiting: dict[str, Item] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self.received = self.dropped = self.processed = 0
        self._thread = threading.Thread(target=self._run, name='vpr-worker', daemon=True)
        self._thread.start()

    def submit(self, item: Item, source: str = '') -> None:
        """Make this the next item of its source; return without waiting for the work."""
        with self._changed:
            self.received += 1
            self.dropped += source in self._waiting
            self._waiting[source] = item
            self._changed.notify()

    def stop(self) -> None:
        """Finish the batch in progress, drop the items that wait, end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while items := self._next_items():
            self._do(items)

    def _do(self, items: list[Item]) -> None:
        try:
            self.processed += self._work(items)
        except Exception as error:  # noqa: BLE001  a node survives any message
            self._failed(error)

    def _next_items(self) -> list[Item]:
        """Wait for a batch; return an empty one at the end."""

        def ready(sources: int) -> bool:
            return len(self._waiting) >= sources or self._stopping

        with self._changed:
            self._changed.wait_for(lambda: ready(1))
            self._changed.wait_for(lambda: ready(self._sources), _TOGETHER)
            items = [] if self._stopping else list(self._waiting.values())
            self._waiting.clear()
        return items


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
            if self._waiting:
                time.sleep(PAUSE)
