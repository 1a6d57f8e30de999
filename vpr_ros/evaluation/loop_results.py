# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The results of an evaluation of loop closures, its figures and its JSON form."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vpr_ros.evaluation.metrics import PrecisionRecall, percentiles, precision_recall
from vpr_ros.evaluation.stored import StoredResult
from vpr_ros.evaluation.summary import latencies
from vpr_ros.geometry import Pose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation.summary import Latency
    from vpr_ros.types import ModelInfo

_LEVELS = (50.0, 95.0, 100.0)


@dataclass(frozen=True)
class LoopSetup:
    """The setup of the evaluation.

    Attributes:
        source: Name of the bag or folder.
        model: The model that described the images.
        truth: When a loop counts as correct, in words.
        exclusion: The keyframes that a loop may not close to, in words.
        verified: Whether candidates were looked at.
        created: When, ISO 8601.
        software: Name and version of the software.
    """

    source: str
    model: ModelInfo
    truth: str
    exclusion: str
    verified: bool
    created: str = ''
    software: str = ''


@dataclass(frozen=True, eq=False)
class LoopRecord:
    """One keyframe.

    Attributes:
        place_id: In the map of the traverse.
        stamp: Nanoseconds.
        pose: (7,) where the bag says it was taken, or None.
        status: Name of the decision.
        reason: For it, in words.
        match: Number of the keyframe, from 0, that is most alike among the old ones, or None.
        similarity: Of its descriptor.
        inliers: Features that agree with it, None where nobody looked.
        announced: Whether the loop was announced.
        right: Whether the match is the same place; None where nobody knows or there is none.
        revisit: Whether any of the old keyframes is the same place; None where nobody knows.
        true_match: Number of the old keyframe that is most surely the same place, or None.
        transform: (7,) measured pose of this base in the match's, None where not measured.
        timings: Seconds by stage.
    """

    place_id: int
    stamp: int
    pose: NDArray[np.float64] | None
    status: str
    reason: str
    match: int | None
    similarity: float
    inliers: int | None
    announced: bool
    right: bool | None
    revisit: bool | None
    true_match: int | None = None
    transform: NDArray[np.float64] | None = None
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def score(self) -> float:
        """The score of the match: features that agree, else similarity."""
        return self.similarity if self.inliers is None else float(self.inliers)

    @property
    def kind(self) -> str:
        """The outcome: held back, correct, wrong, or unjudged."""
        if not self.announced:
            return 'held'
        return 'unjudged' if self.right is None else 'right' if self.right else 'wrong'


@dataclass(frozen=True, eq=False)
class LoopSummary:
    """Every figure; a share of nothing is NaN. Keyframes of which the truth is unknown count not.

    Attributes:
        keyframes: In all.
        revisits: Keyframes that had an old one of the same place.
        accepted: Loops that were announced.
        right: Loops that are.
        wrong: Loops that are not.
        measured: Loops with a transform.
        curve: Precision and recall over the score, by which loops could be announced.
        recall_at_full_precision: Best recall without a wrong loop, known only with hindsight.
        position_error: By percentile, metres between measured and true transform.
        angle_error: By percentile, radians.
        latency: By stage.
    """

    keyframes: int
    revisits: int
    accepted: int
    right: int
    wrong: int
    measured: int
    curve: PrecisionRecall
    recall_at_full_precision: float
    position_error: dict[float, float]
    angle_error: dict[float, float]
    latency: dict[str, Latency]

    @property
    def precision_accepted(self) -> float:
        """Share of the announced loops that are correct."""
        judged = self.right + self.wrong
        return self.right / judged if judged else math.nan

    @property
    def recall_accepted(self) -> float:
        """Share of the revisits that were announced, and correctly."""
        return self.right / self.revisits if self.revisits else math.nan


@dataclass(frozen=True, eq=False)
class LoopEvaluation(StoredResult):
    """A whole evaluation of loop closures."""

    SCHEMA: ClassVar[str] = 'vpr_ros/loops'

    setup: LoopSetup
    records: tuple[LoopRecord, ...]

    @cached_property
    def summary(self) -> LoopSummary:
        """All figures, computed from the records."""
        return _summarise(self.records)

    def content(self) -> dict[str, Any]:
        """Return setup, figures and keyframes."""
        s = self.summary
        summary = {
            'keyframes': s.keyframes,
            'revisits': s.revisits,
            'announced': s.accepted,
            'right': s.right,
            'wrong': s.wrong,
            'measured': s.measured,
            'precision': s.precision_accepted,
            'recall': s.recall_accepted,
            'auc': s.curve.auc,
            'recall_at_full_precision': s.recall_at_full_precision,
            'position_error_m': {f'p{level:g}': v for level, v in s.position_error.items()},
            'angle_error_rad': {f'p{level:g}': v for level, v in s.angle_error.items()},
            'latency_s': {k: {'p50': v.p50, 'p95': v.p95} for k, v in s.latency.items()},
            'precision_recall': vars(s.curve),
        }
        keyframes = [asdict(record) for record in self.records]
        return {'setup': asdict(self.setup), 'summary': summary, 'keyframes': keyframes}


def _summarise(records: Sequence[LoopRecord]) -> LoopSummary:
    judged = [record for record in records if record.revisit is not None]
    loops = [record for record in judged if record.announced]
    positives = sum(record.revisit is True for record in judged)
    scores = np.array([record.score for record in judged], np.float64)
    right = np.array([record.right is True for record in judged], np.bool_)
    curve = precision_recall(scores, right, positives)
    errors = [error for record in loops if (error := transform_error(record, records)) is not None]
    return LoopSummary(
        keyframes=len(records),
        revisits=positives,
        accepted=sum(record.announced for record in records),
        right=sum(record.right is True for record in loops),
        wrong=sum(record.right is False for record in loops),
        measured=sum(record.transform is not None for record in records),
        curve=curve,
        recall_at_full_precision=curve.at_precision(1.0)[0],
        position_error=percentiles(np.array([metres for metres, _ in errors]), _LEVELS),
        angle_error=percentiles(np.array([radians for _, radians in errors]), _LEVELS),
        latency=latencies([record.timings for record in records]),
    )


def transform_error(
    record: LoopRecord, records: Sequence[LoopRecord]
) -> tuple[float, float] | None:
    """Return metres and radians between the measured and the true transform, if both are known."""
    if record.transform is None or record.match is None or record.pose is None:
        return None
    other = records[record.match].pose
    if other is None:
        return None
    truth = Pose.from_array(other).inverse() @ Pose.from_array(record.pose)
    measured = Pose.from_array(record.transform)
    return measured.distance_to(truth), measured.angle_to(truth)
