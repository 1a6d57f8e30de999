# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A calibration whose figures are easy to reckon with."""

from vpr_ros.localize import Calibration
from vpr_ros.localize.calibration import Logistic, PoseErrorModel
from vpr_ros.localize.place_likelihood import PlaceLikelihood, PlaceLikelihoods
from vpr_ros.types import ModelInfo

MODEL = ModelInfo('sample', '0' * 64, 64, 64, 'none', trained=True)
FRAME = Logistic(
    -6.0, {'similarity': 6.0, 'distinctness': 10.0}, {'similarity': 0.5, 'distinctness': 0.1}, 0.9
)
FILTERED = Logistic(-2.0, {'support': 2.0}, {'support': 0.0}, 0.9)
PLACES = PlaceLikelihoods(PlaceLikelihood(-1.0, 15.0, 0.0))


def sample_calibration(**changes):
    values = {
        'model': MODEL,
        'radius': 5.0,
        'angle': None,
        'precision': 0.99,
        'stages': {'frame': FRAME, 'sequence': FILTERED, 'sequence_without_odometry': FILTERED},
        'places': PLACES,
        'pose_errors': {
            'frame': PoseErrorModel(0.5, 2.0, 0.1, 1.0),
            'sequence': PoseErrorModel(0.4, 0.0, 0.1, 0.0),
            'sequence_without_odometry': PoseErrorModel(0.5, 2.0, 0.1, 1.0),
        },
        'data': [{'map': 'a', 'query': 'b', 'frames': 7, 'mapped': 7}],
        'quality': {'frame': {'ece': 0.01}},
    }
    return Calibration(**{**values, **changes})
