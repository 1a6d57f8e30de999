# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The decision about the best candidate, and the pose of the candidates that agree with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.localize.calibration import FRAME, parts_of, with_detector
from vpr_ros.localize.evidence import fused_scores, gather, shortfall

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.localize.calibration import Calibration
    from vpr_ros.localize.evidence import Evidence, InlierRule, Support
    from vpr_ros.localize.place_likelihood import PlaceLikelihoods
    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]

_UNDECIDED = 0.5
"""Probability of a place by the temporal filter below which the filter is against it; no place has
more where nothing tells whether the similarity is high."""
_RIVAL_SHARE = 0.7
"""Share of a place's inliers that makes a place elsewhere its rival."""


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
    UNINFORMATIVE = 6, 'of a picture that tells nothing'


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
    rule: InlierRule | None = None,
) -> tuple[Candidates, Decision]:
    """Judge ranked candidates, of which the first is the one in question.

    Args:
        candidates: Best first.
        config: When a candidate is accepted.
        calibration: Of the model that described the image; without one the distance ratio
            decides and probabilities are not known.
        support: Output of a temporal filter for the same candidates.
        rule: Of the detector, where local features were compared.

    Returns:
        The candidates with their probabilities, and the decision on the first.
    """
    if not len(candidates):
        return candidates, Decision(Status.NO_MAP, 'no place of the map can be compared')
    radius = calibration.radius if calibration else config.place_radius
    stage = FRAME
    if calibration is None:
        status, text = _by_rules(candidates, config, rule)
    else:
        judge = _Judge(calibration, config.min_probability, rule)
        evidence = gather(candidates, radius, support, chance=rule.chance if rule else 1)
        probabilities = _probabilities(evidence, judge, support)
        unjudged = _unjudged(evidence, judge, support)
        probabilities = np.where(unjudged, np.minimum(probabilities, _UNDECIDED), probabilities)
        candidates = replace(candidates, probabilities=probabilities)
        status, text = _by_probability(candidates, evidence, judge, support)
        stage = judge.stage(evidence, support)
    if (similarity := candidates.similarities[0]) < config.min_similarity:
        status = Status.BELOW_THRESHOLD
        text = f'best similarity {similarity:.3f} is below {config.min_similarity:.3f}'
    pose = covariance = None
    if status == Status.ACCEPTED:
        if np.isnan(candidates.poses[0]).any():
            text += '; the place has no pose'
        else:
            pose, covariance = fuse(candidates, radius, config, calibration, support, stage)
    return candidates, Decision(status, text, pose, covariance)


def _by_rules(
    candidates: Candidates, config: DecisionConfig, rule: InlierRule | None
) -> tuple[Status, str]:
    """Judge by the distance ratio, and by inliers where local features were compared."""
    evidence = gather(candidates, config.place_radius, rows=np.array([0]))
    status, text = _by_ratio(candidates, evidence, config.max_distance_ratio)
    inliers, rival = evidence.inliers[0], evidence.rival_inliers[0]
    if rule is None or np.isnan(inliers):
        return status, text
    text += f'; {_agreeing(evidence)}'
    if inliers < rule.least:
        text += f'; at least {rule.least} are needed'
        return (Status.UNVERIFIED if status == Status.ACCEPTED else status), text
    if rival >= max(_RIVAL_SHARE * inliers, rule.chance):
        return Status.AMBIGUOUS, text
    return Status.ACCEPTED, text


def _by_ratio(candidates: Candidates, evidence: Evidence, most: float) -> tuple[Status, str]:
    ratio = evidence.distance_ratios[0]
    alone = evidence.rivals[0] < 0
    other = 'an unrelated picture' if alone else f'{_rival(candidates, evidence)} elsewhere'
    text = f'similarity {candidates.similarities[0]:.3f}, distance ratio {ratio:.3f} to {other}'
    if ratio <= most:
        return Status.ACCEPTED, text
    text += f' is above {most:.3f}'
    return Status.BELOW_THRESHOLD if alone else Status.AMBIGUOUS, text


def _agreeing(evidence: Evidence) -> str:
    """Tell how many features of the first candidate agree, and of its rival."""
    rival = evidence.rival_inliers[0]
    elsewhere = 'none compared' if np.isnan(rival) else f'{int(rival)}'
    return f'{int(evidence.inliers[0])} features agree ({elsewhere} elsewhere)'


def _rival(candidates: Candidates, evidence: Evidence) -> str:
    """Name the rival of the first candidate."""
    return f'place {candidates.ids[evidence.rivals[0]]}'


@dataclass(frozen=True)
class _Judge:
    """The stages of a calibration, chosen by the evidence there is.

    Attributes:
        calibration: Of the model.
        least: Probability to be accepted, 0 for that of each stage.
        rule: Of the detector of local features, where they were compared.
    """

    calibration: Calibration
    least: float
    rule: InlierRule | None

    def stage(self, evidence: Evidence, support: Support | None, *, verified: bool = True) -> str:
        """Return the name of the stage for the first of some candidates.

        Args:
            evidence: Of the candidates.
            support: Of the temporal filter, where there is one.
            verified: Whether inliers may be used.
        """
        name = support.stage if support else FRAME
        if self.rule is None or not verified or np.isnan(evidence.inliers[0]):
            return name
        compared = with_detector(name, self.rule.detector)
        return compared if compared in self.calibration.stages else name

    def accepts(self, evidence: Evidence, name: str) -> bool:
        """Return whether a stage accepts the first of some candidates."""
        stage = self.calibration.stages[name]
        return bool(stage.probabilities(evidence.features[:1])[0] >= self.threshold(name))

    def threshold(self, name: str) -> float:
        """Return the least probability that a stage accepts."""
        return self.least or self.calibration.stages[name].threshold


def _by_probability(
    candidates: Candidates, evidence: Evidence, judge: _Judge, support: Support | None
) -> tuple[Status, str]:
    known = candidates.probabilities
    probability = 0.0 if known is None else float(known[0])
    name = judge.stage(evidence, support)
    least = judge.threshold(name)
    shown, threshold = _told_apart(probability, least)
    text = f'probability {shown}, similarity {candidates.similarities[0]:.3f}'
    if evidence.rivals[0] >= 0:
        similarity = evidence.rival_similarities[0]
        text += f', {similarity:.3f} to {_rival(candidates, evidence)} elsewhere'
    if not np.isnan(evidence.inliers[0]):
        text += f', {_agreeing(evidence)}'
    if support:
        text += f', {support.places[0]:.3f} by the temporal filter'
    if probability >= least:
        return Status.ACCEPTED, text
    text += f'; the threshold is {threshold}'
    if _unjudged(evidence, judge, support)[0] and judge.accepts(evidence, name):
        text += '; the map has too few places to judge a picture without local features'
        return Status.BELOW_THRESHOLD, text
    first = int(np.argmax(fused_scores(candidates)))
    by_itself = evidence.of_frame(first)
    alone = judge.stage(by_itself, None)
    if support and judge.accepts(by_itself, alone):
        text += f'; place {candidates.ids[first]} matches this image but not those before'
        return Status.TEMPORALLY_INCONSISTENT, text
    # A place that would be accepted but for a look-alike elsewhere is ambiguous.
    if judge.accepts(by_itself.without_inlier_rivals(), alone):
        return Status.AMBIGUOUS, text
    plain = judge.stage(evidence, support, verified=False)
    if plain != name and judge.accepts(evidence, plain):
        return Status.UNVERIFIED, text
    ambiguous = judge.accepts(by_itself.with_ordinary_rivals(candidates), alone)
    return (Status.AMBIGUOUS if ambiguous else Status.BELOW_THRESHOLD), text


def _unjudged(evidence: Evidence, judge: _Judge, support: Support | None) -> NDArray[np.bool_]:
    """Return for which candidates (H,) nothing tells whether their similarity is high.

    The map has too few other places, and local features were not compared.
    """
    name = judge.stage(evidence, support, verified=False)
    needed = bool(judge.calibration.stages[name].weights.get('standing'))
    return np.asarray(needed & np.isnan(evidence.standings) & np.isnan(evidence.inliers))


def _told_apart(probability: float, least: float) -> tuple[str, str]:
    """Write a probability and a threshold: three decimals, or as many as tell them apart."""
    for digits in range(3, 9):
        texts = f'{probability:.{digits}f}', f'{least:.{digits}f}'
        if texts[0] != texts[1] or probability >= least:
            break
    return texts


def _probabilities(
    evidence: Evidence, judge: _Judge, support: Support | None
) -> NDArray[np.float64]:
    """Return P(correct) (H,); none is above the first's or above 1 less the first's.

    Where the temporal filter is against a candidate, no picture can outvote it.
    """
    stages = judge.calibration.stages
    own = stages[judge.stage(evidence, support, verified=False)].probabilities(evidence.features)
    verified = stages[judge.stage(evidence, support)].probabilities(evidence.features)
    own = np.where(np.isnan(evidence.inliers), own, verified)
    against = evidence.support < _UNDECIDED  # NaN is not
    own = np.where(against, np.minimum(own, evidence.support), own)
    most = np.where(evidence.here[0], own[0], min(own[0], 1 - own[0]))
    return np.asarray(np.minimum(own, most))


def fuse(
    candidates: Candidates,
    radius: float,
    config: DecisionConfig,
    calibration: Calibration | None,
    support: Support | None = None,
    stage: str = FRAME,
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
        _, detector = parts_of(stage)
        mean, positions, angles = agreement(
            candidates, 0, radius, calibration.places, support, detector
        )
        error = calibration.pose_errors[stage]
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
    places: PlaceLikelihoods,
    support: Support | None,
    detector: str = '',
) -> tuple[Floats, Floats, float]:
    """Return the mean pose of the candidates that agree with one, and their spread about it.

    Weights are the likelihoods of the places, less for those that look less like the image than
    the best one. With odometry, earlier frames add the poses that they tell of now.

    Returns:
        Mean pose (7,), covariance (3, 3) of the positions and mean square angle.
    """
    rows = candidates.agreeing(i, radius)
    ratios = places.log_ratios(candidates, radius, detector)
    ratios = (ratios - shortfall(candidates, ratios))[rows]
    poses, weights = candidates.poses[rows], np.exp(ratios - ratios.max())
    drifts = np.zeros(len(rows))
    if support is not None and support.best == i and len(support.poses):
        # The frames together tell more than the neighbours of one place.
        poses = np.concatenate([poses, support.poses])
        weights = np.concatenate([weights / weights.sum(), support.weights])
        drifts = np.concatenate([drifts, support.drifts])
    mean, weights = weighted_mean(poses, weights)
    positions, angle = spread(poses, mean, weights)
    # Odometry errs in one direction all along the way, so that these errors do not average out.
    return mean, positions + (weights @ drifts) ** 2 * np.eye(3), angle


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
