# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How fast a node is: where the time of recent images went, and how often things happen."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

_IMAGES = 200
"""Images over which percentiles are taken."""
_SECONDS = 10.0
"""Seconds over which rates are taken."""


class StageTimes:
    """Median and 95th percentile of each stage over the last images.

    One thread may add while another reports.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def add(self, seconds: dict[str, float]) -> None:
        """Note what one image took, in seconds by stage."""
        for stage, value in seconds.items():
            self._seconds.setdefault(stage, deque(maxlen=_IMAGES)).append(value)

    def report(self) -> dict[str, str]:
        """Return diagnostics values, in milliseconds."""
        copies = {stage: list(seconds) for stage, seconds in self._seconds.copy().items()}
        return {
            f'{stage} p50 / p95 [ms]': ' / '.join(
                f'{value * 1e3:.2f}' for value in np.percentile(seconds, [50, 95])
            )
            for stage, seconds in copies.items()
        }


class RecentRate:
    """Events per second over the last seconds, from a counter that is read now and then."""

    def __init__(self) -> None:
        self._readings = deque([(time.monotonic(), 0)])

    def read(self, count: int) -> float:
        """Return the rate in Hz, given the counter's present value."""
        now = time.monotonic()
        self._readings.append((now, count))
        while now - self._readings[0][0] > _SECONDS:
            self._readings.popleft()
        began, before = self._readings[0]
        return (count - before) / (now - began) if now > began else 0.0
