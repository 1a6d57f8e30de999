# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What speaks for a candidate and what against it, as a few numbers without units."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.search import Hit

FEATURES = ('similarity', 'distinctness', 'code_distinctness', 'agreement', 'support')
"""Names of the columns of `Evidence.features`."""

_FIRST = 10
"""Candidates among which agreement is counted."""
_LIKE = np.pi / 4
"""Radians within which two places at one spot look the same way."""
_MOST_SUPPORT = 5.0
"""Odds beyond exp(5) are not told apart: no filter knows its own model that well."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Ranked candidates as columns.

    Attributes:
        ids: (H,) int64 of the places.
        similarities: (H,) cosine similarities.
        hamming: (H,) differing bits, -1 where there are no codes.
        poses: (H, 7) of the places; NaN where unknown.
    """

    ids: NDArray[np.int64]
    similarities: NDArray[np.float64]
    hamming: NDArray[np.int64]
    poses: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)

    @staticmethod
    def of(hits: Sequence[Hit]) -> Candidates:
        """Return the columns of hits."""
        return Candidates(
            np.array([hit.place_id for hit in hits], np.int64),
            np.array([hit.similarity for hit in hits], np.float64),
            np.array([hit.hamming for hit in hits], np.int64),
            np.array([hit.pose for hit in hits], np.float64).reshape(-1, 7),
        )

    def at(self, i: int, radius: float) -> NDArray[np.bool_]:
        """Return which candidates (H,) are the same place as one of them.

        Args:
            i: That one.
            radius: Metres within which places are one.
        """
        away = np.linalg.norm(self.poses[:, :3] - self.poses[i, :3], axis=1)
        same = away <= radius  # NaN is not
        same[i] = True
        return np.asarray(same, np.bool_)

    def agreeing(self, i: int, radius: float) -> NDArray[np.intp]:
        """Return the indices of those at the same place that look the same way, `i` first."""
        cosine = np.abs(self.poses[:, 3:] @ self.poses[i, 3:])
        same = self.at(i, radius) & (cosine >= np.cos(_LIKE / 2))
        same[i] = False
        return np.concatenate([[i], np.flatnonzero(same)]).astype(np.intp)


@dataclass(frozen=True)
class Support:
    """What the frames so far say of this frame's candidates.

    Attributes:
        stage: Of the calibration to judge by, which names the filter.
        places: (H,) probability that the robot is at the place of each candidate, or near it.
        exactly: (H,) probability that none of the map's places is nearer than that one.
    """

    stage: str
    places: NDArray[np.float64]
    exactly: NDArray[np.float64]

    def of(self, rows: Sequence[int]) -> Support:
        """Return what is said of some of the candidates."""
        return Support(self.stage, self.places[rows], self.exactly[rows])


@dataclass(frozen=True)
class Evidence:
    """What is known of one candidate.

    "Elsewhere" are the candidates further away than the radius of a place. Where there are none,
    an unrelated picture stands in, whose similarity is about 0.

    Attributes:
        similarity: Of the candidate.
        rival_similarity: The best elsewhere.
        ordinary_similarity: The median elsewhere.
        hamming: Differing bits of the candidate; NaN where there are no codes.
        rival_hamming: The least elsewhere; NaN where there is none.
        ordinary_hamming: The median elsewhere; NaN where there is none.
        agreement: Share of the first ten candidates that are at this place, itself included.
        support: Probability of the place after the frames before and this one; NaN without them.
        rival: Place id of the best elsewhere, None where there is none.
    """

    similarity: float
    rival_similarity: float = 0.0
    ordinary_similarity: float = 0.0
    hamming: float = math.nan
    rival_hamming: float = math.nan
    ordinary_hamming: float = math.nan
    agreement: float = 1.0
    support: float = math.nan
    rival: int | None = None

    @property
    def distance_ratio(self) -> float:
        """Ratio of the Euclidean distances of unit descriptors to this place and to the rival."""
        return float(_distance_ratio(np.array(self.similarity), np.array(self.rival_similarity)))

    @property
    def features(self) -> NDArray[np.float64]:
        """Return (5,) in the order of `FEATURES`; NaN where nothing is known."""
        return _features(
            np.array(self.similarity),
            np.array(self.rival_similarity),
            np.array(self.hamming),
            np.array(self.rival_hamming),
            np.array(self.agreement),
            np.array(self.support),
        )

    def without_rival(self) -> Evidence:
        """Return the evidence there would be were the rival an ordinary place."""
        return replace(
            self, rival_similarity=self.ordinary_similarity, rival_hamming=self.ordinary_hamming
        )


def gather(candidates: Candidates, i: int, radius: float, support: float = math.nan) -> Evidence:
    """Collect what is known of one candidate.

    Args:
        candidates: All of them, best first.
        i: Index of the one in question.
        radius: Metres within which places are one.
        support: Probability of the place by the frames so far, NaN without a filter.
    """
    here = candidates.at(i, radius)
    similarities = candidates.similarities[~here]
    codes = candidates.hamming[i] >= 0
    bits = candidates.hamming[~here] if codes else np.zeros(0)
    return Evidence(
        similarity=float(candidates.similarities[i]),
        rival_similarity=float(similarities.max()) if len(similarities) else 0.0,
        ordinary_similarity=float(np.median(similarities)) if len(similarities) else 0.0,
        hamming=float(candidates.hamming[i]) if codes else math.nan,
        rival_hamming=float(bits.min()) if len(bits) else math.nan,
        ordinary_hamming=float(np.median(bits)) if len(bits) else math.nan,
        agreement=float(here[:_FIRST].mean()),
        support=support,
        rival=int(candidates.ids[~here][similarities.argmax()]) if len(similarities) else None,
    )


def features_of_each(
    candidates: Candidates, radius: float, support: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return the features (H, 5) of every candidate, as `gather` would find them one by one.

    Args:
        candidates: All of them.
        radius: Metres within which places are one.
        support: (H,) probability of each place by the frames so far, None without a filter.
    """
    # Axis by axis, which takes a third of the time of a norm of the whole.
    axes = candidates.poses[:, :3].T
    away = sum((axis[:, None] - axis) ** 2 for axis in axes)
    here = away <= radius**2  # NaN is not
    np.fill_diagonal(here, val=True)
    rivals = np.where(here, -np.inf, candidates.similarities).max(1)
    bits = candidates.hamming.astype(np.float64)
    rival_bits = np.where(here, np.inf, bits).min(1)
    known = bits >= 0
    return _features(
        candidates.similarities,
        np.where(np.isfinite(rivals), rivals, 0.0),
        np.where(known, bits, np.nan),
        np.where(known & np.isfinite(rival_bits), rival_bits, np.nan),
        here[:, :_FIRST].mean(1),
        np.full(len(candidates), np.nan) if support is None else support,
    )


def _distance_ratio(
    similarity: NDArray[np.float64], rival: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return Lowe's test (IJCV 2004, section 7.1) for places: it needs no absolute scale."""
    far = np.maximum(1.0 - rival, 0.0)
    near = np.maximum(1.0 - similarity, 0.0)
    return np.sqrt(np.divide(near, far, out=np.ones_like(near), where=far > 0))


def _features(
    similarity: NDArray[np.float64],
    rival: NDArray[np.float64],
    hamming: NDArray[np.float64],
    rival_hamming: NDArray[np.float64],
    agreement: NDArray[np.float64],
    support: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the columns `FEATURES` (..., 5) from arrays of one shape.

    Distinctness is the negative logarithm of a ratio, of distances or of differing bits, of a
    candidate to its rival; support is the logarithm of the odds.
    """
    odds = np.log(np.maximum(support, 1e-9) / np.maximum(1 - support, 1e-9))
    columns = (
        similarity,
        -np.log(np.maximum(_distance_ratio(similarity, rival), 1e-3)),
        -np.log((hamming + 1) / (rival_hamming + 1)),
        agreement,
        np.clip(odds, -_MOST_SUPPORT, _MOST_SUPPORT),
    )
    return np.stack(columns, axis=-1)
