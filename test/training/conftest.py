# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import copy

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip('lightning')
pytest.importorskip('pytorch_metric_learning')

from vpr_ros.training.overriding import override
from vpr_ros.training.recipe import load_recipe

TINY = {
    'name': 'd2vpr',
    'size': 32,
    'options': {
        'vit': {
            'width': 32,
            'depth': 4,
            'heads': 2,
            'patch': 16,
            'native_grid': 2,
        },
        'taps': [1, 2, 3, 4],
        'code_bits': 32,
    },
}
LOSSES = {
    'distill': {'distillation': {'kind': 'relational'}},
    'finetune': {'metric': {}, 'hash': {}},
    'hash': {'hash': {}},
}


@pytest.fixture(scope='session')
def photographs(tmp_path_factory):
    """A folder of twelve pictures that differ, in an order by name."""
    folder = tmp_path_factory.mktemp('photographs')
    rng = np.random.default_rng(3)
    for i in range(12):
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        cv2.imwrite(
            str(folder / f'{i:02d}.png'),
            cv2.resize(coarse, (64, 48), interpolation=cv2.INTER_CUBIC),
        )
    return folder


@pytest.fixture
def write_recipe(photographs, tmp_path):
    """Write a recipe for a tiny network, with settings, and return its path."""

    def write(kind, *settings):
        data = {
            'recipe': kind,
            'model': copy.deepcopy(TINY),
            'data': {
                'sources': [{'kind': 'photos', 'folder': str(photographs), 'crops': 3}],
                'places': 4,
                'views': 2,
                'size': 40,
                'workers': 0,
            },
            'loss': copy.deepcopy(LOSSES[kind]),
            'optimiser': {'learning_rate': '1e-3', 'warmup': 2, 'decay': 'cosine', 'clip': 1.0},
            'run': {'steps': 3, 'threads': 1, 'accelerator': 'cpu', 'log_every': 1},
        }
        if kind == 'distill':
            data['teacher'] = {'kind': 'model', 'name': 'hog'}
        for setting in settings:
            override(data, setting)
        path = tmp_path / f'{kind}.yaml'
        path.write_text(yaml.safe_dump(data))
        return path

    return write


@pytest.fixture
def make_recipe(write_recipe):
    """Return a recipe for a tiny network, with settings."""
    return lambda kind, *settings: load_recipe(write_recipe(kind, *settings))
