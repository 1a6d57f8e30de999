# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv

import pytest

from vpr_ros.training.recipe import Curriculum, OptimiserRecipe
from vpr_ros.training.schedule import rate_factor, step_seed
from vpr_ros.training.session import train


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
