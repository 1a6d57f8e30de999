# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Model cards: what is written is read again, and nothing that a file says is believed."""

import json
from dataclasses import asdict, replace

import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models import Preprocessing
from vpr_ros.models.model_card import (
    KEY,
    ModelCard,
    card_beside,
    card_from_json,
    card_of,
    read_card,
)
from vpr_ros.models.weights_file import save_weights

SMALL = {'vit': {'width': 96, 'depth': 2, 'heads': 3}, 'taps': [1, 2], 'regions': 'plain'}
CARD = ModelCard(
    'd2vpr',
    'mine',
    SMALL,
    Preprocessing(112, interpolation='bicubic'),
    licence='MIT',
    projection=(512, 64),
    recipe={'run': {'steps': 3}, 'loss': [1, 'x', None]},
    figures={'r1': 0.5},
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
cards = st.dictionaries(st.sampled_from([*asdict(CARD), 'other']), values, max_size=6)


def test_card_is_read_as_it_was_written():
    assert card_from_json(CARD.text(), 'here') == CARD


@given(cards | values)
def test_any_card_is_read_or_refused_with_the_file(data):
    try:
        card = card_from_json(json.dumps(data), 'some.file')
    except ModelError as error:
        said = str(error)
        assert said.startswith('some.file: ')
    else:
        assert card_from_json(card.text(), 'again') == card


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'model': '../x'}, 'no name'),
        ({'name': 'a/b'}, 'no name'),
        ({'options': {'grid': 10**9}}, 'too large'),
        ({'options': {'taps': list(range(1000))}}, '1000 entries'),
        ({'descriptor_dim': -1}, 'lengths'),
        ({'preprocessing': {'height': 10**6}}, 'sides'),
        ({'preprocessing': {'height': 224, 'fit': 'pad'}}, 'one of stretch, crop'),
        ({'projection': [3]}, 'a list of 2'),
        ({'colour': 'red'}, 'unknown key'),
    ],
)
def test_card_that_cannot_be_meant_is_refused_with_the_reason(change, reason):
    with pytest.raises(ModelError, match=reason):
        card_from_json(json.dumps({'model': 'd2vpr', **change}), 'a.safetensors')


@pytest.mark.parametrize('text', ['', '{', '[' * 100_000, '"x"', 'x' * (1 << 21)])
def test_text_that_is_no_card_is_refused(tmp_path, text):
    path = tmp_path / 'a.safetensors'
    safetensors.torch.save_file({'x': torch.zeros(1)}, path, {KEY: text})
    with pytest.raises(ModelError, match='model card'):
        read_card(path)
    beside = tmp_path / 'a.yaml'
    beside.write_text(text)
    with pytest.raises(ModelError, match='model card'):
        card_beside(beside)


def test_identical_weights_give_identical_files(tmp_path):
    state = {f'layer.{i}': torch.full((3,), float(i)) for i in range(20)}
    for name, tensors in (('a', state), ('b', dict(reversed(state.items())))):
        save_weights(tmp_path / name, tensors, replace(CARD, options=dict(SMALL)))

    assert (tmp_path / 'a').read_bytes() == (tmp_path / 'b').read_bytes()
    safetensors.safe_open(tmp_path / 'a', 'numpy')


def test_notes_of_earlier_versions_are_read(tmp_path):
    path = tmp_path / 'a.safetensors'
    notes = {'model': 'd2vpr-nano', 'recipe': 'fit', 'licence': 'MIT', 'format': 'pt'}
    safetensors.torch.save_file({'x': torch.zeros(1)}, path, notes)

    assert read_card(path) == ModelCard('d2vpr-nano', licence='MIT')
    safetensors.torch.save_file({'x': torch.zeros(1)}, path)
    assert read_card(path) is None


@pytest.mark.parametrize(
    ('name', 'options'),
    [
        ('d2vpr', {'vit': {'width': 96, 'depth': 2, 'heads': 3}, 'taps': [], 'code_bits': 16}),
        ('d2vpr-nano', {'region_dim': 16, 'grid': 7}),
        ('d2vpr-pico', {'region_dim': 16, 'depth': 1}),
        ('selavprpp-base', {'vit': {'width': 96, 'depth': 4, 'heads': 3}, 'adapters': 'every-2'}),
    ],
)
def test_card_of_a_network_builds_the_same_network(tmp_path, name, options):
    entry = replace(models.spec(name), options={**models.spec(name).options, **options})
    net = models.network_of(entry)
    card = card_from_json(card_of(entry, net, ModelCard(name)).text(), 'here')
    again = models.network_of(card.applied(models.spec(name), tmp_path))

    shapes = {key: value.shape for key, value in net.state_dict().items()}
    assert shapes == {key: value.shape for key, value in again.state_dict().items()}
    assert net.config == again.config


def test_card_of_our_own_network_leaves_its_outputs_to_the_network():
    entry = models.spec('d2vpr-nano')
    said = card_of(entry, models.network_of(entry), ModelCard('d2vpr-nano')).said()
    assert not {'codes', 'descriptor_dim', 'projection_bits'} & set(said)
    assert 'code_bits' not in said
    assert said['options']['code_bits'] == 512


@pytest.mark.parametrize(
    'options',
    [
        {'vit': {'width': 96, 'depth': 10**5, 'heads': 3}},
        {'vit': {'width': 97, 'depth': 2, 'heads': 3}},
        {'vit': 'large'},
        {'taps': [99]},
        {'colour': 1},
    ],
)
def test_options_of_no_network_are_refused(options):
    with pytest.raises(ModelError, match='cannot be built'):
        models.build('d2vpr', **options)


def test_grid_of_no_image_is_refused_before_memory_is_taken():
    for name in ('d2vpr-nano', 'd2vpr-pico'):
        with pytest.raises(ModelError, match='grid'):
            models.build(name, grid=5000)
