# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Is the best candidate right, and how far off may it be?"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.maps import Place
    from vpr_ros.retrieval import Hit


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
class DecisionConfig:
    """When a candidate is believed.

    Attributes:
        min_similarity: Cosine similarity below which the place counts as never mapped.
        max_distance_ratio: Descriptor distance of the best candidate over that of the best
            candidate somewhere else; above it the places look alike. 1 accepts everything.
        place_radius: Candidates within this distance of the best one are the same place, metres.
        position_sigma: Smallest standard deviation ever claimed, metres.
        angle_sigma: Smallest standard deviation ever claimed, radians.
    """

    min_similarity: float = 0.0
    max_distance_ratio: float = 0.85
    place_radius: float = 5.0
    position_sigma: float = 0.5
    angle_sigma: float = 0.1


@dataclass(frozen=True)
class Decision:
    """The verdict on one query.

    Attributes:
        status: ACCEPTED or why not.
        reason: The same for a person, with the figures compared.
        pose: The base frame in the map frame; None unless accepted.
        covariance: (6, 6) of x, y, z and rotations about the fixed axes; None with the pose.
    """

    status: Status
    reason: str
    pose: Pose | None = None
    covariance: NDArray[np.float64] | None = None


def decide(hits: Sequence[Hit], config: DecisionConfig) -> Decision:
    """Judge ranked candidates, best first.

    The ratio of distances to the best match and to the best match elsewhere is Lowe's test
    (IJCV 2004, section 7.1) for places: it needs no absolute scale of similarity. Where no
    candidate lies elsewhere, an unrelated picture stands in, whose similarity is about 0.
    """
    if not hits:
        return Decision(Status.NO_MAP, 'the map has no place to compare with')
    best = hits[0]
    if best.similarity < config.min_similarity:
        text = f'best similarity {best.similarity:.3f} is below {config.min_similarity:.3f}'
        return Decision(Status.BELOW_THRESHOLD, text)
    same = [hit for hit in hits if _near(hit.place, best.place, config.place_radius)]
    here = {hit.place.id for hit in same}
    other = next((hit for hit in hits if hit.place.id not in here), None)
    ratio = _distance_ratio(best.similarity, other.similarity if other else 0.0)
    rival = f'place {other.place.id} elsewhere' if other else 'an unrelated picture'
    text = f'similarity {best.similarity:.3f}, distance ratio {ratio:.3f} to {rival}'
    if ratio > config.max_distance_ratio:
        text += f' is above {config.max_distance_ratio:.3f}'
        return Decision(Status.AMBIGUOUS if other else Status.BELOW_THRESHOLD, text)
    if best.place.pose is None:
        return Decision(Status.ACCEPTED, text + '; the place has no pose')
    return Decision(Status.ACCEPTED, text, best.place.pose, _covariance(same, config))


def _near(place: Place, other: Place, radius: float) -> bool:
    if place.id == other.id:
        return True
    if place.pose is None or other.pose is None:
        return False
    return place.pose.distance_to(other.pose) <= radius


def _distance_ratio(best: float, other: float) -> float:
    """Ratio of the Euclidean distances of unit descriptors with these cosine similarities."""
    far = max(1.0 - other, 0.0)
    return float(np.sqrt(max(1.0 - best, 0.0) / far)) if far > 0 else 1.0


def _covariance(same: Sequence[Hit], config: DecisionConfig) -> NDArray[np.float64]:
    """Spread of the agreeing candidates about the best, never below the configured floor."""
    poses = [hit.place.pose for hit in same if hit.place.pose is not None]
    best = poses[0]
    offsets = np.array([pose.position - best.position for pose in poses])
    angles = np.array([best.angle_to(pose) for pose in poses])
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = offsets.T @ offsets / len(poses) + config.position_sigma**2 * np.eye(3)
    covariance[3:, 3:] = (np.mean(angles**2) + config.angle_sigma**2) * np.eye(3)
    return covariance
