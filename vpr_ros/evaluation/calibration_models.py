# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits probabilities to evidence, each traverse judged by fits on the others, and pose errors."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.stats import chi2

from vpr_ros.localize.calibration import Logistic, PoseErrorModel
from vpr_ros.localize.evidence import FEATURES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats

_LEAST_SIGMAS = (0.1, 0.03)
"""Accuracy of the poses of traverses, metres and radians."""
_INSIDE = 0.92
"""Least share of the errors of each traverse inside their 95 % region."""
_LEAST_ERRORS = 100
"""Of a traverse, below which that share tells nothing."""
_SHRINKAGE = 1.0
"""Of standardised weights towards 0, as one observation each."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions for every query by fits on the other traverses.

    Attributes:
        probabilities: (Q,) that the candidate is correct.
        right: (Q,) whether it is.
        mapped: (Q,) whether any place of the map is correct.
        sessions: (Q,) index of each query's session.
        worlds: Of each session.
        states: Made of each session, see `states_of`; empty as it is.
    """

    probabilities: Floats
    right: Bools
    mapped: Bools
    sessions: NDArray[np.intp]
    worlds: tuple[str, ...]
    states: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Observed:
    """The evidence and the truth of each query.

    Attributes:
        features: (Q, F) of its candidate.
        right: (Q,) whether it is correct.
        mapped: (Q,) whether any place of the map is correct.
        errors: Of the pose, None unless it and the candidate are correct.
        worlds: Of the traverse, and of its map; the first is left out of a fit as a whole.
        state: That was made of it, empty as it is.
    """

    features: Floats
    right: Bools
    mapped: Bools
    errors: list[PoseOffset | None]
    worlds: tuple[str, ...]
    state: str


def cross_validated(
    observed: Sequence[Observed], precision: float
) -> tuple[Logistic, Predictions]:
    """Return the fit on all traverses, with the threshold for the predictions by the others."""
    features = np.concatenate([o.features for o in observed])
    right = np.concatenate([o.right for o in observed])
    mapped = np.concatenate([o.mapped for o in observed])
    sessions = np.repeat(np.arange(len(observed)), [len(o.right) for o in observed])
    worlds = tuple(o.worlds[0] for o in observed)
    probabilities = np.zeros(len(right))
    for world in sorted(set(worlds)):
        own = np.array([one == world for one in worlds])[sessions]
        others = np.array([world not in o.worlds for o in observed])[sessions]
        fitted = fit_logistic(features[others], right[others])
        probabilities[own] = fitted.probabilities(features[own])
    predictions = Predictions(
        probabilities, right, mapped, sessions, worlds, tuple(o.state for o in observed)
    )
    threshold = _threshold(predictions, precision)
    return replace(fit_logistic(features, right), threshold=threshold), predictions


def fit_logistic(features: Floats, right: Bools) -> Logistic:
    """Fit by maximum likelihood with some shrinkage and no negative weight.

    A higher feature is always better evidence; a negative weight would be an accident of the
    traverses.
    """
    columns = np.flatnonzero(np.isfinite(features).any(axis=0)).tolist()
    means = np.nanmean(features[:, columns], axis=0)
    values = np.where(np.isnan(features[:, columns]), means, features[:, columns])
    intercept, weights = fitted_weights(values, right)
    names = [FEATURES[i] for i in columns]
    return Logistic(
        intercept=intercept,
        weights=dict(zip(names, weights.tolist(), strict=True)),
        means=dict(zip(names, means.tolist(), strict=True)),
        threshold=1.0,
    )


def fitted_weights(features: Floats, right: Bools) -> tuple[float, Floats]:
    """Return intercept and weights (F,), none negative, of a logistic regression.

    Args:
        features: (N, F) finite.
        right: (N,).
    """
    means, scales = features.mean(axis=0), features.std(axis=0) + 1e-9
    values = (features - means) / scales
    signs = np.where(right, 1.0, -1.0)

    def loss(parameters: Floats) -> tuple[float, Floats]:
        margins = signs * (parameters[0] + values @ parameters[1:])
        wrongness = -signs / (1 + np.exp(np.clip(margins, -50, 50)))
        gradient = np.concatenate([[wrongness.sum()], values.T @ wrongness])
        gradient[1:] += _SHRINKAGE * parameters[1:]
        penalty = 0.5 * _SHRINKAGE * parameters[1:] @ parameters[1:]
        return float(np.logaddexp(0, -margins).sum() + penalty), gradient

    count = features.shape[1]
    start, bounds = np.zeros(1 + count), [(None, None)] + [(0.0, None)] * count
    found = minimize(loss, start, jac=True, method='L-BFGS-B', bounds=bounds).x
    weights = found[1:] / scales
    return float(found[0] - weights @ means), weights


def _threshold(predictions: Predictions, precision: float) -> float:
    """Return the least threshold that meets all of these; 1 where none does.

    - Of what is accepted of traverses as they are, the share `precision` is correct.
    - In each state that was made of them, no more than the remaining share of its frames is
      accepted and wrong.
    - In no world, and in none of its states, is it more than that by over a standard deviation
      and one answer.
    - Of each traverse outside its map, no more than the remaining share is accepted.
    """
    p, right, share = predictions.probabilities, predictions.right, 1 - precision
    worlds, states = (
        np.array(names)[predictions.sessions] for names in (predictions.worlds, predictions.states)
    )

    def of_accepted(accepted: Floats, _: int) -> Floats:
        return share * accepted

    def of_frames(accepted: Floats, frames: int) -> Floats:
        return np.full(len(accepted), share * frames)

    def clearly(allowed: Callable[[Floats, int], Floats]) -> Callable[[Floats, int], Floats]:
        def limit(accepted: Floats, frames: int) -> Floats:
            expected = allowed(accepted, frames)
            return np.asarray(expected + np.sqrt(expected) + 1)

        return limit

    threshold = 0.0
    for state in sorted(set(predictions.states)):
        allowed, own = of_frames if state else of_accepted, states == state
        threshold = max(threshold, _least(p[own], right[own], allowed))
        for world in sorted(set(worlds[own])):
            there = own & (worlds == world)
            threshold = max(threshold, _least(p[there], right[there], clearly(allowed)))
    for session in np.unique(predictions.sessions):
        own = predictions.sessions == session
        if not predictions.mapped[own].any():
            worst = np.sort(p[own])[::-1]
            threshold = max(threshold, float(np.nextafter(worst[int(share * len(worst))], 1)))
    return threshold


def _least(p: Floats, right: Bools, allowed: Callable[[Floats, int], Floats]) -> float:
    """Return the least threshold at which no more wrong answers are accepted than allowed.

    Args:
        p: (N,) probabilities.
        right: (N,).
        allowed: Returns how many wrong ones are, from (N,) numbers of accepted ones and of all.
    """
    order = np.argsort(-p, kind='stable')
    wrong = np.cumsum(~right[order])
    # Equal probabilities are accepted together.
    last = np.append(np.diff(p[order]) < 0, True)
    fine = np.flatnonzero((wrong <= allowed(np.arange(1.0, len(p) + 1), len(p))) & last)
    return float(p[order[fine[-1]]] if len(fine) else np.nextafter(p.max(), 1))


@dataclass(frozen=True, eq=False)
class PoseOffset:
    """The error of one pose, and the spread of the candidates that it is the mean of.

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


def pose_error(
    errors: Sequence[PoseOffset], traverses: Sequence[Sequence[PoseOffset]]
) -> PoseErrorModel:
    """Fit base and factor of the variances so that they hold for each traverse.

    By maximum likelihood of Gaussian errors; then the variances are multiplied until of no
    traverse more errors than allowed are outside their 95 % region. The errors of one drive go
    together, as it keeps to its lane, and a robot drives one at a time.

    Args:
        errors: All.
        traverses: Of each traverse that the variances have to hold for.
    """
    fitted = _fitted(errors)
    region = chi2.ppf(0.95, 3)
    worst = [
        np.quantile(nees(own, fitted), _INSIDE) / region
        for own in traverses
        if len(own) >= _LEAST_ERRORS
    ]
    scale = max([1.0, *worst])
    return PoseErrorModel(
        fitted.position * math.sqrt(scale),
        fitted.position_factor * scale,
        fitted.angle * math.sqrt(scale),
        fitted.angle_factor * scale,
    )


def _fitted(errors: Sequence[PoseOffset]) -> PoseErrorModel:
    """Fit by maximum likelihood; the bases are kept above the accuracy of the true poses."""
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
