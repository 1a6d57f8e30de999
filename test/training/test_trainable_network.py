# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models.vit import ViTConfig
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.session import train
from vpr_ros.training.trainable_network import (
    freeze,
    frozen_at_random,
    initial_network,
    parameter_groups,
    started_network,
    starts_with,
    training_modes,
)

VIT = ViTConfig(width=32, depth=2, heads=2, patch=14, native_grid=2)


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


@pytest.fixture
def sides():
    """A tiny SelaVPR++ with both branches."""
    return models.create('selavprpp-base', vit=VIT, descriptor_dim=16, code_bits=16)


def test_a_prefix_ends_where_a_name_ends():
    assert starts_with('backbone.adapters.0.bias', 'backbone.adapters')
    assert starts_with('linear1', 'linear1')
    assert not starts_with('backbone.adapters_hashing.0.bias', 'backbone.adapters')
    assert starts_with('backbone.blocks.11.adapter.D_fc1.bias', 'backbone.blocks.*.adapter')
    assert not starts_with('backbone.blocks.11.attn.qkv.bias', 'backbone.blocks.*.adapter')
    assert not starts_with('backbone.blocks', 'backbone.blocks.*')


def test_only_what_is_named_is_trained(sides):
    freeze(sides, ['backbone.adapters_hashing', 'linear4'])
    trained = {name.split('.0.')[0] for name, p in sides.named_parameters() if p.requires_grad}
    assert {name for name in trained if 'linear' in name} == {'linear4.weight', 'linear4.bias'}
    assert not any(name.startswith('backbone.adapters.') for name in trained)


def test_a_prefix_that_names_nothing_is_refused(sides):
    with pytest.raises(RecipeError, match=r'backbone\.block\b'):
        freeze(sides, ['backbone.block'])
    with pytest.raises(RecipeError, match='nothing_here'):
        parameter_groups(sides, {'nothing_here': 1e-3}, 1e-4, 0.0)


def test_what_is_frozen_by_name_is_not_trained_and_everything_else_is(sides):
    freeze(sides, [], ['backbone', 'linear1.bias'])
    frozen = {name for name, p in sides.named_parameters() if not p.requires_grad}
    assert {name.partition('.')[0] for name in frozen} == {'backbone', 'linear1'}
    assert 'linear1.weight' not in frozen
    freeze(sides, ['backbone.adapters'], ['backbone.adapters.0'])
    trained = {name for name, p in sides.named_parameters() if p.requires_grad}
    assert {name.rpartition('.D_')[0] for name in trained if '.D_' in name} == {
        'backbone.adapters.1'
    }
    with pytest.raises(RecipeError, match=r'backbone\.nothing'):
        freeze(sides, [], ['backbone.nothing'])
    with pytest.raises(RecipeError, match='nothing to train'):
        freeze(sides, ['linear1'], ['linear1'])


def test_a_size_of_no_image_is_refused(recipe):
    for size in ({'size': 4}, {'size_in_use': 5000}):
        with pytest.raises(ModelError, match='sides must be'):
            initial_network(replace(recipe, **size), 0)


def test_parts_that_stay_frozen_at_random_values_are_found(recipe, weights, tmp_path):
    _, state = weights
    path = tmp_path / 'headless.safetensors'
    save_file({k: v for k, v in state.items() if not k.startswith('hash_head')}, path)
    started = replace(recipe, weights=str(path))
    net, random = started_network(started, 0)
    freeze(net, ['aggregation'])
    assert frozen_at_random(net, random) == ['hash_head.linear']
    freeze(net, [], ['aggregation'])
    assert frozen_at_random(net, random) == []
    _, random = started_network(recipe, 0)
    assert random == {name for name, _ in net.named_parameters()}
    copied = replace(started, copy={'backbone.blocks.1': 'backbone.blocks.0'})
    assert started_network(copied, 0)[1] == {'hash_head.linear.weight', 'hash_head.linear.bias'}


def test_a_recipe_names_weights_of_a_backbone_that_are_here(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path))
    with pytest.raises(ModelError, match='vpr weights fetch dinov2-vits14'):
        initial_network(replace(recipe, weights='dinov2-vits14', weights_into='backbone'), 0)
    net = initial_network(recipe, 3)
    save_file(dict(net.backbone.state_dict()), tmp_path / 'dinov2-vits14.safetensors')
    again = initial_network(replace(recipe, weights='dinov2-vits14', weights_into='backbone'), 0)
    assert torch.equal(again.backbone.lin.weight, net.backbone.lin.weight)


def test_frozen_parts_keep_their_statistics_and_trained_ones_do_not(sides):
    freeze(sides, ['backbone.adapters_hashing', 'aggregation_hashing', 'linear3', 'linear4'])
    training_modes(sides)
    before = {name: value.clone() for name, value in sides.state_dict().items()}
    sides(torch.randn(4, 3, 28, 28, generator=torch.Generator().manual_seed(1)))
    moved = {
        name.split('.')[1]
        for name, value in sides.state_dict().items()
        if 'running' in name and not torch.equal(value, before[name])
    }
    assert moved == {'adapters_hashing'}


def test_statistics_of_trained_parts_can_be_frozen_too(sides):
    freeze(sides, [])
    training_modes(sides, freeze_batchnorm=True)
    before = {name: value.clone() for name, value in sides.named_buffers()}
    sides(torch.randn(4, 3, 28, 28))
    assert all(torch.equal(value, before[name]) for name, value in sides.named_buffers())
    assert sides.linear1.training


def test_modules_without_parameters_go_with_what_they_are_part_of():
    net = models.create('d2vpr', vit=VIT, taps=(1, 2))
    freeze(net, ['topdown_fusion.medium_to_global'])
    training_modes(net)
    dropout = {name: m.training for name, m in net.named_modules() if name.endswith('.3')}
    assert dropout['topdown_fusion.medium_to_global.3']
    assert not dropout['topdown_fusion.small_to_medium.3']


def test_no_gradient_passes_through_the_frozen_backbone_of_side_adapters(sides):
    freeze(sides, ['backbone.adapters', 'aggregation', 'linear1', 'linear2'])
    training_modes(sides)
    seen = []
    for block in sides.backbone.blocks:
        block.register_forward_hook(lambda _m, _i, output: seen.append(output.requires_grad))
    output = sides(torch.zeros(2, 3, 28, 28))
    assert seen == [False, False]
    assert output.descriptor.requires_grad
    assert not output.logits.requires_grad


def test_parameters_are_grouped_by_rate_and_only_matrices_are_shrunk(sides):
    freeze(sides, [])
    rates = {'backbone': 1e-5, 'backbone.adapters': 1e-3}
    groups = parameter_groups(sides, rates, 1e-4, 0.05)
    by_rate = {}
    for group in groups:
        assert all((p.ndim > 1) == (group['weight_decay'] == 0.05) for p in group['params'])
        by_rate.setdefault(group['lr'], []).extend(group['params'])

    def rate_of(parameter):
        (found,) = [r for r, ps in by_rate.items() if any(p is parameter for p in ps)]
        return found

    assert rate_of(sides.backbone.adapters[0].D_fc1.weight) == 1e-3
    assert rate_of(sides.backbone.adapters_hashing[0].D_fc1.weight) == 1e-5
    assert rate_of(sides.linear1.bias) == 1e-4
    assert sum(len(g['params']) for g in groups) == len(list(sides.parameters()))


def test_training_a_hash_head_leaves_every_other_value_as_it_was(make_recipe, tmp_path):
    recipe = make_recipe('hash', 'trainable=[hash_head]', 'run.float16=false')
    weights = models.load_weights(train(recipe, tmp_path / 'run'))
    start = initial_network(recipe.model, 0).state_dict()
    changed = {key for key in start if not torch.equal(weights[key], start[key])}
    assert changed == {'hash_head.linear.weight', 'hash_head.linear.bias'}


SIDES = (
    'model={name: selavprpp-base, size: 28, options: {vit: {width: 32, depth: 2, heads: 2,'
    ' native_grid: 2}, descriptor_dim: 16, code_bits: 16},'
    ' copy: {backbone.adapters_hashing: backbone.adapters}}'
)


def test_training_a_second_side_branch_leaves_the_first_and_its_statistics(make_recipe, tmp_path):
    trainable = 'trainable=[backbone.adapters_hashing, aggregation_hashing, linear3, linear4]'
    recipe = make_recipe('hash', SIDES, trainable, 'run.float16=false')
    weights = models.load_weights(train(recipe, tmp_path / 'run'))
    start = initial_network(recipe.model, 0).state_dict()
    changed = {key for key in start if not torch.equal(weights[key], start[key])}
    assert {'linear3.weight', 'linear4.weight', 'aggregation_hashing.1.p'} <= changed
    assert all('hashing' in key or key.startswith(('linear3', 'linear4')) for key in changed)
    assert any('running_var' in key for key in changed)


def test_a_second_side_branch_starts_as_a_copy_of_the_first(make_recipe):
    net = initial_network(make_recipe('hash', SIDES).model, 4)
    first = net.backbone.adapters.state_dict()
    second = net.backbone.adapters_hashing.state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert (
        net.backbone.adapters[0].D_fc1.weight is not net.backbone.adapters_hashing[0].D_fc1.weight
    )
