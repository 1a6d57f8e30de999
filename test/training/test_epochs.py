# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Epochs become steps: every place is seen once in one."""

from __future__ import annotations

import pytest

from vpr_ros.training.epochs import in_steps, steps_of_an_epoch
from vpr_ros.training.session import assemble


@pytest.mark.parametrize(
    ('sources', 'places', 'expected'),
    [
        ([([range(120)], 1.0)], 120, 1),
        ([([range(100), range(21)], 1.0)], 120, 2),
        ([([range(7)], 1.0)], 120, 1),
        ([([range(100)], 1.0), ([range(300)], 3.0)], 10, 40),
        ([([range(100)], 1.0), ([range(100)], 3.0)], 10, 40),
        ([([range(100)], 1.0), ([range(900)], 0.0)], 10, 10),
    ],
)
def test_an_epoch_is_over_when_every_place_was_seen(sources, places, expected):
    assert steps_of_an_epoch(sources, places) == expected


def test_everything_that_counts_is_turned_into_steps(make_recipe):
    recipe = make_recipe(
        'finetune',
        'run.unit=epochs',
        'run.steps=5',
        'run.checkpoint_every=1',
        'run.validate_every=2',
        'optimiser={decay: halving, halve_every: 3, warmup: 1}',
        'curriculum={steps: 4}',
        'run.devices=2',
    )
    found = in_steps(recipe, [([range(80)], 1.0)])  # batches of 4 on each of 2 devices
    run, optimiser = found.run, found.optimiser
    assert (run.steps, run.checkpoint_every, run.validate_every, run.unit) == (50, 10, 20, 'steps')
    assert (optimiser.halve_every, optimiser.warmup, found.curriculum.steps) == (30, 10, 40)
    assert in_steps(found, []) is found


def test_a_training_in_epochs_has_as_many_steps_as_its_images_make(make_recipe, tmp_path, caplog):
    recipe = make_recipe(
        'finetune', 'run={unit: epochs, steps: 2, accelerator: cpu, threads: 1}', 'model.size=48'
    )
    training = assemble(recipe, tmp_path)
    assert training.recipe.run.steps == 6  # twelve places in batches of four, twice
    assert training.size == 48
    assert 'frozen at random' not in caplog.text
    recipe = make_recipe('finetune', 'frozen=[backbone]')
    assemble(recipe, tmp_path)
    assert 'frozen at random values' in caplog.text
