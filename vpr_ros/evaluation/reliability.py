# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The reliability of probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

BINS = 10


@dataclass(frozen=True, eq=False)
class Reliability:
    """Predictions by bins of equal width.

    Attributes:
        predicted: (B,) mean probability in each bin; NaN in an empty one.
        observed: (B,) share that was correct; NaN in an empty one.
        counts: (B,) predictions in each bin.
        brier: Mean square of the difference of probability and outcome (Brier, 1950).
    """

    predicted: Floats
    observed: Floats
    counts: NDArray[np.int64]
    brier: float

    @property
    def ece(self) -> float:
        """Expected calibration error: the bins' mean |predicted - observed|, by their counts.

        Naeini et al., AAAI 2015, equation 3.
        """
        gaps = np.abs(np.nan_to_num(self.predicted - self.observed))
        total = self.counts.sum()
        return float(gaps @ self.counts / total) if total else float('nan')


def reliability(probabilities: Floats, right: Bools, bins: int = BINS) -> Reliability:
    """Compare probabilities (N,) with outcomes (N,)."""
    where = np.minimum((probabilities * bins).astype(np.int64), bins - 1)
    counts = np.bincount(where, minlength=bins)
    with np.errstate(invalid='ignore'):
        predicted = np.bincount(where, probabilities, bins) / counts
        observed = np.bincount(where, right.astype(np.float64), bins) / counts
    brier = float(np.mean((probabilities - right) ** 2)) if len(right) else float('nan')
    return Reliability(predicted, observed, counts, brier)
