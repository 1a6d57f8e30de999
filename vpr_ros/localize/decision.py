# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Is the best candidate right, and how far off may it be?"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.calibration import FRAME
from vpr_ros.localize.evidence import Candidates, features_of_each, gather
from vpr_ros.localize.fusion import fuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.localize.calibration import Calibration
    from vpr_ros.localize.decision_config import DecisionConfig
    from vpr_ros.localize.evidence import Evidence, Support
    from vpr_ros.search import Hit


class Status(IntEnum):
    """What became of a query; the numbers are those of PlaceCandidateArray.status."""

    ACCEPTED = 0
    NO_MAP = 1
    BELOW_THRESHOLD = 2
    AMBIGUOUS = 3
    TEMPORALLY_INCONSISTENT = 4
    UNVERIFIED = 5
    STALE_INPUT = 6


@dataclass(frozen=True)
class Decision:
    """The verdict on one query.

    Attributes:
        status: ACCEPTED or why not.
        reason: The same for a person, with the figures compared.
        pose: The base frame in the map frame; None unless accepted.
        covariance: (6, 6) of x, y, z and rotations about the fixed axes; None with the pose.
        evidence: What was known of the first candidate; None without candidates.
        probabilities: By place id, that each candidate is right; empty without a calibration.
    """

    status: Status
    reason: str
    pose: Pose | None = None
    covariance: NDArray[np.float64] | None = None
    evidence: Evidence | None = None
    probabilities: Mapping[int, float] = field(default_factory=dict)


def decide(
    hits: Sequence[Hit],
    config: DecisionConfig,
    calibration: Calibration | None = None,
    support: Support | None = None,
) -> Decision:
    """Judge ranked candidates, of which the first is the one in question.

    Args:
        hits: Candidates, best first.
        config: When a candidate is believed.
        calibration: Of the model that described the image; without one the distance ratio
            decides and nothing is known of probabilities.
        support: What a filter says of the same candidates.
    """
    if not hits:
        return Decision(Status.NO_MAP, 'the map has no place to compare with')
    candidates = Candidates.of(hits)
    radius = calibration.radius if calibration else config.place_radius
    chance = float(support.places[0]) if support else math.nan
    evidence = gather(candidates, 0, radius, chance)
    probabilities = {}
    if calibration is None:
        status, text = _by_ratio(evidence, config)
    else:
        probabilities = _probabilities(candidates, evidence, calibration, support)
        status, text = _by_probability(
            candidates,
            evidence,
            config,
            calibration,
            support,
            probabilities[int(candidates.ids[0])],
        )
    if evidence.similarity < config.min_similarity:
        status = Status.BELOW_THRESHOLD
        text = f'best similarity {evidence.similarity:.3f} is below {config.min_similarity:.3f}'
    pose = covariance = None
    if status == Status.ACCEPTED:
        if np.isnan(candidates.poses[0]).any():
            text += '; the place has no pose'
        else:
            pose, covariance = fuse(candidates, radius, config, calibration, support)
    return Decision(status, text, pose, covariance, evidence, probabilities)


def _by_ratio(evidence: Evidence, config: DecisionConfig) -> tuple[Status, str]:
    ratio, most = evidence.distance_ratio, config.max_distance_ratio
    alone = evidence.rival is None
    rival = 'an unrelated picture' if alone else f'place {evidence.rival} elsewhere'
    text = f'similarity {evidence.similarity:.3f}, distance ratio {ratio:.3f} to {rival}'
    if ratio <= most:
        return Status.ACCEPTED, text
    text += f' is above {most:.3f}'
    return Status.BELOW_THRESHOLD if alone else Status.AMBIGUOUS, text


def _by_probability(
    candidates: Candidates,
    evidence: Evidence,
    config: DecisionConfig,
    calibration: Calibration,
    support: Support | None,
    probability: float,
) -> tuple[Status, str]:
    alone = calibration.stages[FRAME]
    logistic = calibration.stages[support.stage] if support else alone
    least = config.min_probability or logistic.threshold
    text = f'probability {probability:.3f}, similarity {evidence.similarity:.3f}'
    if evidence.rival is not None:
        text += f', {evidence.rival_similarity:.3f} to place {evidence.rival} elsewhere'
    if support:
        text += f', {evidence.support:.3f} by the frames so far'
    if probability >= least:
        return Status.ACCEPTED, text
    text += f'; at least {least:.3f} is asked for'
    needed = config.min_probability or alone.threshold
    first = int(np.argmax(candidates.similarities))
    by_itself = gather(candidates, first, calibration.radius)
    if support and alone.probability(by_itself) >= needed:
        text += f'; place {candidates.ids[first]} fits this frame but not those before'
        return Status.TEMPORALLY_INCONSISTENT, text
    # What would be believed but for a look-alike elsewhere is ambiguous.
    if alone.probability(by_itself.without_rival()) >= needed:
        return Status.AMBIGUOUS, text
    return Status.BELOW_THRESHOLD, text


def _probabilities(
    candidates: Candidates,
    evidence: Evidence,
    calibration: Calibration,
    support: Support | None,
) -> dict[int, float]:
    """Return P(right) of each candidate, none above the first's or what the first's leaves."""
    logistic = calibration.stages[support.stage if support else FRAME]
    first, here = logistic.probability(evidence), candidates.at(0, calibration.radius)
    most = np.where(here, first, min(first, 1 - first))
    each = features_of_each(candidates, calibration.radius, support.places if support else None)
    own = np.minimum(logistic.probabilities(each), most)
    return dict(zip(candidates.ids.tolist(), own.tolist(), strict=True))
