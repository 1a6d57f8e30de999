# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits a calibration to answers whose truth is known, each session judged by fits on the others.

It goes through the very evidence and filters that the robot uses, so that nothing is learnt which
is not there at run time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from vpr_ros.decision.calibration import (
    Calibration,
    CalibrationError,
    Logistic,
    PlaceLikelihood,
    PoseError,
    standings,
)
from vpr_ros.decision.decider import FRAME
from vpr_ros.decision.evidence import FEATURES, Candidates, gather
from vpr_ros.decision.filters import BLIND, FILTERS, BayesFilter, make_filter
from vpr_ros.decision.fusion import spread, weighted_mean
from vpr_ros.evaluation.metrics import Tolerance, angles, localisable, precision_recall, within
from vpr_ros.evaluation.reliability import reliability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats
    from vpr_ros.evaluation.results import Evaluation, QueryResult

LEAST = 30
"""Right answers, and wrong ones, below which nothing can be said."""
LEAST_CANDIDATES = 50
"""Candidates of each query below which standing and rivals are not those of the robot."""
BAYES = BayesFilter.kind
_SHARES = (0.05, 0.1, 0.2)
"""Shares of a frame's likelihood that are tried as news."""
_SHRINKAGE = 1.0
"""Of standardised weights towards 0, as one observation each."""


@dataclass(frozen=True, eq=False)
class Session:
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
        nees: (A,) normalised squared errors of x, y and yaw of right accepted answers.
    """

    calibration: Calibration
    predictions: dict[str, Predictions] = field(default_factory=dict)
    nees: Floats = field(default_factory=lambda: np.zeros(0))


def calibrate(
    sessions: Sequence[Session],
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

    alone = [table.observe() for table in tables]
    fitted = {FRAME: _cross_validated(alone, precision)}
    step()
    likelihood = _place_likelihood(tables)
    trials = {}
    for share in _SHARES:
        likely = replace(likelihood, share=share)
        trials[share] = _cross_validated([t.observe(BAYES, likely) for t in tables], precision)
        step()
    best = min(trials, key=lambda share: _brier(trials[share][1]))
    likelihood = replace(likelihood, share=best)
    fitted[BAYES] = trials[best]
    for stage in (kind + ending for kind in FILTERS for ending in ('', BLIND)):
        if stage not in fitted:
            observed = [table.observe(stage, likelihood) for table in tables]
            fitted[stage] = _cross_validated(observed, precision)
        step()
    answers = [
        error
        for table, own in zip(tables, alone, strict=True)
        for error in table.errors(likelihood, own.right)
    ]
    pose_error = _pose_error(answers)
    calibration = Calibration(
        model=model,
        radius=tolerance.distance,
        angle=tolerance.angle,
        precision=precision,
        stages={kind: logistic for kind, (logistic, _) in fitted.items()},
        places=likelihood,
        pose_error=pose_error,
        data=[table.summary() for table in tables],
        quality={kind: _quality(*found) for kind, found in fitted.items()},
    )
    predictions = {kind: found for kind, (_, found) in fitted.items()}
    return Calibrated(calibration, predictions, nees(answers, pose_error))


@dataclass(frozen=True, eq=False)
class _Observed:
    """Features (Q, F) of each query's candidate, whether it is right, and whether one can be."""

    features: Floats
    right: Bools
    mapped: Bools
    group: str


class _Table:
    """A session as the arrays that fits need; queries without truth or candidates are left out."""

    def __init__(self, session: Session, tolerance: Tolerance) -> None:
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

    def observe(self, stage: str = FRAME, likelihood: PlaceLikelihood | None = None) -> _Observed:
        """Return what the robot would observe, by itself or with a filter.

        The true poses stand in for odometry: between two frames it is nearly as good.
        """
        radius = self._tolerance.distance
        frames = None
        if likelihood is not None:
            kind = stage.removesuffix(BLIND)
            frames = make_filter(kind, lambda: self._places, likelihood)
        rows, features = [], []
        for query, candidates in zip(self._queries, self._candidates, strict=True):
            row, support = 0, math.nan
            if frames is not None:
                odometry = None if stage.endswith(BLIND) else query.truth
                places = frames.update(query.stamp, candidates, radius, odometry)
                row = int(places.argmax())
                support = float(places[row])
            rows.append(row)
            features.append(gather(candidates, row, radius, support).features)
        chosen = np.array([c.poses[row] for row, c in zip(rows, self._candidates, strict=True)])
        right = within(self._truth, chosen, self._tolerance)
        group = self._session.evaluation.setup.query
        return _Observed(np.array(features), right, self._mapped, group)

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

    def errors(self, likelihood: PlaceLikelihood, right: Bools) -> list[_Error]:
        """Return the errors of the fused poses of right answers."""
        found = []
        for truth, candidates in zip(
            self._truth[right],
            [c for c, r in zip(self._candidates, right, strict=True) if r],
            strict=True,
        ):
            rows = candidates.agreeing(0, self._tolerance.distance)
            ratios = likelihood.log_ratios(candidates.similarities)[rows]
            mean, weights = weighted_mean(candidates.poses[rows], ratios)
            positions, turn = spread(candidates.poses[rows], mean, weights)
            offset = truth[:2] - mean[:2]
            found.append(_Error(offset, float(angles(truth, mean)), positions[:2, :2], turn))
        return found

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
class _Error:
    """Of one answer: offset (2,), angle, and the spread of the agreeing candidates of each."""

    offset: Floats
    angle: float
    spread: Floats
    angle_spread: float


def nees(errors: Sequence[_Error], model: PoseError) -> Floats:
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


def _common_model(sessions: Sequence[Session]) -> Any:
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
    observed = [table.observe() for table in tables]
    right = sum(int(o.right.sum()) for o in observed)
    wrong = sum(int((~o.right).sum()) for o in observed)
    groups = {o.group for o in observed}
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


def _pose_error(errors: Sequence[_Error]) -> PoseError:
    """Fit base and factor of the variances by maximum likelihood of Gaussian errors."""
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

    bounds = [(math.log(1e-4), math.log(1e4)), (math.log(1e-3), math.log(1e2))]
    position = np.exp(minimize(position_loss, np.zeros(2), bounds=bounds).x)
    angle = np.exp(
        minimize(angle_loss, np.array([-4.0, 0.0]), bounds=[(math.log(1e-6), 2.0), bounds[1]]).x
    )
    return PoseError(
        float(math.sqrt(position[0])),
        float(position[1]),
        float(math.sqrt(angle[0])),
        float(angle[1]),
    )


def _brier(predictions: Predictions) -> float:
    return reliability(predictions.probabilities, predictions.right).brier


def _quality(logistic: Logistic, found: Predictions) -> dict[str, float]:
    measured = reliability(found.probabilities, found.right)
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
    }
