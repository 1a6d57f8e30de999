# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv

import pytest
import torch

from vpr_ros.training.data import PlaceBatch
from vpr_ros.training.place_training import rate_factor, step_seed
from vpr_ros.training.recipe import Curriculum, OptimiserRecipe
from vpr_ros.training.session import assemble, train


@pytest.fixture
def batch():
    images = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
    return PlaceBatch(images, torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 0, 1]))


@pytest.mark.parametrize(('sees', 'clean'), [('same', False), ('clean', True)])
def test_the_teacher_sees_the_images_that_the_recipe_says(
    sees, clean, make_recipe, batch, tmp_path
):
    training = assemble(make_recipe('distill', f'teacher.sees={sees}'), tmp_path)
    originals, augmented = training.views(batch, 3)
    seen = []
    training._teacher.describe = lambda images: seen.append(images) or torch.eye(4)
    training._targets(originals, augmented, batch)
    assert not torch.equal(originals, augmented)
    assert torch.equal(seen[0], originals if clean else augmented)
    assert torch.equal(originals, batch.images.float() / 255)


def test_what_a_step_draws_depends_on_its_number_alone(make_recipe, batch, tmp_path):
    training = assemble(make_recipe('finetune'), tmp_path)
    first = training.views(batch, 5)[1]
    drawn = torch.rand(3)
    training.views(batch, 6)
    assert torch.equal(training.views(batch, 5)[1], first)
    assert torch.equal(torch.rand(3), drawn), 'dropout draws from here'
    assert not torch.equal(training.views(batch, 6)[1], first)


def test_a_curriculum_begins_with_images_as_they_are(make_recipe, batch, tmp_path):
    training = assemble(make_recipe('finetune', 'curriculum={start: 0, steps: 10}'), tmp_path)
    clean, mild = training.views(batch, 0)
    assert torch.equal(clean, mild)
    assert not torch.equal(*training.views(batch, 10))


def test_a_longer_teacher_is_reached_by_a_projection_that_is_not_part_of_the_network(
    make_recipe, tmp_path
):
    mse = assemble(make_recipe('distill', 'loss.distillation.kind=mse'), tmp_path)
    assert tuple(mse.projection.weight.shape) == (1764, 14 * 64)
    assert not any('projection' in key for key in mse.net.state_dict())
    relational = assemble(make_recipe('distill'), tmp_path)
    assert relational.projection is None


def test_the_backward_pass_reaches_the_student_and_not_the_targets(make_recipe, batch, tmp_path):
    training = assemble(make_recipe('distill', 'loss.distillation.kind=cosine'), tmp_path)
    clean, images = training.views(batch, 0)
    assert not training._targets(clean, images, batch).requires_grad
    training.log = training.log_dict = lambda *_, **__: None
    type(training).global_step = property(lambda _self: 0)
    try:
        training.training_step(batch, 0).backward()
    finally:
        del type(training).global_step
    assert training.net.backbone.patch_embed.proj.weight.grad.abs().sum() > 0
    assert training.projection.weight.grad.abs().sum() > 0


@pytest.mark.parametrize('precision', ['bf16-mixed'])
def test_half_precision_trains_too(precision, make_recipe, tmp_path):
    from vpr_ros.training.session import train

    recipe = make_recipe('finetune', f'run.precision={precision}', 'run.steps=2')
    assert train(recipe, tmp_path / 'run').is_file()


def test_warmup_counts_steps_and_then_the_rate_falls_along_a_cosine():
    recipe = OptimiserRecipe(warmup=4, decay='cosine', final=0.1)
    factors = [rate_factor(recipe, 15, step) for step in range(15)]
    assert factors[:4] == [0.25, 0.5, 0.75, 1.0]
    assert factors[4] == 1.0
    assert factors[9] == pytest.approx(0.55)
    assert factors[14] == pytest.approx(0.1)


def test_rates_halve_every_so_many_steps():
    recipe = OptimiserRecipe(decay='halving', halve_every=3)
    assert [rate_factor(recipe, 99, step) for step in (0, 2, 3, 6)] == [1, 1, 0.5, 0.25]


def test_the_optimiser_is_given_the_rate_of_each_step(make_recipe, tmp_path):
    settings = ('run.steps=4', 'optimiser.warmup=4', 'optimiser.learning_rate=0.01')
    train(make_recipe('hash', *settings), tmp_path / 'run')
    rows = list(csv.DictReader((tmp_path / 'run/logs/version_0/metrics.csv').open()))
    rates = [float(row['lr-AdamW']) for row in rows if row['lr-AdamW']]
    assert rates == pytest.approx([0.0025, 0.005, 0.0075, 0.01])


def test_steps_ranks_and_seeds_have_seeds_of_their_own():
    seeds = {step_seed(a, b, c) for a in range(3) for b in range(20) for c in range(2)}
    assert len(seeds) == 120
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_augmentation_grows_from_mild_to_full():
    curriculum = Curriculum(start=0.2, steps=10)
    assert curriculum.strength(0) == pytest.approx(0.2)
    assert curriculum.strength(5) == pytest.approx(0.6)
    assert curriculum.strength(10) == curriculum.strength(99) == 1
    assert Curriculum().strength(0) == 1
