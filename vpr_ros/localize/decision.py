# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The verdict on the best candidate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.localize.calibration import FRAME
from vpr_ros.localize.evidence import gather
from vpr_ros.localize.fusion import fuse

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.localize.calibration import Calibration
    from vpr_ros.localize.decision_config import DecisionConfig
    from vpr_ros.localize.evidence import Evidence, Support
    from vpr_ros.search import Candidates


class Status(IntEnum):
    """The result of a query; the numbers are those of PlaceCandidateArray.status.

    Attributes:
        meaning: Of the status, for reports.
    """

    meaning: str

    def __new__(cls, value: int, meaning: str = '') -> Status:
        """Make a status of its number and its meaning."""
        status = int.__new__(cls, value)
        status._value_, status.meaning = value, meaning
        return status

    ACCEPTED = 0, 'answered with a position'
    NO_MAP = 1, 'no map was loaded'
    BELOW_THRESHOLD = 2, 'similar to no place of the map'
    AMBIGUOUS = 3, 'similar to several distant places'
    TEMPORALLY_INCONSISTENT = 4, 'contradicted by the frames before'
    UNVERIFIED = 5, 'not confirmed by local features'


@dataclass(frozen=True)
class Decision:
    """The verdict on one query.

    Attributes:
        status: ACCEPTED or why not.
        reason: In words, with the figures compared.
        pose: The base frame in the map frame; None unless accepted.
        covariance: (6, 6) of x, y, z and rotations about the fixed axes; None with the pose.
    """

    status: Status
    reason: str
    pose: Pose | None = None
    covariance: NDArray[np.float64] | None = None


def decide(
    candidates: Candidates,
    config: DecisionConfig,
    calibration: Calibration | None = None,
    support: Support | None = None,
) -> tuple[Candidates, Decision]:
    """Judge ranked candidates, of which the first is the one in question.

    Args:
        candidates: Best first.
        config: When a candidate is accepted.
        calibration: Of the model that described the image; without one the distance ratio
            decides and probabilities are not known.
        support: What a temporal filter says of the same candidates.

    Returns:
        The candidates with their probabilities, and the verdict on the first.
    """
    if not len(candidates):
        return candidates, Decision(Status.NO_MAP, 'no place of the map can be compared')
    radius = calibration.radius if calibration else config.place_radius
    if calibration is None:
        status, text = _by_ratio(candidates, config)
    else:
        evidence = gather(candidates, radius, support.places if support else None)
        probabilities = _probabilities(evidence, calibration, support)
        candidates = replace(candidates, probabilities=probabilities)
        status, text = _by_probability(
            candidates, evidence, config, calibration, support, float(probabilities[0])
        )
    if (similarity := candidates.similarities[0]) < config.min_similarity:
        status = Status.BELOW_THRESHOLD
        text = f'best similarity {similarity:.3f} is below {config.min_similarity:.3f}'
    pose = covariance = None
    if status == Status.ACCEPTED:
        if np.isnan(candidates.poses[0]).any():
            text += '; the place has no pose'
        else:
            pose, covariance = fuse(candidates, radius, config, calibration, support)
    return candidates, Decision(status, text, pose, covariance)


def _by_ratio(candidates: Candidates, config: DecisionConfig) -> tuple[Status, str]:
    evidence = gather(candidates, config.place_radius, rows=np.array([0]))
    ratio, most = evidence.distance_ratios[0], config.max_distance_ratio
    alone = evidence.rivals[0] < 0
    other = 'an unrelated picture' if alone else f'{_rival(candidates, evidence)} elsewhere'
    text = f'similarity {candidates.similarities[0]:.3f}, distance ratio {ratio:.3f} to {other}'
    if ratio <= most:
        return Status.ACCEPTED, text
    text += f' is above {most:.3f}'
    return Status.BELOW_THRESHOLD if alone else Status.AMBIGUOUS, text


def _rival(candidates: Candidates, evidence: Evidence) -> str:
    """Name the rival of the first candidate."""
    return f'place {candidates.ids[evidence.rivals[0]]}'


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
    text = f'probability {probability:.3f}, similarity {candidates.similarities[0]:.3f}'
    if evidence.rivals[0] >= 0:
        similarity = evidence.rival_similarities[0]
        text += f', {similarity:.3f} to {_rival(candidates, evidence)} elsewhere'
    if support:
        text += f', {support.places[0]:.3f} by the temporal filter'
    if probability >= least:
        return Status.ACCEPTED, text
    text += f'; the threshold is {least:.3f}'
    needed = config.min_probability or alone.threshold
    first = int(np.argmax(candidates.similarities))
    by_itself = evidence.of_frame(first)
    if support and alone.probabilities(by_itself.features)[0] >= needed:
        text += f'; place {candidates.ids[first]} matches this image but not those before'
        return Status.TEMPORALLY_INCONSISTENT, text
    # A place that would be accepted but for a look-alike elsewhere is ambiguous.
    ordinary = by_itself.with_ordinary_rivals(candidates)
    if alone.probabilities(ordinary.features)[0] >= needed:
        return Status.AMBIGUOUS, text
    return Status.BELOW_THRESHOLD, text


def _probabilities(
    evidence: Evidence, calibration: Calibration, support: Support | None
) -> NDArray[np.float64]:
    """Return P(correct) (H,), none above the first's or what the first's leaves."""
    logistic = calibration.stages[support.stage if support else FRAME]
    own = logistic.probabilities(evidence.features)
    most = np.where(evidence.here[0], own[0], min(own[0], 1 - own[0]))
    return np.asarray(np.minimum(own, most))
