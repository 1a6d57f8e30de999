# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits a calibration to answers whose truth is known, each session judged by fits on the others.

It goes through the very evidence and filters that the robot uses, so that nothing is learnt which
is not there at run time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize
from scipy.stats import t as student

from vpr_ros.evaluation.metrics import Tolerance, angles, localisable, precision_recall, within
from vpr_ros.evaluation.reliability import reliability
from vpr_ros.localize import FILTERS, Calibration, CalibrationError, make_filter
from vpr_ros.localize.calibration import (
    FRAME,
    Logistic,
    PlaceLikelihood,
    PoseErrorModel,
    standings,
)
from vpr_ros.localize.evidence import FEATURES, Candidates, Support, gather
from vpr_ros.localize.fusion import spread, weighted_mean, weights_of
from vpr_ros.localize.temporal.filters import BLIND, BayesFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats
    from vpr_ros.evaluation.query_result import QueryResult
    from vpr_ros.evaluation.results import Evaluation

LEAST = 30
"""Right answers, and wrong ones, below which nothing can be said."""
_LEAST_ANSWERS = 10
"""Of a session, to tell how far off its poses are."""
LEAST_CANDIDATES = 50
"""Candidates of each query below which standing and rivals are not those of the robot."""
BAYES = BayesFilter.kind
_SHARES = (0.05, 0.1, 0.2)
"""Shares of a frame's likelihood that are tried as news."""
_LEAST_SIGMAS = (0.1, 0.03)
"""Metres and radians."""
_SHRINKAGE = 1.0
"""Of standardised weights towards 0, as one observation each."""


@dataclass(frozen=True, eq=False)
class AnsweredTraverse:
    """Answers to one traverse.

    Attributes:
        evaluation: The answers.
        known: Whether the map shows where they were taken.
    """

    evaluation: Evaluation
    known: bool = True

    @property
    def name(self) -> str:
        """Query and map."""
        return f'{self.evaluation.setup.query} in {self.evaluation.setup.map}'


@dataclass(frozen=True, eq=False)
class Predictions:
    """What fits on the other sessions say of every query.

    Attributes:
        probabilities: (Q,) that the candidate is right.
        right: (Q,) whether it is.
        mapped: (Q,) whether any place of the map is.
        sessions: (Q,) index of each query's session.
    """

    probabilities: Floats
    right: Bools
    mapped: Bools
    sessions: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration and how good it is.

    Attributes:
        calibration: Fitted on all sessions.
        predictions: By stage.
    """

    calibration: Calibration
    predictions: dict[str, Predictions] = field(default_factory=dict)


def calibrate(
    sessions: Sequence[AnsweredTraverse],
    tolerance: Tolerance,
    precision: float = 0.99,
    progress: Callable[[int, int], None] | None = None,
) -> Calibrated:
    """Fit a calibration.

    Args:
        sessions: Of one model.
        tolerance: What is right.
        precision: Wanted of what is accepted.
        progress: Told how many of the stages are done, and of how many.

    Raises:
        CalibrationError: Several models, or too little to learn from.
    """
    model = _common_model(sessions)
    tables = [_Table(session, tolerance) for session in sessions]
    tables = [table for table in tables if len(table)]
    _require_enough(tables)
    total, done = len(_SHARES) + 2 * len(FILTERS), 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    likelihood = _place_likelihood(tables)

    def judged(stage: str, places: PlaceLikelihood) -> _Judged:
        observed = [table.observe(stage, places) for table in tables]
        step()
        return _Judged(observed, *_cross_validated(observed, precision))

    found = {FRAME: judged(FRAME, likelihood)}
    trials = {share: judged(BAYES, replace(likelihood, share=share)) for share in _SHARES}
    best = min(trials, key=lambda share: _brier(trials[share].predictions))
    likelihood = replace(likelihood, share=best)
    found[BAYES] = trials[best]
    for stage in (kind + ending for kind in FILTERS for ending in ('', BLIND)):
        if stage not in found:
            found[stage] = judged(stage, likelihood)
    calibration = Calibration(
        model=model,
        radius=tolerance.distance,
        angle=tolerance.angle,
        precision=precision,
        stages={stage: one.logistic for stage, one in found.items()},
        places=likelihood,
        pose_errors={
            stage: pose_error(list(chain(*one.published))) for stage, one in found.items()
        },
        data=[table.summary() for table in tables],
        quality={stage: _quality(one) for stage, one in found.items()},
    )
    return Calibrated(calibration, {stage: one.predictions for stage, one in found.items()})


@dataclass(frozen=True, eq=False)
class _Observed:
    """What there is to learn of each query.

    Attributes:
        features: (Q, F) of its candidate.
        right: (Q,) whether that is right.
        mapped: (Q,) whether any place of the map is.
        errors: How far off its pose would be, None unless it is right.
        group: What is left out of a fit as a whole.
    """

    features: Floats
    right: Bools
    mapped: Bools
    errors: list[PoseOffset | None]
    group: str


class _Table:
    """A session as the arrays that fits need; queries without truth or candidates are left out."""

    def __init__(self, session: AnsweredTraverse, tolerance: Tolerance) -> None:
        evaluation = session.evaluation
        self._session, self._tolerance = session, tolerance
        self._places = evaluation.places
        self._queries: list[QueryResult] = [
            q
            for q in evaluation.queries
            if len(q.candidate_ids) and (q.truth is not None or not session.known)
        ]
        few = min((len(q.candidate_ids) for q in self._queries), default=LEAST_CANDIDATES)
        if few < min(LEAST_CANDIDATES, len(self._places.ids)):
            msg = (
                f'{session.name} was evaluated with {evaluation.setup.candidates} candidates a '
                f'frame; the robot judges by more: evaluate again with --max-candidates 100'
            )
            raise CalibrationError(msg)
        self._candidates = [_columns(query) for query in self._queries]
        self._truth = np.array(
            [
                np.full(7, np.nan) if q.truth is None or not session.known else q.truth.as_array()
                for q in self._queries
            ]
        ).reshape(-1, 7)
        self._mapped = localisable(self._truth, self._places.poses, tolerance)

    def __len__(self) -> int:
        return len(self._queries)

    @property
    def group(self) -> str:
        """Traverse that was looked up, perhaps in several maps: left out of a fit as a whole."""
        return self._session.evaluation.setup.query

    def right(self) -> Bools:
        """Return whether the first candidate of each query is right."""
        first = np.array([candidates.poses[0] for candidates in self._candidates])
        return within(self._truth, first, self._tolerance)

    def observe(self, stage: str, likelihood: PlaceLikelihood) -> _Observed:
        """Return what the robot would observe, by itself or with a filter.

        The true poses stand in for odometry: between two frames it is nearly as good.
        """
        radius = self._tolerance.distance
        frames = None
        if stage != FRAME:
            kind = stage.removesuffix(BLIND)
            frames = make_filter(kind, lambda: self._places, likelihood)
        features, right, errors = [], [], []
        for query, candidates, truth in zip(
            self._queries, self._candidates, self._truth, strict=True
        ):
            row, chance, support = 0, math.nan, None
            if frames is not None:
                odometry = None if stage.endswith(BLIND) else query.truth
                places = frames.update(query.stamp, candidates, radius, odometry)
                support = Support(stage, places, frames.belief_in(candidates))
                row = int(places.argmax())
                chance = float(places[row])
            features.append(gather(candidates, row, radius, chance).features)
            right.append(bool(within(truth, candidates.poses[row], self._tolerance)))
            errors.append(
                self._error(truth, candidates, row, likelihood, support) if right[-1] else None
            )
        return _Observed(np.array(features), np.array(right), self._mapped, errors, self.group)

    def _error(
        self,
        truth: Floats,
        candidates: Candidates,
        row: int,
        likelihood: PlaceLikelihood,
        support: Support | None,
    ) -> PoseOffset:
        """Return how far off the pose is that the robot would make of one candidate."""
        rows = candidates.agreeing(row, self._tolerance.distance)
        poses = candidates.poses[rows]
        mean, weights = weighted_mean(poses, weights_of(rows, candidates, likelihood, support))
        positions, turn = spread(poses, mean, weights)
        return PoseOffset(
            truth[:2] - mean[:2], float(angles(truth, mean)), positions[:2, :2], turn
        )

    def places_seen(self) -> tuple[Floats, Bools]:
        """Return similarity and standing (N, 2) of every candidate, and whether it is right."""
        values = [
            np.column_stack([c.similarities, standings(c.similarities)]) for c in self._candidates
        ]
        right = [
            within(truth[None], c.poses, self._tolerance)
            for truth, c in zip(self._truth, self._candidates, strict=True)
        ]
        return np.concatenate(values), np.concatenate(right)

    def summary(self) -> dict[str, Any]:
        """Return what to write down of it."""
        setup = self._session.evaluation.setup
        return {
            'map': setup.map,
            'query': setup.query,
            'frames': len(self),
            'mapped': int(self._mapped.sum()),
        }


@dataclass(frozen=True, eq=False)
class PoseOffset:
    """How far off one answer is, and how far apart the candidates are that it was made of.

    Attributes:
        offset: (2,) metres.
        angle: Radians.
        spread: (2, 2) covariance of the positions of the agreeing candidates, square metres.
        angle_spread: Mean square of their angles about the mean, square radians.
    """

    offset: Floats
    angle: float
    spread: Floats
    angle_spread: float


@dataclass(frozen=True, eq=False)
class _Judged:
    """What one stage observed, what was learnt of it, and what that says of each session."""

    observed: Sequence[_Observed]
    logistic: Logistic
    predictions: Predictions

    @property
    def published(self) -> list[list[PoseOffset]]:
        """By session, of right answers that are accepted; where those are few, of all right."""
        accepted = self.predictions.probabilities >= self.logistic.threshold
        sure, right = [], []
        for i, one in enumerate(self.observed):
            own = accepted[self.predictions.sessions == i]
            right.append([error for error in one.errors if error is not None])
            sure.append([e for e, a in zip(one.errors, own, strict=True) if a and e is not None])
        return sure if sum(map(len, sure)) >= LEAST else right


def nees(errors: Sequence[PoseOffset], model: PoseErrorModel) -> Floats:
    """Return the normalised squared errors (N,) of x, y and yaw: chi-square of 3 if consistent.

    Bar-Shalom, Li and Kirubarajan, Estimation with Applications to Tracking, section 5.4.
    """
    values = []
    for error in errors:
        covariance = model.position**2 * np.eye(2) + model.position_factor * error.spread
        angle = model.angle**2 + model.angle_factor * error.angle_spread
        values.append(
            error.offset @ np.linalg.solve(covariance, error.offset) + error.angle**2 / angle
        )
    return np.array(values)


def _columns(query: QueryResult) -> Candidates:
    return Candidates(
        query.candidate_ids, query.similarities, query.hamming, query.candidate_poses
    )


def _consistency(judged: _Judged) -> tuple[float, float]:
    """Return the mean over sessions of the mean of `nees`, and half the width of its 95 % band.

    Each session's errors are normalised by a fit on the others. Those of one session go together
    (it keeps to one lane), so that sessions are counted, not answers; Student's t.
    """
    published, groups = judged.published, [one.group for one in judged.observed]
    means = []
    for own, group in zip(published, groups, strict=True):
        others = [e for p, g in zip(published, groups, strict=True) if g != group for e in p]
        if len(own) >= _LEAST_ANSWERS and len(others) >= LEAST:
            means.append(float(nees(own, pose_error(others)).mean()))
    if len(means) < 2:
        return math.nan, math.nan
    half = student.ppf(0.975, len(means) - 1) * np.std(means, ddof=1) / math.sqrt(len(means))
    return float(np.mean(means)), float(half)


def _common_model(sessions: Sequence[AnsweredTraverse]) -> Any:
    if not sessions:
        msg = 'there is nothing to calibrate with'
        raise CalibrationError(msg)
    models = {session.evaluation.setup.model for session in sessions}
    if len(models) > 1:
        names = ', '.join(sorted(f'{m.name}:{m.weights_id[:12]}' for m in models))
        msg = f'the sessions are of different models ({names}): calibrate each by itself'
        raise CalibrationError(msg)
    return models.pop()


def _require_enough(tables: Sequence[_Table]) -> None:
    right = sum(int(table.right().sum()) for table in tables)
    wrong = sum(len(table) for table in tables) - right
    groups = {table.group for table in tables}
    if len(groups) < 2:
        msg = (
            f'{len(groups)} session(s) cannot show whether what is learnt of one holds in another:'
            ' give at least 2'
        )
        raise CalibrationError(msg)
    if right < LEAST or wrong < LEAST:
        msg = (
            f'{right} right and {wrong} wrong answers are too few to learn from: at least {LEAST} '
            'of each are needed. Traverses of harder conditions, or of places that the map does '
            'not show (--elsewhere), give wrong ones'
        )
        raise CalibrationError(msg)


def _cross_validated(
    observed: Sequence[_Observed], precision: float
) -> tuple[Logistic, Predictions]:
    """Return the fit on everything, with the threshold that held on the sessions left out."""
    features = np.concatenate([o.features for o in observed])
    right = np.concatenate([o.right for o in observed])
    mapped = np.concatenate([o.mapped for o in observed])
    sessions = np.repeat(np.arange(len(observed)), [len(o.right) for o in observed])
    names = np.repeat([o.group for o in observed], [len(o.right) for o in observed])
    probabilities = np.zeros(len(right))
    for name in np.unique(names):
        out = names == name
        probabilities[out] = _predict(_logistic(features[~out], right[~out]), features[out])
    predictions = Predictions(probabilities, right, mapped, sessions)
    threshold = _threshold(predictions, precision)
    return replace(_logistic(features, right), threshold=threshold), predictions


def _logistic(features: Floats, right: Bools) -> Logistic:
    """Fit by maximum likelihood, shrunk a little; no evidence may speak against its candidate.

    Every feature is made so that more of it is better. A fit that says otherwise has found an
    accident of its sessions.
    """
    columns = np.flatnonzero(np.isfinite(features).any(axis=0)).tolist()
    means = np.nanmean(features[:, columns], axis=0)
    scales = np.nanstd(features[:, columns], axis=0) + 1e-9
    values = np.nan_to_num((features[:, columns] - means) / scales)
    signs = np.where(right, 1.0, -1.0)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        margins = signs * (parameters[0] + values @ parameters[1:])
        wrongness = -signs / (1 + np.exp(np.clip(margins, -50, 50)))
        gradient = np.concatenate([[wrongness.sum()], values.T @ wrongness])
        gradient[1:] += _SHRINKAGE * parameters[1:]
        penalty = 0.5 * _SHRINKAGE * parameters[1:] @ parameters[1:]
        return float(np.logaddexp(0, -margins).sum() + penalty), gradient

    start = np.zeros(1 + len(columns))
    bounds = [(None, None)] + [(0.0, None)] * len(columns)
    found = minimize(loss, start, jac=True, method='L-BFGS-B', bounds=bounds).x
    weights = found[1:] / scales
    names = [FEATURES[i] for i in columns]
    return Logistic(
        intercept=float(found[0] - weights @ means),
        weights=dict(zip(names, weights.tolist(), strict=True)),
        means=dict(zip(names, means.tolist(), strict=True)),
        threshold=1.0,
    )


def _predict(logistic: Logistic, features: Floats) -> Floats:
    odds = np.full(len(features), logistic.intercept)
    for name, weight in logistic.weights.items():
        column = features[:, FEATURES.index(name)]
        odds += weight * np.where(np.isnan(column), logistic.means[name], column)
    return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50, 50))))


def _threshold(predictions: Predictions, precision: float) -> float:
    """Return the least threshold from which on the precision is as wanted.

    It is asked of all sessions together, and of each that shows nothing of its map that no more
    than the share of mistakes is accepted. Where no threshold does it, nothing is accepted.
    """
    p, right = predictions.probabilities, predictions.right
    order = np.argsort(-p, kind='stable')
    wrong = np.cumsum(~right[order])
    fine = wrong <= (1 - precision) * np.arange(1, len(p) + 1)
    bad = np.flatnonzero(~fine)
    last = len(p) - 1 if not len(bad) else int(bad[0]) - 1
    threshold = float(p[order[last]]) if last >= 0 else 1.0
    for session in np.unique(predictions.sessions):
        own = predictions.sessions == session
        if not predictions.mapped[own].any():
            worst = np.sort(p[own])[::-1]
            threshold = max(
                threshold, float(np.nextafter(worst[int((1 - precision) * len(worst))], 1))
            )
    return threshold


def _place_likelihood(tables: Sequence[_Table]) -> PlaceLikelihood:
    """Fit the likelihood ratio: a logistic regression less the logarithm of the prior odds."""
    seen = [table.places_seen() for table in tables]
    values = np.concatenate([v for v, _ in seen])
    right = np.concatenate([r for _, r in seen])
    features = np.full((len(values), len(FEATURES)), np.nan)
    features[:, :2] = values
    logistic = _logistic(features, right)
    prior = math.log(right.mean() / (1 - right.mean()))
    weights = list(logistic.weights.values())
    return PlaceLikelihood(logistic.intercept - prior, weights[0], weights[1], 1.0)


def pose_error(errors: Sequence[PoseOffset]) -> PoseErrorModel:
    """Fit base and factor of the variances by maximum likelihood of Gaussian errors.

    The bases are kept above what the poses of traverses are themselves good for.
    """
    offsets = np.array([e.offset for e in errors])
    spreads = np.array([e.spread for e in errors])
    turns = np.array([e.angle for e in errors])
    turn_spreads = np.array([e.angle_spread for e in errors])

    def position_loss(logs: Floats) -> float:
        covariances = np.exp(logs[0]) * np.eye(2) + np.exp(logs[1]) * spreads
        squares = np.einsum(
            'ni,ni->n', offsets, np.linalg.solve(covariances, offsets[..., None])[..., 0]
        )
        return float(np.mean(squares + np.linalg.slogdet(covariances)[1]))

    def angle_loss(logs: Floats) -> float:
        variances = np.exp(logs[0]) + np.exp(logs[1]) * turn_spreads
        return float(np.mean(turns**2 / variances + np.log(variances)))

    least, least_angle = (2 * math.log(sigma) for sigma in _LEAST_SIGMAS)
    factor = (math.log(1e-3), math.log(1e2))
    bounds = [(least, math.log(1e4)), factor]
    position = np.exp(minimize(position_loss, np.zeros(2), bounds=bounds).x)
    bounds = [(least_angle, 2.0), factor]
    angle = np.exp(minimize(angle_loss, np.array([-4.0, 0.0]), bounds=bounds).x)
    return PoseErrorModel(
        float(math.sqrt(position[0])),
        float(position[1]),
        float(math.sqrt(angle[0])),
        float(angle[1]),
    )


def _brier(predictions: Predictions) -> float:
    return reliability(predictions.probabilities, predictions.right).brier


def _quality(judged: _Judged) -> dict[str, float]:
    logistic, found = judged.logistic, judged.predictions
    measured = reliability(found.probabilities, found.right)
    consistency = _consistency(judged)
    accepted = found.probabilities >= logistic.threshold
    right = int((accepted & found.right).sum())
    curve = precision_recall(found.probabilities, found.right, int(found.mapped.sum()))
    return {
        'frames': len(found.right),
        'right': float(found.right.mean()),
        'brier': measured.brier,
        'ece': measured.ece,
        'precision': right / int(accepted.sum()) if accepted.any() else math.nan,
        'recall': right / max(1, int(found.mapped.sum())),
        'recall_at_full_precision': curve.at_precision(1.0)[0],
        'nees': consistency[0],
        'nees_band': consistency[1],
    }
