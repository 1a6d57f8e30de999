# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibration: the probability that a candidate is correct, from the evidence.

A calibration is a small YAML file that ``vpr calibrate`` makes, bound to the network and weights
whose similarities it was fitted on. Reading and applying it needs numpy and nothing else.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from vpr_ros.documents import DocumentError, read_yaml
from vpr_ros.errors import VprError, shown
from vpr_ros.localize.evidence import FEATURES
from vpr_ros.localize.place_likelihood import PlaceLikelihoods
from vpr_ros.parsing import parse
from vpr_ros.types import ModelInfo

if TYPE_CHECKING:
    from numpy.typing import NDArray


FORMAT = 5
NONE = 'none'
"""The choice of no calibration."""
_GREATEST = 1e6
FRAME = 'frame'
"""The stage that judges one image alone."""


def with_detector(stage: str, detector: str) -> str:
    """Return the name of the stage that also uses the inliers of a detector."""
    return f'{stage}/{detector}'


def parts_of(stage: str) -> tuple[str, str]:
    """Return the stage without inliers, and the name of the detector or nothing."""
    plain, _, detector = stage.partition('/')
    return plain, detector


_SHIPPED = Path(__file__).parent / 'calibrations'
_HEADER = """\
# How probable it is that a candidate is correct, for one network. Made by `vpr calibrate`.
"""

_log = logging.getLogger(__name__)


class CalibrationError(VprError):
    """A calibration that is missing, damaged, newer, or made for another network."""


@dataclass(frozen=True)
class _Limits:
    """What the file says is right, and how often."""

    metres: float
    radians: float | None
    precision: float

    def __post_init__(self) -> None:
        if self.metres <= 0 or not 0 < self.precision <= 1 or (self.radians or 1) < 0:
            msg = 'a radius and an angle are more than 0, a precision is a share'
            raise ValueError(msg)


@dataclass(frozen=True)
class Logistic:
    """P(correct) = 1 / (1 + exp(-(intercept + sum of weight * feature))).

    Attributes:
        intercept: The logarithm of the odds where every feature is 0.
        weights: By name of the feature.
        means: Of the features when fitted; they stand in for unknown features.
        threshold: Least probability that is accepted.
    """

    intercept: float
    weights: dict[str, float]
    means: dict[str, float]
    threshold: float

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probabilities (...) that candidates are correct, from features (..., F)."""
        odds = np.full(features.shape[:-1], self.intercept)
        for name, weight in self.weights.items():
            values = features[..., FEATURES.index(name)]
            odds += weight * np.where(np.isnan(values), self.means[name], values)
        return np.asarray(1 / (1 + np.exp(-np.clip(odds, -50.0, 50.0))), np.float64)


@dataclass(frozen=True)
class PoseErrorModel:
    """The error of the pose of a correct answer: variance = base^2 + factor * spread.

    The spread is the covariance of the poses of the agreeing candidates about their mean.

    Attributes:
        position: Base standard deviation, metres.
        position_factor: Of the spread of positions.
        angle: Base standard deviation, radians.
        angle_factor: Of the spread of angles.
    """

    position: float
    position_factor: float
    angle: float
    angle_factor: float

    def __post_init__(self) -> None:
        if min(self.position, self.position_factor, self.angle, self.angle_factor) < 0:
            msg = 'an error is not less than 0'
            raise ValueError(msg)


@dataclass(frozen=True, eq=False)
class Calibration:
    """The calibration of one model.

    Attributes:
        model: The network and weights.
        radius: An answer is correct within so many metres ...
        angle: ... and radians, or None where any direction is correct.
        precision: Share of correct answers that the thresholds are chosen for.
        stages: By kind of decision: ``frame``, and for each filter with and without odometry;
            each of them again with the inliers of a detector, as ``frame/xfeat-480``.
        places: Likelihoods of the places, for temporal filters.
        pose_errors: By stage, of correct answers.
        data: The traverses that it was fitted on.
        quality: Figures by stage, each traverse predicted by a fit on the others.
    """

    model: ModelInfo
    radius: float
    angle: float | None
    precision: float
    stages: dict[str, Logistic]
    places: PlaceLikelihoods
    pose_errors: dict[str, PoseErrorModel]
    data: list[dict[str, Any]] = field(default_factory=list)
    quality: dict[str, dict[str, float]] = field(default_factory=dict)

    def require(self, model: ModelInfo) -> None:
        """Refuse a model that this was not fitted on.

        Raises:
            CalibrationError: Names everything that differs.
        """
        names = [f.name for f in fields(ModelInfo) if f.name != 'trained']
        differences = [
            f'{name} {ours!r} in the calibration, {theirs!r} here'
            for name in names
            if (ours := getattr(self.model, name)) != (theirs := getattr(model, name))
        ]
        if differences:
            msg = (
                f'the calibration was made for another model ({"; ".join(differences)}): its '
                'probabilities would mean nothing; make one for this model with `vpr calibrate`'
            )
            raise CalibrationError(msg)

    def save(self, path: Path) -> None:
        """Write a readable file."""
        content = {
            'format': FORMAT,
            'model': asdict(self.model),
            'right_within': {'metres': self.radius, 'radians': self.angle},
            'precision': self.precision,
            'stages': {name: asdict(stage) for name, stage in self.stages.items()},
            'places': asdict(self.places),
            'pose_errors': {name: asdict(error) for name, error in self.pose_errors.items()},
            'quality': self.quality,
            'data': self.data,
        }
        text = yaml.safe_dump(_rounded(content), sort_keys=False, width=99)
        path.write_text(_HEADER + text, encoding='utf-8')

    @staticmethod
    def load(path: Path) -> Calibration:
        """Read a file that `save` wrote.

        Raises:
            CalibrationError: The file cannot be read, is no calibration, newer, or damaged.
        """
        try:
            content = read_yaml(path)
        except DocumentError as error:
            msg = f'the calibration {path} cannot be read: {error}'
            raise CalibrationError(msg) from error
        found = content.get('format') if isinstance(content, dict) else None
        if found != FORMAT:
            msg = (
                f'{path} is no calibration of format {FORMAT} (its format is {shown(found)}):'
                ' make one with `vpr calibrate`'
            )
            raise CalibrationError(msg)
        try:
            return _from_content(content)
        except (DocumentError, KeyError, TypeError, ValueError, AttributeError) as error:
            msg = f'the calibration {path} is damaged: {type(error).__name__}: {error}'
            raise CalibrationError(msg) from error


def calibration_for(model: ModelInfo, choice: str = '') -> Calibration | None:
    """Return the calibration to judge a model by, or None for none.

    Args:
        model: Of the describer.
        choice: A file; ``none`` for none; empty for the calibration in the package, if it has one
            for the model.

    Raises:
        CalibrationError: The file cannot be used with the model.
    """
    if choice == NONE:
        return None
    path = Path(choice).expanduser() if choice else _SHIPPED / f'{model.name}.yaml'
    if not choice and not path.is_file():
        return None
    try:
        calibration = Calibration.load(path)
        calibration.require(model)
    except CalibrationError as error:
        if choice:
            raise
        _log.warning('probabilities are not known: %s', error)
        return None
    return calibration


def _from_content(content: dict[str, Any]) -> Calibration:
    right, stages, errors = (content[key] for key in ('right_within', 'stages', 'pose_errors'))
    limits = parse(_Limits, {**right, 'precision': content['precision']}, 'right_within')
    calibration = Calibration(
        model=parse(ModelInfo, content['model'], 'model'),
        radius=limits.metres,
        angle=limits.radians,
        precision=limits.precision,
        stages={str(name): parse(Logistic, one, str(name)) for name, one in stages.items()},
        places=parse(PlaceLikelihoods, content['places'], 'places'),
        pose_errors={
            str(name): parse(PoseErrorModel, one, str(name)) for name, one in errors.items()
        },
        data=list(content['data']),
        quality=dict(content['quality']),
    )
    if missing := set(stages) - set(errors):
        msg = f'it has no pose errors for the stages {sorted(missing)}'
        raise ValueError(msg)
    _require_moderate([content['stages'], content['places'], content['pose_errors']])
    for stage in calibration.stages.values():
        if unknown := set(stage.weights) - set(FEATURES):
            msg = f'features {sorted(unknown)} are not known'
            raise ValueError(msg)
        if unknown := set(stage.weights) - set(stage.means):
            msg = f'it has no means of the features {sorted(unknown)}'
            raise ValueError(msg)
    return calibration


def _require_moderate(values: list[Any]) -> None:
    """Refuse numbers whose products and squares would no longer be numbers."""
    for value in values:
        if isinstance(value, dict):
            _require_moderate(list(value.values()))
        elif abs(float(value)) > _GREATEST:
            msg = f'{value} is no sensible number: fits give none beyond {_GREATEST:g}'
            raise ValueError(msg)


def _rounded(value: Any) -> Any:
    """Round to six significant digits; no fit is more exact."""
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f'{value:.6g}') if isinstance(value, float) else value
