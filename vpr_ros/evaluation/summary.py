# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The answers to queries, and the figures of an evaluation."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.evaluation.metrics import (
    PrecisionRecall,
    angles,
    distances,
    first_ranks,
    localisable,
    percentiles,
    pose_rows,
    precision_recall,
    recall_of_ranks,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats, Tolerance
    from vpr_ros.geometry import Pose
    from vpr_ros.search import Candidates

ERROR_LEVELS = (50.0, 90.0, 95.0, 100.0)
TOTAL = 'total'
"""Name of the sum of all stages among the latencies."""


@dataclass(frozen=True, eq=False)
class QueryResult:
    """The decision about one frame, with the truth.

    Attributes:
        stamp: Of the image, nanoseconds.
        status: Name of the decision, for example ``ACCEPTED``.
        truth: Pose the frame was really taken at, or None where nobody knows.
        candidates: Best first.
        pose: The pose that was answered, or None where none was.
        timings: Seconds by stage, in the order of the stages.
        reason: Why it was decided so, in words.
        covariance: (6, 6) of the answered pose, as in ``localize.Decision``; None with it.
    """

    stamp: int
    status: str
    truth: Pose | None
    candidates: Candidates
    pose: Pose | None = None
    timings: dict[str, float] = field(default_factory=dict)
    reason: str = ''
    covariance: NDArray[np.float64] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the answer was given out as a position."""
        return self.status == 'ACCEPTED'

    @property
    def score(self) -> float:
        """The score of the first candidate: probability, else similarity, else NaN."""
        known, similarities = self.candidates.probabilities, self.candidates.similarities
        scores = similarities if known is None else known
        return float(scores[0]) if len(scores) else float('nan')


@dataclass(frozen=True, eq=False)
class PlaceTable:
    """The places of a map, as far as an evaluation needs them.

    Attributes:
        ids: (M,) int64.
        sessions: (M,) int64.
        stamps: (M,) int64 nanoseconds.
        poses: (M, 7); a row of NaN where a place has no pose.
    """

    ids: NDArray[np.int64]
    sessions: NDArray[np.int64]
    stamps: NDArray[np.int64]
    poses: NDArray[np.float64]

    @cached_property
    def rows(self) -> dict[int, int]:
        """Row of each place id."""
        return {int(place): row for row, place in enumerate(self.ids)}

    def poses_of(self, ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return (K, 7) poses of places by id; NaN for an id that is not in the table."""
        poses = np.full((len(ids), 7), np.nan)
        for i, place in enumerate(ids):
            if (row := self.rows.get(int(place))) is not None:
                poses[i] = self.poses[row]
        return poses


@dataclass(frozen=True)
class StatusCount:
    """Frames that got one status, by whether their first candidate was correct.

    Frames whose true pose is unknown are in ``frames`` only.
    """

    frames: int
    right: int
    wrong: int


@dataclass(frozen=True)
class Latency:
    """Seconds one stage took, over all frames."""

    p50: float
    p95: float
    mean: float


@dataclass(frozen=True, eq=False)
class Summary:
    """Every figure of an evaluation; a share of nothing is NaN.

    Attributes:
        frames: Queries in all.
        judged: Queries whose true pose is known; every figure below is over these.
        localisable: Judged queries with a correct place in the map.
        recall: By N, share of the judged queries with a correct place among the first N; a query
            without one in the map counts as missed, as published evaluations do.
        recall_localisable: The same among the localisable queries only.
        recall_alone: Recall of the judged queries in the order by similarity, as it was before
            local features re-ranked the candidates; None where they did not.
        score: ``probability`` or ``similarity``, whose thresholds give precision and recall.
        curve: Precision and recall of the first candidate.
        recall_at_full_precision: Best recall without a single wrong acceptance.
        full_precision_threshold: The score which gives it, known only with hindsight.
        accepted: Judged queries that were accepted.
        accepted_right: Those of them whose first candidate is correct.
        position_error: By percentile, metres between true and answered pose of accepted queries.
        angle_error: By percentile, radians, likewise.
        statuses: Counts by status.
        latency: Seconds by stage, and in total.
        right: (frames,) whether each query's first candidate is correct; False where not judged.
        has_place: (frames,) whether each query is localisable.
        rank: (frames,) rank from 1 of each query's best correct candidate, 0 where none is.
    """

    frames: int
    judged: int
    localisable: int
    recall: dict[int, float]
    recall_localisable: dict[int, float]
    recall_alone: dict[int, float] | None
    score: str
    curve: PrecisionRecall
    recall_at_full_precision: float
    full_precision_threshold: float
    accepted: int
    accepted_right: int
    position_error: dict[float, float]
    angle_error: dict[float, float]
    statuses: dict[str, StatusCount]
    latency: dict[str, Latency]
    right: Bools
    has_place: Bools
    rank: NDArray[np.int64]

    @property
    def precision_accepted(self) -> float:
        """Share of the accepted queries that are correct; NaN where nothing was accepted."""
        return self.accepted_right / self.accepted if self.accepted else float('nan')

    @property
    def recall_accepted(self) -> float:
        """Share of the localisable queries that were accepted and are correct."""
        return self.accepted_right / self.localisable if self.localisable else float('nan')

    def to_json(self) -> dict[str, Any]:
        """Return plain dictionaries; the per-query marks are left out, the queries say them."""
        return {
            'frames': self.frames,
            'judged': self.judged,
            'localisable': self.localisable,
            'recall': self.recall,
            'recall_localisable': self.recall_localisable,
            'recall_alone': self.recall_alone,
            'score': self.score,
            **self.curve.figures(),
            'accepted': self.accepted,
            'accepted_right': self.accepted_right,
            'precision_accepted': self.precision_accepted,
            'recall_accepted': self.recall_accepted,
            'position_error_m': {f'p{level:g}': v for level, v in self.position_error.items()},
            'angle_error_rad': {f'p{level:g}': v for level, v in self.angle_error.items()},
            'statuses': {name: asdict(count) for name, count in self.statuses.items()},
            'latency_s': {stage: asdict(latency) for stage, latency in self.latency.items()},
            'precision_recall': vars(self.curve),
        }


def summarise(
    queries: Sequence[QueryResult],
    place_poses: Floats,
    tolerance: Tolerance,
    candidates: int,
) -> Summary:
    """Compute every figure.

    Args:
        queries: The answers.
        place_poses: (M, 7) poses of all mapped places.
        tolerance: When an answer counts as correct.
        candidates: Candidates that were asked for: recall@N is given for N up to this only.
    """
    truth = pose_rows(query.truth for query in queries)
    judged = np.asarray(np.isfinite(truth).all(axis=1), np.bool_)
    right = within(truth[:, None], _padded_poses(queries), tolerance)
    first_right = right[:, 0]
    has_place = localisable(truth, place_poses, tolerance)
    rank = first_ranks(right)
    compared = any(query.candidates.inliers is not None for query in queries)
    alone = first_ranks(_by_similarity(right, queries)) if compared else rank

    # One curve needs one kind of score: similarity, unless every answer has a probability.
    found = [query.candidates for query in queries]
    calibrated = any(len(c) for c in found) and all(
        c.probabilities is not None for c in found if len(c)
    )
    scores = np.array([_first(c.probabilities if calibrated else c.similarities) for c in found])
    curve = precision_recall(scores[judged], first_right[judged], int(has_place.sum()))
    full_recall, full_threshold = curve.at_precision(1.0)

    timings = [query.timings for query in queries if query.timings]
    accepted = judged & np.array([q.accepted for q in queries], np.bool_)
    answered = np.array([_answer(q) for q in queries], np.float64).reshape(-1, 7)
    return Summary(
        frames=len(queries),
        judged=int(judged.sum()),
        localisable=int(has_place.sum()),
        recall=recall_of_ranks(rank[judged], candidates),
        recall_localisable=recall_of_ranks(rank[has_place], candidates),
        recall_alone=recall_of_ranks(alone[judged], candidates) if compared else None,
        score='probability' if calibrated else 'similarity',
        curve=curve,
        recall_at_full_precision=full_recall,
        full_precision_threshold=full_threshold,
        accepted=int(accepted.sum()),
        accepted_right=int((accepted & first_right).sum()),
        position_error=percentiles(distances(truth, answered)[accepted], ERROR_LEVELS),
        angle_error=percentiles(angles(truth, answered)[accepted], ERROR_LEVELS),
        statuses=_statuses(queries, judged, first_right),
        latency=latencies(timings) | latencies([{TOTAL: sum(t.values())} for t in timings]),
        right=first_right,
        has_place=has_place,
        rank=rank,
    )


def _padded_poses(queries: Sequence[QueryResult]) -> Floats:
    """Return (Q, K, 7) candidate poses with K >= 1, short lists filled with NaN."""
    longest = max((len(q.candidates) for q in queries), default=0)
    poses = np.full((len(queries), max(1, longest), 7), np.nan)
    for row, query in enumerate(queries):
        poses[row, : len(query.candidates)] = query.candidates.poses
    return poses


def _by_similarity(right: Bools, queries: Sequence[QueryResult]) -> Bools:
    """Return what is said of candidates (Q, K) for the order by similarity."""
    ordered = right.copy()
    for row, query in enumerate(queries):
        order = np.argsort(-query.candidates.similarities, kind='stable')
        ordered[row, : len(order)] = right[row, order]
    return ordered


def _first(values: NDArray[np.float64] | None) -> float:
    return float(values[0]) if values is not None and len(values) else float('nan')


def _answer(query: QueryResult) -> Floats:
    """Return (7,), the pose that was answered, else the first candidate's, else NaN."""
    if query.pose is not None:
        return query.pose.as_array()
    return query.candidates.poses[0] if len(query.candidates) else np.full(7, np.nan)


def _statuses(
    queries: Sequence[QueryResult], judged: Bools, right: Bools
) -> dict[str, StatusCount]:
    names = np.array([q.status for q in queries], np.str_)
    return {
        name: StatusCount(
            frames=frames,
            right=int((right & (names == name)).sum()),
            wrong=int((judged & ~right & (names == name)).sum()),
        )
        for name, frames in Counter(names.tolist()).most_common()
    }


def latencies(timings: Sequence[dict[str, float]]) -> dict[str, Latency]:
    """Return the latency of each stage of images, of each of which the seconds are given."""
    stages = dict.fromkeys(stage for image in timings for stage in image)
    return {stage: _latency([t[stage] for t in timings if stage in t]) for stage in stages}


def _latency(taken: list[float]) -> Latency:
    seconds = np.array(taken)
    levels = percentiles(seconds, (50.0, 95.0))
    finite = seconds[np.isfinite(seconds)]
    mean = float(finite.mean()) if finite.size else float('nan')
    return Latency(levels[50.0], levels[95.0], mean)
