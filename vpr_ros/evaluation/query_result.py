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
    from vpr_ros.search import Candidates


@dataclass(frozen=True, eq=False)
class QueryResult:
    """What was decided about one frame, beside what is true.

    Attributes:
        stamp: Of the image, nanoseconds.
        status: Name of the decision, for example ``ACCEPTED``.
        truth: Pose the frame was really taken at, or None where nobody knows.
        candidates: Best first.
        pose: The pose that was answered, or None where none was.
        timings: Seconds by stage, in the order of the stages.
        reason: Why it was decided so, in words.
    """

    stamp: int
    status: str
    truth: Pose | None
    candidates: Candidates
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
