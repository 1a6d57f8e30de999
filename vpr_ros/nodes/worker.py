# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One thread that works on the newest item of each source and never on a queue."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Item = TypeVar('Item')

_TOGETHER = 0.02
"""Seconds in which several cameras that are triggered at once deliver their images."""


class NewestWorker(Generic[Item]):
    """Runs work on items in a thread; while it is busy, only the newest item of a source waits.

    So latency is bounded by the work in progress plus one round of items, whatever the rate of
    input. Items that wait are worked on together; the first of a round waits a moment for those of
    the other sources.

    Args:
        work: Called in the thread with one item a source at most; returns how many of them could
            be used.
        failed: Called in the thread with what work raised; the thread goes on.
        sources: How many sources there are, such as cameras.

    Attributes:
        received: Items submitted.
        dropped: Items that a newer one replaced.
        processed: Items on which work was done without an error.
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
        """Make this the next item of its source; never blocks on the work."""
        with self._changed:
            self.received += 1
            self.dropped += source in self._waiting
            self._waiting[source] = item
            self._changed.notify()

    def stop(self) -> None:
        """Finish the items in progress, forget those that wait, end the thread."""
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
        """Wait for a round of items; none at the end."""

        def ready(sources: int) -> bool:
            return len(self._waiting) >= sources or self._stopping

        with self._changed:
            self._changed.wait_for(lambda: ready(1))
            self._changed.wait_for(lambda: ready(self._sources), _TOGETHER)
            items = [] if self._stopping else list(self._waiting.values())
            self._waiting.clear()
        return items
