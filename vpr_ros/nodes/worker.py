# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread that works on the newest item and never on a queue."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Item = TypeVar('Item')


class NewestWorker(Generic[Item]):
    """Runs work on items in a thread; while it is busy, only the newest item waits.

    So latency is bounded by the work in progress plus one item, whatever the rate of input.

    Args:
        work: Called in the thread, one item at a time.
        failed: Called in the thread with what work raised; the thread goes on.

    Attributes:
        received: Items submitted.
        dropped: Items that a newer one replaced.
        processed: Items on which work was done without an error.
    """

    def __init__(self, work: Callable[[Item], None], failed: Callable[[Exception], None]) -> None:
        self._work = work
        self._failed = failed
        self._waiting: list[Item] = []
        self._changed = threading.Condition()
        self._stopping = False
        self.received = self.dropped = self.processed = 0
        self._thread = threading.Thread(target=self._run, name='vpr-worker', daemon=True)
        self._thread.start()

    def submit(self, item: Item) -> None:
        """Make this the next item; never blocks on the work."""
        with self._changed:
            self.received += 1
            self.dropped += len(self._waiting)
            self._waiting = [item]
            self._changed.notify()

    def stop(self) -> None:
        """Finish the item in progress, forget the one that waits, end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                item = self._waiting.pop()
            try:
                self._work(item)
                self.processed += 1
            except Exception as error:  # noqa: BLE001  a node survives any message
                self._failed(error)
