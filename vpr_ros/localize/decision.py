# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The decision about the best candidate, and the pose of the candidates that agree with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.localize.calibration import FRAME
from vpr_ros.localize.evidence import gather

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.localize.calibration import Calibration, PlaceLikelihood
    from vpr_ros.localize.evidence import Evidence, Support
    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DecisionConfig:
    """When a candidate is accepted.

    Attributes:
        min_similarity: Cosine similarity below which the place counts as not mapped.
        min_probability: Probability below which nothing is accepted; 0 takes the threshold of the
            calibration. Without a calibration it has no effect.
        max_distance_ratio: Descriptor distance of the best candidate over that of the best
            candidate somewhere else; above it the places look alike. 1 accepts everything. With a
            calibration it has no effect.
        place_radius: Candidates within this distance of the best one are the same place, metres.
            With a calibration, its radius is taken.
        position_sigma: Smallest standard deviation ever claimed, metres.
        angle_sigma: Smallest standard deviation ever claimed, radians.
    """

    min_similarity: float = 0.0
    min_probability: float = 0.0
    max_distance_ratio: float = 0.85
    place_radius: float = 5.0
    position_sigma: float = 0.5
    angle_sigma: float = 0.07


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
    """The decision about one query.

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
        support: Output of a temporal filter for the same candidates.

    Returns:
        The candidates with their probabilities, and the decision on the first.
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
    """Return P(correct) (H,); none is above the first's or above 1 less the first's."""
    logistic = calibration.stages[support.stage if support else FRAME]
    own = logistic.probabilities(evidence.features)
    most = np.where(evidence.here[0], own[0], min(own[0], 1 - own[0]))
    return np.asarray(np.minimum(own, most))


def fuse(
    candidates: Candidates,
    radius: float,
    config: DecisionConfig,
    calibration: Calibration | None,
    support: Support | None = None,
) -> tuple[Pose, Floats]:
    """Return the pose of the base in the map, and its covariance (6, 6).

    With a calibration the pose is the weighted mean of the candidates that agree with the first,
    and the covariance is the fitted error of correct answers. Without one the pose is that of the
    first candidate, and the covariance is the spread of the others about it. No standard
    deviation is smaller than the configured one.
    """
    if calibration is None:
        rows = candidates.agreeing(0, radius)
        mean, weights = candidates.poses[0], np.full(len(rows), 1 / len(rows))
        positions, angles = spread(candidates.poses[rows], mean, weights)
        factors = (1.0, 1.0)
        floors = (config.position_sigma, config.angle_sigma)
    else:
        mean, positions, angles = agreement(candidates, 0, radius, calibration.places, support)
        error = calibration.pose_errors[support.stage if support else FRAME]
        factors = (error.position_factor, error.angle_factor)
        floors = (
            max(error.position, config.position_sigma),
            max(error.angle, config.angle_sigma),
        )
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = floors[0] ** 2 * np.eye(3) + factors[0] * positions
    covariance[3:, 3:] = (floors[1] ** 2 + factors[1] * angles) * np.eye(3)
    return Pose.from_array(mean), covariance


def agreement(
    candidates: Candidates,
    i: int,
    radius: float,
    places: PlaceLikelihood,
    support: Support | None,
) -> tuple[Floats, Floats, float]:
    """Return the mean pose of the candidates that agree with one, and their spread about it.

    Weights are the probabilities of the temporal filter, or else the likelihoods of the places.

    Returns:
        Mean pose (7,), covariance (3, 3) of the positions and mean square angle.
    """
    rows = candidates.agreeing(i, radius)
    if support is not None and support.exactly[rows].any():
        weights = support.exactly[rows]
    else:
        ratios = places.log_ratios(candidates.similarities)[rows]
        weights = np.exp(ratios - ratios.max())
    poses = candidates.poses[rows]
    mean, weights = weighted_mean(poses, weights)
    return mean, *spread(poses, mean, weights)


def weighted_mean(poses: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the mean (7,) of poses (N, 7), and their weights (N,) as shares.

    The mean orientation is that of the weighted sum of the quaternions, which for the small
    differences of one place is the mean in the sense of the chordal distance.
    """
    weights = weights / weights.sum()
    quaternions = poses[:, 3:]
    signs = np.where(quaternions @ quaternions[0] < 0, -1.0, 1.0)
    orientation = (weights * signs) @ quaternions
    mean = np.concatenate([weights @ poses[:, :3], orientation / np.linalg.norm(orientation)])
    return mean, weights


def spread(poses: Floats, mean: Floats, weights: Floats) -> tuple[Floats, float]:
    """Return covariance (3, 3) of positions and mean square angle of poses (N, 7) about one."""
    offsets = poses[:, :3] - mean[:3]
    quaternions = poses[:, 3:]
    signs = np.where(quaternions @ mean[3:] < 0, -1.0, 1.0)
    chords = np.linalg.norm(signs[:, None] * quaternions - mean[3:], axis=1)
    angles = 4 * np.arcsin(np.minimum(chords / 2, 1.0))
    return (offsets * weights[:, None]).T @ offsets, float(weights @ angles**2)
