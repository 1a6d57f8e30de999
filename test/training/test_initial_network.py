# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.training.initial_network import initial_network
from vpr_ros.training.parse import RecipeError


@pytest.fixture
def recipe(make_recipe):
    return make_recipe('hash').model


@pytest.fixture
def weights(recipe, tmp_path):
    """All weights of a network with another seed."""
    state = initial_network(recipe, 9).state_dict()
    path = tmp_path / 'weights.safetensors'
    save_file({key: value.half() if value.is_floating_point() else value
               for key, value in state.items()}, path)  # fmt: skip
    return path, state


def test_training_goes_on_from_a_file(recipe, weights):
    path, state = weights
    net = initial_network(replace(recipe, weights=str(path)), 0)
    key = 'backbone.lin.weight'
    assert torch.equal(net.state_dict()[key], state[key].half().float())


def test_a_head_that_the_file_lacks_keeps_its_first_weights_and_is_named(
    recipe, weights, tmp_path, caplog
):
    _, state = weights
    path = tmp_path / 'headless.safetensors'
    save_file({k: v for k, v in state.items() if not k.startswith('hash_head')}, path)
    net = initial_network(replace(recipe, weights=str(path)), 0)
    seeded = initial_network(recipe, 0)
    assert torch.equal(net.hash_head.linear.weight, seeded.hash_head.linear.weight)
    assert torch.equal(net.backbone.lin.weight, state['backbone.lin.weight'])
    assert 'hash_head.linear' in caplog.text


def test_a_file_can_be_for_a_part(recipe, weights, tmp_path):
    _, state = weights
    start = 'backbone.'
    part = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
    path = tmp_path / 'backbone.safetensors'
    save_file({**part, 'norm.weight': torch.ones(3)}, path)
    chosen = replace(recipe, weights=str(path), weights_into='backbone', ignore=('norm',))
    net = initial_network(chosen, 0)
    assert torch.equal(net.backbone.lin.weight, state['backbone.lin.weight'])


def test_weights_of_another_network_are_refused(recipe, tmp_path):
    path = tmp_path / 'other.safetensors'
    save_file({'backbone.lin.weight': torch.ones(2, 2)}, path)
    with pytest.raises(ModelError, match=r'model\.ignore'):
        initial_network(replace(recipe, weights=str(path)), 0)


def test_a_part_that_is_not_there_cannot_be_copied(recipe):
    with pytest.raises(RecipeError, match='nowhere'):
        initial_network(replace(recipe, copy={'backbone': 'nowhere'}), 0)


def test_a_formula_has_nothing_to_train(recipe):
    assert models.spec('hog').weightless
    with pytest.raises(RecipeError, match='formula'):
        initial_network(replace(recipe, name='hog', options={}), 0)
