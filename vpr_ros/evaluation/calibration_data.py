# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Answers whose truth is known, as the evidence that calibrations are fitted to.

It comes from the very evidence and filters that the robot uses, so that a fit learns nothing that
is not there at run time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.evaluation.calibration_models import Observed, PoseOffset
from vpr_ros.evaluation.metrics import angles, localisable, pose_rows, within
from vpr_ros.localize import CalibrationError, make_filter
from vpr_ros.localize.calibration import FRAME, parts_of, standings
from vpr_ros.localize.decision import agreement
from vpr_ros.localize.evidence import FEATURES, gather, reranked
from vpr_ros.localize.temporal import BLIND
from vpr_ros.localize.verification import RULES

if TYPE_CHECKING:
    from vpr_ros.evaluation.metrics import Bools, Floats, Tolerance
    from vpr_ros.evaluation.results import Evaluation
    from vpr_ros.evaluation.summary import QueryResult
    from vpr_ros.localize.calibration import PlaceLikelihood
    from vpr_ros.search import Candidates

LEAST_CANDIDATES = 50
"""Candidates of each query below which standings and rivals differ from the robot's."""


@dataclass(frozen=True, eq=False)
class AnsweredTraverse:
    """The answers to the images of one traverse.

    Attributes:
        evaluation: The answers.
        known: Whether the map covers the traverse.
    """

    evaluation: Evaluation
    known: bool = True

    @property
    def name(self) -> str:
        """Names of query and map."""
        return f'{self.evaluation.setup.query} in {self.evaluation.setup.map}'


class AnswerTable:
    """A traverse as the arrays that fits need, without queries lacking truth or candidates."""

    def __init__(self, session: AnsweredTraverse, tolerance: Tolerance) -> None:
        evaluation = session.evaluation
        self._session, self._tolerance = session, tolerance
        self._places = evaluation.places
        self._queries: list[QueryResult] = [
            q
            for q in evaluation.queries
            if len(q.candidates) and (q.truth is not None or not session.known)
        ]
        few = min((len(q.candidates) for q in self._queries), default=LEAST_CANDIDATES)
        if few < min(LEAST_CANDIDATES, len(self._places.ids)):
            msg = (
                f'{session.name} was evaluated with {evaluation.setup.candidates} candidates an '
                'image; the robot judges by more: evaluate again with 100 candidates'
            )
            raise CalibrationError(msg)
        self._candidates = [_alone(query.candidates) for query in self._queries]
        self._truth = pose_rows(q.truth if session.known else None for q in self._queries)
        self._mapped = localisable(self._truth, self._places.poses, tolerance)

    def __len__(self) -> int:
        return len(self._queries)

    @property
    def detector(self) -> str:
        """Name of the detector whose inliers there are, or nothing."""
        compared = any(query.candidates.inliers is not None for query in self._queries)
        return self._session.evaluation.setup.detector if compared else ''

    @property
    def group(self) -> str:
        """Name of the traverse, which may have been localised in several maps."""
        return self._session.evaluation.setup.query

    def right(self) -> Bools:
        """Return whether the first candidate of each query is correct."""
        first = np.array([candidates.poses[0] for candidates in self._candidates])
        return within(self._truth, first, self._tolerance)

    def observe(self, stage: str, likelihood: PlaceLikelihood) -> Observed:
        """Return the evidence that the robot would have, with or without a temporal filter.

        The true poses stand in for odometry, which is nearly as good between two images. In a
        stage with inliers, answers are left out whose candidate was not compared.
        """
        radius, temporal = self._tolerance.distance, None
        plain, detector = parts_of(stage)
        chance = RULES[detector].chance if detector in RULES else 1
        if plain != FRAME:
            kind = plain.removesuffix(BLIND)
            temporal = make_filter(kind, lambda: self._places, likelihood)
        features, right, errors, kept = [], [], [], []
        for i, (query, alone, truth) in enumerate(
            zip(self._queries, self._candidates, self._truth, strict=True)
        ):
            candidates = reranked(query.candidates) if detector else alone
            support, row = None, 0
            if temporal is not None:
                odometry = None if plain.endswith(BLIND) else query.truth
                support = temporal.update(query.stamp, candidates, radius, odometry)
                row = support.best
            if detector and (candidates.inliers is None or np.isnan(candidates.inliers[row])):
                continue
            rows, places = np.array([row]), support.places if support else None
            features.append(gather(candidates, radius, places, rows, chance).features[0])
            kept.append(i)
            right.append(bool(within(truth, candidates.poses[row], self._tolerance)))
            error = None
            if right[-1]:
                mean, positions, turn = agreement(candidates, row, radius, likelihood, support)
                angle = float(angles(truth, mean))
                error = PoseOffset(truth[:2] - mean[:2], angle, positions[:2, :2], turn)
            errors.append(error)
        columns = np.array(features).reshape(-1, len(FEATURES))
        mapped = self._mapped[np.array(kept, np.intp)]
        return Observed(columns, np.array(right, np.bool_), mapped, errors, self.group)

    def places_seen(self) -> tuple[Floats, Bools]:
        """Return similarity and standing (N, 2) of every candidate, and whether it is correct."""
        values, right = [], []
        for truth, found in zip(self._truth, self._candidates, strict=True):
            values.append(np.column_stack([found.similarities, standings(found.similarities)]))
            right.append(within(truth[None], found.poses, self._tolerance))
        return np.concatenate(values), np.concatenate(right)

    def summary(self) -> dict[str, Any]:
        """Return the entry in the calibration file."""
        setup = self._session.evaluation.setup
        return {
            'map': setup.map,
            'query': setup.query,
            'frames': len(self),
            'mapped': int(self._mapped.sum()),
        }


def _alone(candidates: Candidates) -> Candidates:
    """Return the candidates as the search returned them, without local features."""
    plain = replace(candidates, inliers=None, probabilities=None)
    return plain.take(np.argsort(-plain.similarities, kind='stable'))
