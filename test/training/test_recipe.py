# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
from pathlib import Path

import hostile_documents
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros import models
from vpr_ros.documents import DocumentError
from vpr_ros.parsing import parse
from vpr_ros.training.data import Augmentation
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.pca import PcaRecipe
from vpr_ros.training.recipe import Recipe, load_recipe, read_recipe
from vpr_ros.training.trainable_network import freeze, starts_with

RECIPES = sorted((Path(__file__).parents[2] / 'config' / 'train').glob('*.yaml'))


@pytest.mark.parametrize(
    'path', [p for p in RECIPES if p.stem not in ('pca', 'nano-fit')], ids=lambda path: path.stem
)
def test_the_recipes_that_come_along_fit_their_networks(path):
    recipe = load_recipe(path)
    net = models.build(recipe.model.name, **recipe.model.options)
    names = [name for name, _ in net.named_parameters()]
    for prefix in (*recipe.trainable, *recipe.frozen, *recipe.optimiser.learning_rates):
        assert any(starts_with(name, prefix) for name in names), prefix
    for part in (*recipe.model.copy, *recipe.model.copy.values()):
        net.get_submodule(part)
    Augmentation.of(recipe.augmentation)


def test_the_paper_freezes_three_quarters_and_trains_as_many_values_as_it_says():
    path = next(path for path in RECIPES if path.stem == 'finetune')
    for name, expected in (('d2vpr', 10_726_309), ('d2vpr-encoder', 21_754_277)):
        recipe = load_recipe(path, [f'model.name={name}'])
        net = models.build(name)
        freeze(net, recipe.trainable, recipe.frozen)
        assert sum(p.numel() for p in net.parameters() if p.requires_grad) == expected


def test_the_recipe_of_components_is_read():
    path = next(path for path in RECIPES if path.stem == 'pca')
    recipe = read_recipe(PcaRecipe, path, ['dim=8', 'source.folder=elsewhere'])
    assert (recipe.dim, recipe.source['folder']) == (8, 'elsewhere')


@pytest.mark.parametrize(
    ('setting', 'said'),
    [
        ('run.stepz=3', 'unknown key run.stepz'),
        ('run.steps=many', 'run.steps must be a whole number'),
        ('run.steps=true', 'run.steps must be a whole number'),
        ('run={}', 'run.steps is missing'),
        ('loss.hash.kind=magic', 'loss.hash.kind must be one of similarity'),
        ('optimiser.decay=halving', 'halve_every'),
        ('data.sources.7.kind=x', 'does not lead'),
        ('data.sources=town', 'data.sources must be a list'),
        ('loss={metric: {}}', 'needs loss.hash'),
        ('teacher={kind: tflite}', 'teacher and loss.distillation'),
        ('steps', 'key.sub=value'),
        ('run.steps=[', 'expected'),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(setting, said, write_recipe):
    path = write_recipe('hash')
    with pytest.raises(RecipeError, match=said) as error:
        load_recipe(path, [setting])
    assert str(path) in str(error.value)


@pytest.mark.timeout(20)
@pytest.mark.parametrize('text', hostile_documents.YAML.values(), ids=hostile_documents.YAML)
def test_file_that_stands_for_too_much_is_refused_soon(tmp_path, text):
    path = tmp_path / 'recipe.yaml'
    path.write_text(text)
    with pytest.raises(RecipeError, match=r'recipe\.yaml') as refused:
        load_recipe(path)
    assert len(str(refused.value)) < 1000


@pytest.mark.timeout(20)
def test_setting_that_stands_for_too_much_is_refused_soon(write_recipe):
    for value in ('[' * 5000, '2020-99-99', '9' * 5000, '&a [*a]'):
        with pytest.raises(RecipeError):
            load_recipe(write_recipe('hash'), [f'run.steps={value}'])


def test_numbers_may_be_written_as_people_write_them(write_recipe):
    recipe = load_recipe(
        write_recipe('hash'), ['optimiser.learning_rate=1e-3', 'run.precision=32']
    )
    assert recipe.optimiser.learning_rate == 0.001
    assert recipe.run.precision == '32'


def test_a_recipe_of_another_kind_is_refused(write_recipe):
    with pytest.raises(RecipeError, match='vpr train hash'):
        load_recipe(write_recipe('hash'), kind='distill')


def test_augmented_images_are_not_remembered(write_recipe):
    with pytest.raises(RecipeError, match='never come again'):
        load_recipe(write_recipe('distill'), ['teacher.cache=1'])


yaml_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(['recipe', 'model', 'data', 'loss', 'run', 'name', 'steps', 'x']),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(yaml_values)
def test_whatever_a_file_holds_is_a_recipe_or_refused(data):
    with contextlib.suppress(DocumentError):
        assert isinstance(parse(Recipe, data), Recipe)
