# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What was decided about one frame, and the places that it could be."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose


@dataclass(frozen=True, eq=False)
class QueryResult:
    """What was decided about one frame, beside what is true.

    Attributes:
        stamp: Of the image, nanoseconds.
        status: Name of the decision, for example ``ACCEPTED``.
        truth: Pose the frame was really taken at, or None where nobody knows.
        candidate_ids: (K,) int64 place ids, best first.
        candidate_poses: (K, 7) of those places; a row of NaN where a place has no pose.
        similarities: (K,) cosine similarity of the descriptors.
        hamming: (K,) differing bits of the codes.
        probabilities: (K,) calibrated P(right), or None where nothing is calibrated.
        pose: The pose that was answered, or None where none was.
        timings: Seconds by stage, in the order of the stages.
        reason: Why it was decided so, in words.
    """

    stamp: int
    status: str
    truth: Pose | None
    candidate_ids: NDArray[np.int64]
    candidate_poses: NDArray[np.float64]
    similarities: NDArray[np.float64]
    hamming: NDArray[np.int64]
    probabilities: NDArray[np.float64] | None = None
    pose: Pose | None = None
    timings: dict[str, float] = field(default_factory=dict)
    reason: str = ''

    @property
    def accepted(self) -> bool:
        """Whether the answer was given out as a position."""
        return self.status == 'ACCEPTED'

    @property
    def score(self) -> float:
        """What the first candidate is judged by: probability, else similarity, else NaN."""
        scores = self.similarities if self.probabilities is None else self.probabilities
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
