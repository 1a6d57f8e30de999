# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Processing times of recent images by stage, and rates of events."""

from __future__ import annotations

import time
from collections import deque

import numpy as np

_IMAGES = 200
"""Images over which percentiles are taken."""
_SECONDS = 10.0
"""Seconds over which rates are taken."""


class StageTimes:
    """Median and 95th percentile of the time of each stage over the last images.

    One thread may add while another reports.
    """

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = {}

    def add(self, seconds: dict[str, float]) -> None:
        """Add the times of one image, in seconds by stage."""
        for stage, value in seconds.items():
            self._seconds.setdefault(stage, deque(maxlen=_IMAGES)).append(value)

    def report(self) -> dict[str, str]:
        """Return the values for /diagnostics, in milliseconds."""
        copies = {stage: list(seconds) for stage, seconds in self._seconds.copy().items()}
        return {
            f'{stage} p50 / p95 [ms]': ' / '.join(
                f'{value * 1e3:.2f}' for value in np.percentile(seconds, [50, 95])
            )
            for stage, seconds in copies.items()
        }


class RecentRate:
    """Rate of events over the last seconds, from readings of a counter."""

    def __init__(self) -> None:
        self._readings = deque([(time.monotonic(), 0)])

    def read(self, count: int) -> float:
        """Return the rate in Hz, given the present count."""
        now = time.monotonic()
        self._readings.append((now, count))
        while now - self._readings[0][0] > _SECONDS:
            self._readings.popleft()
        began, before = self._readings[0]
        return (count - before) / (now - began) if now > began else 0.0
