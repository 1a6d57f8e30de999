# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The measures of place recognition as functions of arrays.

Poses are rows of seven: x, y, z in metres, then the quaternion x, y, z, w. A row with a NaN is a
pose nobody knows; it is near nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

RECALL_COUNTS = (1, 5, 10, 20, 100)


@dataclass(frozen=True)
class Tolerance:
    """How near a place must be to count as correct; both bounds are inclusive.

    Attributes:
        distance: Metres between the positions.
        angle: Radians between the orientations, or None where any orientation will do.
    """

    distance: float
    angle: float | None = None


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Precision and recall for every threshold that can be told apart, strictest first.

    Attributes:
        thresholds: (T,) least accepted scores, strictly falling.
        precision: (T,) correct among the accepted.
        recall: (T,) correct and accepted among the queries that have a correct place in the map.
    """

    thresholds: Floats
    precision: Floats
    recall: Floats

    @property
    def auc(self) -> float:
        """Area under the curve as average precision, sum of (R_i - R_i-1) P_i; NaN if empty.

        The step sum is used because linear interpolation between points of this curve promises
        precision that no threshold gives (Davis and Goadrich, 2006).
        """
        if not self.recall.size or np.isnan(self.recall).any():
            return float('nan')
        return float(np.sum(np.diff(self.recall, prepend=0.0) * self.precision))

    def figures(self) -> dict[str, float]:
        """Return the numbers that sum the curve up, by their names in JSON files."""
        best, threshold = self.at_precision(1.0)
        return {
            'auc': self.auc,
            'recall_at_full_precision': best,
            'full_precision_threshold': threshold,
        }

    def at_precision(self, wanted: float) -> tuple[float, float]:
        """Return the best recall whose precision is at least as wanted, and its threshold.

        Where no threshold is that precise the recall is 0 and the threshold infinite: accept
        nothing.
        """
        if not self.recall.size or np.isnan(self.recall).any():
            return float('nan'), float('nan')
        good = np.flatnonzero((self.precision >= wanted) & (self.recall > 0))
        if not good.size:
            return 0.0, float('inf')
        best = good[np.argmax(self.recall[good])]
        return float(self.recall[best]), float(self.thresholds[best])


def pose_rows(poses: Iterable[Pose | None]) -> Floats:
    """Return poses as rows (N, 7), NaN for None."""
    rows = [np.full(7, np.nan) if pose is None else pose.as_array() for pose in poses]
    return np.array(rows, np.float64).reshape(-1, 7)


def distances(a: Floats, b: Floats) -> Floats:
    """Metres between poses (..., 7) and (..., 7), broadcast; NaN where either is unknown."""
    return np.asarray(np.linalg.norm(a[..., :3] - b[..., :3], axis=-1), np.float64)


def angles(a: Floats, b: Floats) -> Floats:
    """Radians [0, pi] between orientations of poses (..., 7), broadcast; NaN where unknown."""
    p, q = a[..., 3:], b[..., 3:]
    # q and -q are one rotation; the chord form keeps its precision for small angles.
    q = np.where(np.sum(p * q, axis=-1, keepdims=True) < 0, -q, q)
    chord, sum_ = np.linalg.norm(p - q, axis=-1), np.linalg.norm(p + q, axis=-1)
    return np.asarray(4 * np.arctan2(chord, sum_), np.float64)


_ROUNDING = 1e-9
"""Radians: headings that were degrees differ by the bound only to the last bits."""


def within(a: Floats, b: Floats, tolerance: Tolerance) -> Bools:
    """Tell which pose pairs (..., 7), (..., 7) are one place; False where a pose is unknown."""
    near = distances(a, b) <= tolerance.distance
    if tolerance.angle is not None:
        near &= angles(a, b) <= tolerance.angle + _ROUNDING
    return np.asarray(near, np.bool_)


def localisable(truth: Floats, places: Floats, tolerance: Tolerance) -> Bools:
    """Tell which true poses (Q, 7) have at least one correct place among those mapped (M, 7)."""
    places = places[np.isfinite(places).all(axis=1)]
    if not len(places):
        return np.zeros(len(truth), np.bool_)
    # Sorted along the longer side, all that is near a pose lies in one slice.
    axis = int(np.argmax(np.ptp(places[:, :2], axis=0)))
    places = places[np.argsort(places[:, axis])]
    along, at = places[:, axis], truth[:, axis]
    reach = tolerance.distance + 1e-6 + 1e-9 * np.abs(along).max()  # and a bit, for rounding
    starts, stops = np.searchsorted(along, at - reach), np.searchsorted(along, at + reach, 'right')
    slices = zip(truth, starts, stops, strict=True)
    return np.array([within(t[None], places[i:j], tolerance).any() for t, i, j in slices], bool)


def first_ranks(right: Bools) -> NDArray[np.int64]:
    """Return the rank (Q,) from 1 of the first correct candidate of (Q, K), 0 where none is."""
    return np.where(right.any(axis=1), right.argmax(axis=1) + 1, 0)


def recall_of_ranks(rank: NDArray[np.int64], depth: int) -> dict[int, float]:
    """Return recall@N by N up to a depth, from the rank of the first correct answer or 0."""
    found = (rank > 0)[:, None] & (rank[:, None] <= np.array(RECALL_COUNTS))
    shares = found.mean(axis=0) if len(rank) else np.full(len(RECALL_COUNTS), np.nan)
    return {n: float(s) for n, s in zip(RECALL_COUNTS, shares, strict=True) if n <= depth}


def precision_recall(scores: Floats, right: Bools, positives: int) -> PrecisionRecall:
    """Trace precision and recall of the first candidate over the threshold on its score.

    Args:
        scores: (Q,) score of each query's first candidate; NaN is never accepted.
        right: (Q,) whether that candidate is correct.
        positives: Queries that have a correct place in the map, the denominator of recall.
    """
    scored = np.flatnonzero(~np.isnan(scores))
    order = scored[np.argsort(-scores[scored], kind='stable')]
    ranked = scores[order]
    # Equal scores pass a threshold together, so only the last of a run is a point of the curve.
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) if ranked.size else order
    hits = np.cumsum(right[order])[ends].astype(np.float64)
    recall = hits / positives if positives else np.full(ends.shape, np.nan)
    return PrecisionRecall(ranked[ends], hits / (ends + 1), recall)


def percentiles(values: Floats, levels: Iterable[float]) -> dict[float, float]:
    """Return percentiles (levels in 0..100) of the finite values; NaN where there are none."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return {level: float('nan') for level in levels}
    return {level: float(np.percentile(finite, level)) for level in levels}


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
