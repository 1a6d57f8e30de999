# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks: D²-VPR, our narrow variant of it, CricaVPR, SelaVPR++, and classical formulas."""

from vpr_ros.models.model_spec import ModelOutput, ModelSpec, PublishedWeights
from vpr_ros.models.registry import (
    build,
    create,
    find_weights,
    names,
    registered,
    registration,
    spec,
    weights_folder,
)
from vpr_ros.models.weights_file import fingerprint, load_published, load_weights, plain_state

__all__ = [
    'ModelOutput',
    'ModelSpec',
    'PublishedWeights',
    'build',
    'create',
    'find_weights',
    'fingerprint',
    'load_published',
    'load_weights',
    'names',
    'plain_state',
    'registered',
    'registration',
    'spec',
    'weights_folder',
]
