# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys

import pytest
import torch

from vpr_ros import models
from vpr_ros.describe import Describer
from vpr_ros.describe.loading import resolve
from vpr_ros.errors import VprError
from vpr_ros.models.weights_file import described_by
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.session import WholeCheckpoints, train


@pytest.mark.parametrize('kind', ['distill', 'finetune', 'hash'])
def test_a_few_steps_change_the_weights_and_leave_what_a_model_card_needs(
    kind, make_recipe, photographs, tmp_path
):
    pair = f'validation=[{{name: same, map: {photographs}, query: {photographs}, tolerance: 0}}]'
    recipe = make_recipe(kind, pair, 'run.validate_every=2', 'run.float16=false')
    path = train(recipe, tmp_path / 'run')
    weights = models.load_weights(path)
    start = models.create('d2vpr', **recipe.model.options).state_dict()
    assert set(weights) == set(start)
    assert any(not torch.equal(weights[key], start[key].float()) for key in start)
    run = json.loads((tmp_path / 'run' / 'run.json').read_text('utf-8'))
    assert run['steps'] == 3
    assert run['recipe']['recipe'] == kind
    # The file says by itself of which network it is.
    entry = resolve(str(path))
    assert (entry.name, entry.preprocessing.height) == ('d2vpr', 32)
    assert described_by(path).recipe == run['recipe']
    assert Describer(str(path), device='cpu', threads=1).model_info.code_bits == 32
    # A traverse is found in itself.
    assert run['best']['validation/r1'] == 100.0
    assert (tmp_path / 'run' / 'batch.png').stat().st_size > 1000


def test_a_killed_training_goes_on_to_the_very_weights_of_one_that_was_not(
    write_recipe, make_recipe, tmp_path
):
    settings = (
        'run.steps=9',
        'run.checkpoint_every=2',
        'run.float16=false',
        'data.workers=1',
        'loss.distillation={kind: mse}',
        'teacher={kind: model, name: hog, sees: clean, cache: 1, standardise: 8}',
    )
    path = write_recipe('finetune', *settings)
    killed = tmp_path / 'killed'
    command = [sys.executable, '-m', 'vpr_ros.cli.main', 'train', 'finetune']
    with subprocess.Popen(
        [*command, str(path), '--output', str(killed)], stderr=subprocess.PIPE, text=True
    ) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith('step 5/'):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == -signal.SIGKILL, ''.join(said)
    assert not (killed / 'weights.safetensors').exists()
    recipe = make_recipe('finetune', *settings)
    assert torch.load(killed / 'checkpoints' / 'last.ckpt', weights_only=True)['global_step'] in (
        4,
        6,
    )  # the line came between two steps
    resumed = models.load_weights(train(recipe, killed, resume=True))
    whole = models.load_weights(train(recipe, tmp_path / 'whole'))
    first = next(csv.DictReader((killed / 'logs/version_1/metrics.csv').open()))
    assert int(first['step']) >= 4
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_a_start_that_failed_leaves_nothing_in_the_way(make_recipe, tmp_path):
    nowhere = make_recipe('distill', 'teacher.standardise=8', 'validation=[{name: a, map: x, '
                          'query: x, tolerance: 1}]')  # fmt: skip
    with pytest.raises(VprError, match='x'):
        train(nowhere, tmp_path / 'run')
    assert (tmp_path / 'run' / 'teacher.safetensors').exists()
    train(make_recipe('finetune', 'run.steps=1'), tmp_path / 'run')
    assert not (tmp_path / 'run' / 'teacher.safetensors').exists()


def test_a_finished_training_can_be_made_longer(make_recipe, tmp_path):
    settings = ('optimiser.decay=constant', 'run.float16=false')
    train(make_recipe('finetune', *settings, 'run.steps=2'), tmp_path / 'longer')
    longer = make_recipe('finetune', *settings, 'run.steps=4')
    resumed = models.load_weights(train(longer, tmp_path / 'longer', resume=True))
    whole = models.load_weights(train(longer, tmp_path / 'whole'))
    assert all(torch.equal(resumed[key], whole[key]) for key in whole)


def test_training_shorter_than_the_time_between_validations_is_validated_at_its_end(
    make_recipe, photographs, tmp_path
):
    pair = f'validation=[{{name: same, map: {photographs}, query: {photographs}, tolerance: 0}}]'
    train(make_recipe('hash', pair, 'run.validate_every=500'), tmp_path / 'run')
    run = json.loads((tmp_path / 'run' / 'run.json').read_text('utf-8'))
    assert run['best'] == {'step': 3, 'validation/r1': 100.0}


def test_checkpoint_that_a_full_disk_does_not_take_is_named(tmp_path, files_limited_to):
    path = tmp_path / 'last.ckpt'
    with files_limited_to(1000), pytest.raises(OSError, match=r'last\.ckpt cannot be written'):
        WholeCheckpoints().save_checkpoint({'x': torch.zeros(100_000)}, path)
    assert not list(tmp_path.iterdir())


def test_training_ends_when_validation_no_longer_gets_better(make_recipe, photographs, tmp_path):
    """A traverse is always found in itself: nothing after the first validation is better."""
    pair = f'validation=[{{name: same, map: {photographs}, query: {photographs}, tolerance: 0}}]'
    recipe = make_recipe('hash', pair, 'run.steps=99', 'run.validate_every=2', 'run.patience=2')
    train(recipe, tmp_path / 'run')
    run = json.loads((tmp_path / 'run' / 'run.json').read_text('utf-8'))
    assert run['steps'] == 6
    assert run['best'] == {'step': 2, 'validation/r1': 100.0}


def test_a_folder_with_a_training_is_not_overwritten(make_recipe, tmp_path):
    recipe = make_recipe('hash', 'run.steps=1')
    train(recipe, tmp_path / 'run')
    with pytest.raises(RecipeError, match='resume it'):
        train(recipe, tmp_path / 'run')


def test_a_checkpoint_that_cannot_be_finished_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / 'checkpoints' / 'last.ckpt'
    WholeCheckpoints().save_checkpoint({'step': 1}, path)

    def stop_half_way(_checkpoint, file):
        file.write(b'PK')
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, 'save', stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            WholeCheckpoints().save_checkpoint({'step': 2}, path)
    assert torch.load(path, weights_only=True) == {'step': 1}
    WholeCheckpoints().save_checkpoint({'step': 3}, path)
    assert torch.load(path, weights_only=True) == {'step': 3}
    assert [p.name for p in path.parent.iterdir()] == ['last.ckpt']


def test_the_second_stage_goes_on_from_the_descriptor_branch_of_the_first(
    make_recipe, photographs, tmp_path
):
    vit = {'width': 32, 'depth': 3, 'heads': 2, 'patch': 16, 'native_grid': 2}
    options = f'model.options={{vit: {vit}, descriptor_dim: 16, code_bits: 16, branches: float}}'
    pair = f'validation=[{{name: same, map: {photographs}, query: {photographs}, tolerance: 0}}]'
    small = ('model.name=selavprpp-base', 'run.steps=2', 'run.validate_every=1')
    first = make_recipe(
        'finetune',
        *small,
        options,
        pair,
        'loss={metric: {}}',
        'model.size=32',
        'model.size_in_use=48',
        'trainable=[backbone.adapters, aggregation, linear1, linear2]',
    )
    stage1 = train(first, tmp_path / 'one')
    entry = resolve(str(stage1))
    assert (entry.options['branches'], entry.preprocessing.height) == ('float', 48)
    figures = described_by(stage1).figures
    assert figures['validation/r1'] == 100.0

    second = make_recipe(
        'hash',
        *small,
        options.replace('float', 'both'),
        pair,
        'model.size=32',
        f'model.weights={stage1}',
        'model.copy={backbone.adapters_hashing: backbone.adapters}',
        'trainable=[backbone.adapters_hashing, aggregation_hashing, linear3, linear4]',
    )
    stage2 = models.load_weights(train(second, tmp_path / 'two'))
    before = models.load_weights(stage1)
    assert all(torch.equal(stage2[key], value) for key, value in before.items())
    assert Describer(str(tmp_path / 'two' / 'weights.safetensors'), 'cpu').model_info.code_bits
