# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits a calibration to answers whose truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from scipy.stats import t as student

from vpr_ros.evaluation.calibration_data import AnswerTable, require_candidates
from vpr_ros.evaluation.calibration_models import (
    cross_validated,
    fitted_weights,
    nees,
    pose_error,
)
from vpr_ros.evaluation.calibration_states import states_of
from vpr_ros.evaluation.metrics import precision_recall, reliability
from vpr_ros.localize import FILTERS, Calibration, CalibrationError
from vpr_ros.localize.calibration import FRAME, parts_of, with_detector
from vpr_ros.localize.place_likelihood import (
    PlaceLikelihood,
    PlaceLikelihoods,
    VerifiedLikelihood,
)
from vpr_ros.localize.temporal import BLIND

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.evaluation.calibration_data import AnsweredTraverse
    from vpr_ros.evaluation.calibration_models import Observed, PoseOffset, Predictions
    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.localize.calibration import Logistic, PoseErrorModel
    from vpr_ros.types import ModelInfo

_Likelihood = TypeVar('_Likelihood', PlaceLikelihood, VerifiedLikelihood)
LEAST = 30
"""Least correct answers, and least wrong ones, for a fit."""
_LEAST_ANSWERS = 10
"""Least answers of a traverse for its pose errors."""


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A calibration with its predictions.

    Attributes:
        calibration: Fitted on all traverses.
        predictions: By stage.
    """

    calibration: Calibration
    predictions: dict[str, Predictions]


def calibrate(
    traverses: Sequence[AnsweredTraverse],
    tolerance: Tolerance,
    precision: float = 0.995,
    progress: Callable[[int, int], None] | None = None,
) -> Calibrated:
    """Fit a calibration.

    Args:
        traverses: Of one model.
        tolerance: Of correct answers.
        precision: Wanted share of correct answers among the accepted.
        progress: Called with how many stages are done, and of how many.

    Raises:
        CalibrationError: Several models, or too few answers.
    """
    model = _common_model(traverses)
    for traverse in traverses:
        require_candidates(traverse)
    given = [AnswerTable(traverse, tolerance) for traverse in traverses]
    given = [table for table in given if len(table)]
    _require_enough(given)
    tables = [
        AnswerTable(state, tolerance) for traverse in traverses for state in states_of(traverse)
    ]
    tables = [table for table in tables if len(table)]
    detectors = sorted({table.detector for table in tables} - {''})
    for detector in detectors:
        _require_enough([table for table in given if table.detector == detector])
    stages = [FRAME, *(kind + ending for kind in FILTERS for ending in ('', BLIND))]
    stages += [with_detector(stage, detector) for detector in detectors for stage in stages]
    likelihoods = PlaceLikelihoods(
        _place_likelihood(tables, PlaceLikelihood),
        {name: _place_likelihood(tables, VerifiedLikelihood, name) for name in detectors},
    )
    found: dict[str, _Judged] = {}
    for done, stage in enumerate(stages, start=1):
        _, detector = parts_of(stage)
        among = [table for table in tables if detector in ('', table.detector)]
        observed = [table.observe(stage, likelihoods) for table in among]
        observed = [one for one in observed if len(one.right)]
        found[stage] = _Judged(observed, *cross_validated(observed, precision))
        if progress is not None:
            progress(done, len(stages))
    calibration = Calibration(
        model=model,
        radius=tolerance.distance,
        angle=tolerance.angle,
        precision=precision,
        stages={stage: one.logistic for stage, one in found.items()},
        places=likelihoods,
        pose_errors={stage: _pose_error(one) for stage, one in found.items()},
        data=[table.summary() for table in given],
        quality={stage: _quality(one) for stage, one in found.items()},
    )
    return Calibrated(calibration, {stage: one.predictions for stage, one in found.items()})


@dataclass(frozen=True, eq=False)
class _Judged:
    """The evidence of one stage, the fit to it, and its predictions for each traverse."""

    observed: Sequence[Observed]
    logistic: Logistic
    predictions: Predictions

    @cached_property
    def published(self) -> list[list[PoseOffset]]:
        """By traverse, of correct and accepted answers; where those are few, of all correct."""
        accepted = self.predictions.probabilities >= self.logistic.threshold
        sure, right = [], []
        for i, one in enumerate(self.observed):
            own = accepted[self.predictions.sessions == i]
            right.append([error for error in one.errors if error is not None])
            sure.append([e for e, a in zip(one.errors, own, strict=True) if a and e is not None])
        return sure if sum(map(len, sure)) >= LEAST else right


def _pose_error(judged: _Judged, without: str = '') -> PoseErrorModel:
    """Fit the errors of poses, without those of a world; they hold for drives as they are."""
    published = [
        (errors, one.state)
        for errors, one in zip(judged.published, judged.observed, strict=True)
        if one.worlds[0] != without
    ]
    together = [error for errors, _ in published for error in errors]
    return pose_error(together, [errors for errors, state in published if not state])


def _consistency(judged: _Judged) -> tuple[float, float]:
    """Return the mean over traverses of the mean of `nees`, and half the width of its 95 % band.

    Each traverse's errors are normalised by a fit on the others. Those of one traverse go together
    (it keeps to one lane), so that traverses are counted, not answers; Student's t.
    """
    published, groups = judged.published, [one.worlds[0] for one in judged.observed]
    counts = dict.fromkeys(groups, 0)
    for own, group in zip(published, groups, strict=True):
        counts[group] += len(own)
    others = {
        group: _pose_error(judged, group)
        for group, count in counts.items()
        if sum(counts.values()) - count >= LEAST
    }
    means = [
        float(nees(own, others[group]).mean())
        for own, group in zip(published, groups, strict=True)
        if len(own) >= _LEAST_ANSWERS and group in others
    ]
    if len(means) < 2:
        return math.nan, math.nan
    half = student.ppf(0.975, len(means) - 1) * np.std(means, ddof=1) / math.sqrt(len(means))
    return float(np.mean(means)), float(half)


def _common_model(traverses: Sequence[AnsweredTraverse]) -> ModelInfo:
    if not traverses:
        msg = 'there are no traverses to calibrate with'
        raise CalibrationError(msg)
    models = {traverse.evaluation.setup.model for traverse in traverses}
    if len(models) > 1:
        names = ', '.join(sorted(f'{m.name}:{m.weights_id[:12]}' for m in models))
        msg = f'the traverses are of different models ({names}): calibrate each by itself'
        raise CalibrationError(msg)
    return models.pop()


def _require_enough(tables: Sequence[AnswerTable]) -> None:
    right = sum(int(table.right().sum()) for table in tables)
    wrong = sum(len(table) for table in tables) - right
    groups = {table.worlds[0] for table in tables}
    if len(groups) < 2:
        msg = 'one traverse is too few: a fit to it has to be tested on another, give two or more'
        raise CalibrationError(msg)
    if right < LEAST or wrong < LEAST:
        msg = (
            f'{right} correct and {wrong} wrong answers are too few: at least {LEAST} of each are '
            'needed. Traverses in harder conditions, or of places that the map does not cover, '
            'give wrong ones'
        )
        raise CalibrationError(msg)


def _place_likelihood(
    tables: Sequence[AnswerTable], kind: type[_Likelihood], detector: str = ''
) -> _Likelihood:
    """Fit the likelihood ratio: a logistic regression less the logarithm of the prior odds."""
    seen = [table.places_seen(kind.evidence, detector) for table in tables]
    values = np.concatenate([v for v, _ in seen])
    right = np.concatenate([r for _, r in seen])
    if not right.any() or right.all():
        msg = (
            'the answers do not tell how much a place resembles the rest of its map: evaluate '
            'again with this version'
        )
        raise CalibrationError(msg)
    intercept, weights = fitted_weights(values, right)
    prior = math.log(right.mean() / (1 - right.mean()))
    return kind(intercept - prior, *weights.tolist())


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
