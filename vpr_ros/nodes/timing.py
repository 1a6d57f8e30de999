# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the time of recent images went, stage by stage."""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np

_IMAGES = 200
"""Images over which percentiles are taken."""


class StageTimes:
    """Median and 95th percentile of each stage over the last images."""

    def __init__(self) -> None:
        self._seconds: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=_IMAGES))

    def add(self, seconds: dict[str, float]) -> None:
        """Note what one image took, in seconds by stage."""
        for stage, value in seconds.items():
            self._seconds[stage].append(value)

    def report(self) -> dict[str, str]:
        """Return diagnostics values, in milliseconds."""
        return {
            f'{stage} p50 / p95 [ms]': ' / '.join(
                f'{value * 1e3:.2f}' for value in np.percentile(seconds, [50, 95])
            )
            for stage, seconds in self._seconds.items()
        }
