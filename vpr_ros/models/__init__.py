# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks: D²-VPR and our narrow variants, those others published, and classical formulas."""

from vpr_ros.models.model_spec import ModelOutput, ModelSpec, Preprocessing, PublishedWeights
from vpr_ros.models.registry import (
    build,
    create,
    find_weights,
    initial_state,
    names,
    network_of,
    registered,
    registration,
    spec,
)
from vpr_ros.models.weights_file import fingerprint, load_published, load_weights, plain_state
from vpr_ros.registries import weights_folder

__all__ = [
    'ModelOutput',
    'ModelSpec',
    'Preprocessing',
    'PublishedWeights',
    'build',
    'create',
    'find_weights',
    'fingerprint',
    'initial_state',
    'load_published',
    'load_weights',
    'names',
    'network_of',
    'plain_state',
    'registered',
    'registration',
    'spec',
    'weights_folder',
]
