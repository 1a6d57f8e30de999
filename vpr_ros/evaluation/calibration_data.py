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

from vpr_ros.errors import VprError
from vpr_ros.evaluation.calibration_models import Observed, PoseOffset
from vpr_ros.evaluation.dead_reckoning import dead_reckoned
from vpr_ros.evaluation.metrics import angles, localisable, pose_rows, within
from vpr_ros.localize import CalibrationError, make_filter
from vpr_ros.localize.calibration import FRAME, parts_of
from vpr_ros.localize.decision import agreement
from vpr_ros.localize.evidence import FEATURES, fused_order, gather
from vpr_ros.localize.temporal import BLIND
from vpr_ros.localize.verification import RULES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats, Tolerance
    from vpr_ros.evaluation.results import Evaluation
    from vpr_ros.evaluation.summary import QueryResult
    from vpr_ros.geometry import Pose
    from vpr_ros.localize.place_likelihood import PlaceLikelihoods
    from vpr_ros.search import Candidates

LEAST_CANDIDATES = 50
"""Candidates of each query below which rivals differ from the robot's."""
_SAME = 0.999
"""Similarity from which two descriptors are those of one image, as maps round them."""
_SEEN = 20
"""First candidates of each query that tell the likelihood of places."""


@dataclass(frozen=True, eq=False)
class AnsweredTraverse:
    """The answers to the images of one traverse.

    Attributes:
        evaluation: The answers.
        known: Whether the map covers the traverse.
        worlds: Of the query and of the map: what is judged by fits on other worlds as a whole;
            empty for the traverse itself.
        exact: Whether the truth is good enough to tell places at the end of a map from those
            beyond it.
        state: Name of the state that was made of it, see `states_of`; empty as it is.
        jump: Query before which the robot was carried away unnoticed by its odometry.
        compared: First candidates of a query that the robot compares by local features. Where more
            were compared, they stand in for those that are not on a smaller map.
    """

    evaluation: Evaluation
    known: bool = True
    worlds: tuple[str, ...] = ()
    exact: bool = True
    state: str = ''
    jump: int | None = None
    compared: int = 10

    @property
    def name(self) -> str:
        """Names of query and map."""
        return f'{self.evaluation.setup.query} in {self.evaluation.setup.map}'


def require_elsewhere(evaluation: Evaluation) -> None:
    """Make sure that a map does not show a drive because it was made from it.

    Raises:
        VprError: Its images are those of the places of the map, by stamp and descriptor.
    """
    places = evaluation.places
    stamp_of = dict(zip(places.ids.tolist(), places.stamps.tolist(), strict=True))
    mapped = set(stamp_of.values())
    alike = []
    for query in evaluation.queries:
        if query.stamp in mapped:
            found = zip(query.candidates.ids, query.candidates.similarities, strict=True)
            same = (stamp_of[place] == query.stamp and like >= _SAME for place, like in found)
            alike.append(any(same))
    if 2 * sum(alike) > len(alike):
        msg = (
            f'{evaluation.setup.map} was made from {evaluation.setup.query}: a bag from elsewhere '
            'shows none of the places of the map'
        )
        raise VprError(msg)


class AnswerTable:
    """A traverse as the arrays that fits need, without queries lacking truth or candidates."""

    def __init__(self, session: AnsweredTraverse, tolerance: Tolerance) -> None:
        evaluation = session.evaluation
        self._session, self._tolerance = session, tolerance
        self._places = evaluation.places
        answered = [
            (q, odometry)
            for q, odometry in zip(evaluation.queries, _odometry(session), strict=True)
            if len(q.candidates) and (q.truth is not None or not session.known)
        ]
        self._queries: list[QueryResult] = [query for query, _ in answered]
        self._odometry = [odometry for _, odometry in answered]
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
    def worlds(self) -> tuple[str, ...]:
        """Worlds of the traverse and its map; the traverse itself is one where none is known."""
        return self._session.worlds or (self._session.evaluation.setup.query,)

    def right(self) -> Bools:
        """Return whether the first candidate of each query is correct."""
        first = np.array([candidates.poses[0] for candidates in self._candidates])
        return within(self._truth, first, self._tolerance)

    def observe(self, stage: str, likelihood: PlaceLikelihoods) -> Observed:
        """Return the evidence that the robot would have, with or without a temporal filter.

        In a stage with inliers, answers are left out whose candidate was not compared.
        """
        radius, temporal = self._tolerance.distance, None
        plain, detector = parts_of(stage)
        chance = RULES[detector].chance if detector in RULES else 1
        if plain != FRAME:
            kind = plain.removesuffix(BLIND)
            temporal = make_filter(kind, lambda: self._places, likelihood, detector=detector)
        features, right, errors, kept = [], [], [], []
        for i, (query, alone, truth, moved) in enumerate(
            zip(self._queries, self._candidates, self._truth, self._odometry, strict=True)
        ):
            candidates, further = alone, alone
            if detector:
                candidates, further = self.as_compared(query.candidates)
            support, row = None, 0
            if temporal is not None:
                odometry = None if plain.endswith(BLIND) else moved
                support = temporal.update(query.stamp, candidates, radius, odometry)
                row = support.best
                if temporal.alone:
                    continue
            if detector:
                candidates = _with_compared(candidates, further, np.array([row]))
                if candidates.inliers is None or np.isnan(candidates.inliers[row]):
                    continue
            evidence = gather(candidates, radius, support, np.array([row]), chance)
            features.append(evidence.features[0])
            kept.append(i)
            right.append(bool(within(truth, candidates.poses[row], self._tolerance)))
            error = None
            if right[-1]:
                mean, positions, turn = agreement(
                    candidates, row, radius, likelihood, support, detector
                )
                if within(truth, mean, self._tolerance):
                    angle = float(angles(truth, mean))
                    error = PoseOffset(truth[:2] - mean[:2], angle, positions[:2, :2], turn)
            errors.append(error)
        columns = np.array(features).reshape(-1, len(FEATURES))
        columns[:, _unused(columns, detector, filtered=temporal is not None)] = np.nan
        mapped = self._mapped[np.array(kept, np.intp)]
        return Observed(
            columns, np.array(right, np.bool_), mapped, errors, self.worlds, self._session.state
        )

    def places_seen(
        self, evidence: Callable[[Candidates, float], Floats], detector: str = ''
    ) -> tuple[Floats, Bools]:
        """Return evidence (N, F) of the first candidates, and whether each (N,) is correct.

        Args:
            evidence: Of candidates within a radius.
            detector: Whose comparisons the candidates have, none where empty.
        """
        values, right = [], []
        for truth, query, found in zip(self._truth, self._queries, self._candidates, strict=True):
            candidates = self.as_compared(query.candidates)[0] if detector else found
            rows = evidence(candidates, self._tolerance.distance)[:_SEEN]
            known = np.isfinite(rows).all(axis=1)
            values.append(rows[known])
            correct = within(truth[None], candidates.poses[:_SEEN], self._tolerance)
            right.append(correct[known])
        return np.concatenate(values), np.concatenate(right)

    def as_compared(self, candidates: Candidates) -> tuple[Candidates, Candidates]:
        """Return candidates in the order of the robot: with its own comparisons, and with all."""
        if candidates.inliers is None:
            return candidates, candidates
        first = np.argsort(-candidates.similarities, kind='stable')[: self._session.compared]
        not_compared = np.full(len(candidates), np.nan)
        none: dict[str, Any] = dict.fromkeys(_COMPARED, not_compared)
        known = _with_compared(replace(candidates, **none), candidates, first)
        order = fused_order(known)
        return known.take(order), candidates.take(order)

    def summary(self) -> dict[str, Any]:
        """Return the entry in the calibration file."""
        setup = self._session.evaluation.setup
        return {
            'map': setup.map,
            'query': setup.query,
            'frames': len(self),
            'mapped': int(self._mapped.sum()),
        }


def _unused(features: Floats, detector: str, *, filtered: bool) -> list[int]:
    """Return the columns of features (Q, F) that a stage leaves out."""
    names = []
    # The similarity itself falls with seasons and resolutions that no fit has seen. So does the
    # standing, though less; inliers tell more, also than how many candidates agree.
    if detector:
        names += ['similarity', 'standing', 'agreement']
    elif np.isfinite(features[:, FEATURES.index('standing')]).any():
        names += ['similarity']
    # The filter has weighed the shapes of all images; there one more makes it no better.
    if filtered:
        names += ['nearness']
    return [FEATURES.index(name) for name in names]


def require_candidates(traverse: AnsweredTraverse) -> None:
    """Make sure that the answers have enough candidates.

    Raises:
        CalibrationError: The robot judges by more.
    """
    evaluation = traverse.evaluation
    counts = [len(query.candidates) for query in evaluation.queries if len(query.candidates)]
    few = min(counts, default=LEAST_CANDIDATES)
    if few < min(LEAST_CANDIDATES, len(evaluation.places.ids)):
        msg = (
            f'{traverse.name} was evaluated with {evaluation.setup.candidates} candidates an '
            'image; the robot judges by more: evaluate again with 100 candidates'
        )
        raise CalibrationError(msg)
    compared = [q.candidates for q in evaluation.queries if q.candidates.inliers is not None]
    if any(getattr(found, name) is None for found in compared for name in _COMPARED):
        msg = (
            f'{traverse.name} was evaluated by an earlier version, which did not write all that '
            'tells places apart: evaluate again'
        )
        raise CalibrationError(msg)


def _odometry(traverse: AnsweredTraverse) -> list[Pose | None]:
    """Return the pose of each query by odometry with the errors of wheels; None without truth.

    It sees nothing of a jump.
    """
    queries = traverse.evaluation.queries
    known = [i for i, query in enumerate(queries) if query.truth is not None]
    carried = [j for j, i in enumerate(known) if i == traverse.jump]
    poses = dead_reckoned([truth for q in queries if (truth := q.truth) is not None], carried)
    odometry: list[Pose | None] = [None] * len(queries)
    for i, pose in zip(known, poses, strict=True):
        odometry[i] = pose
    return odometry


_COMPARED = 'inliers', 'matches', 'deformations'
"""The figures of candidates by their comparisons."""


def _with_compared(
    candidates: Candidates, further: Candidates, rows: NDArray[np.intp]
) -> Candidates:
    """Return candidates with some of them compared, as far as they were."""
    if candidates.inliers is None or further.inliers is None:
        return candidates
    these = np.isin(np.arange(len(candidates)), rows)
    figures = {
        name: np.where(these, getattr(further, name), getattr(candidates, name))
        for name in _COMPARED
    }
    return replace(candidates, **figures)


def _alone(candidates: Candidates) -> Candidates:
    """Return the candidates as the search returned them, without local features."""
    nothing: dict[str, Any] = dict.fromkeys((*_COMPARED, 'parallaxes', 'probabilities'))
    plain = replace(candidates, **nothing)
    return plain.take(np.argsort(-plain.similarities, kind='stable'))
