# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Limits a rate by the stamps of the images, so that simulated time needs no special case."""

from __future__ import annotations


class StampGate:
    """Passes frames at no more than a rate."""

    def __init__(self) -> None:
        self._last: int | None = None

    def passes(self, stamp: int, rate: float) -> bool:
        """Return whether a frame with this stamp (nanoseconds) is due at this rate (Hz, 0: all).

        A stamp in the past means a restarted clock and passes.
        """
        if rate and self._last is not None and 0 <= stamp - self._last < 1e9 / rate:
            return False
        self._last = stamp
        return True
