# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks are those of the papers: parameters, keys and outputs."""

import hashlib

import numpy as np
import pytest
import torch
from reference import FOLDER, fill, filled_network, images

from vpr_ros import models

TOLERANCE = 1e-5


@pytest.fixture(scope='module')
def student():
    return filled_network('d2vpr')


def _parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ('name', 'options', 'parameters'),
    [
        ('d2vpr', {}, 27_211_621),
        ('d2vpr-encoder', {}, 38_239_589),
        ('cricavpr', {}, 106_761_665),
        ('selavprpp-base', {}, 108_036_738),
        ('selavprpp-base', {'branches': 'float'}, 97_899_201),
        ('selavprpp-base', {'branches': 'hash'}, 96_718_017),
        ('selavprpp-large', {}, 354_549_250),
        ('selavprpp-large', {'branches': 'float'}, 331_295_745),
    ],
)
def test_parameter_counts_are_the_published_ones(name, options, parameters):
    assert _parameters(models.build(name, **options)) == parameters


def test_parameters_of_the_student_are_where_the_paper_counts_them():
    net = models.build('d2vpr-encoder')
    adapters = sum(_parameters(block.adapter) for block in net.backbone.blocks)
    recovery = _parameters(net.backbone.lin) + _parameters(net.backbone.up_norm)
    pooling = (net.offset_generator, net.topdown_fusion, net.aggregation)

    assert adapters == 2_295_648
    assert recovery == 1_181_952
    assert _parameters(net.backbone) - adapters - recovery == 22_055_808
    assert _parameters(net.pos_encoder) == 99_712
    assert sum(map(_parameters, pooling)) == 1_578_501
    assert _parameters(net.encoder) == 11_027_968


@pytest.mark.parametrize(
    ('name', 'options', 'count', 'digest'),
    [
        ('d2vpr-encoder', {}, 690, 'ef5ca03114edc611'),
        ('cricavpr', {}, 668, '19f236db5ad24295'),
        ('selavprpp-base', {'branches': 'float'}, 648, '86f737fbe82c80b7'),
        ('selavprpp-base', {}, 1121, '3b757c0f99980914'),
        ('selavprpp-large', {'branches': 'float'}, 972, 'b6d12b344a45a1c3'),
        ('selavprpp-large', {}, 1601, '942af97a61776336'),
    ],
)
def test_keys_and_shapes_are_the_published_ones(name, options, count, digest):
    state = models.build(name, **options).state_dict()
    lines = sorted(f'{key} {tuple(value.shape)}\n' for key, value in state.items())

    assert len(lines) == count
    assert hashlib.sha256(''.join(lines).encode()).hexdigest()[:16] == digest


def test_student_equals_the_published_one(student):
    output = student(images(1, 2, 224))
    expected = np.load(FOLDER / 'd2vpr_no_encoder_seed1_b2_224.npy')

    assert np.abs(output.descriptor.numpy() - expected).max() < TOLERANCE
    assert output.code is None


def test_backbone_of_the_student_equals_the_published_one(student):
    tokens = student.backbone(images(1, 2, 224))
    expected = np.load(FOLDER / 'd2vpr_backbone_seed1_b2_224.npz')
    found = {
        'cls': tokens[:, 0],
        'patch_mean': tokens[:, 1:].mean(1),
        'patch0': tokens[:, 1],
        'patch255': tokens[:, 256],
    }

    for part, values in found.items():
        assert np.abs(values.numpy() - expected[part]).max() < TOLERANCE


@pytest.mark.parametrize(
    ('name', 'file'),
    [
        ('d2vpr-encoder', 'd2vpr_encoder'),
        pytest.param('cricavpr', 'cricavpr', marks=pytest.mark.slow),
    ],
)
def test_networks_with_cross_image_encoder_equal_the_published_ones(name, file):
    descriptor = filled_network(name)(images(1, 2, 224)).descriptor

    expected = np.load(FOLDER / f'{file}_seed1_b2_224.npy')
    assert np.abs(descriptor.numpy() - expected).max() < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize('size', ['base', 'large'])
def test_selavprpp_equals_the_published_one_and_its_codes_bit_by_bit(size):
    net = filled_network(f'selavprpp-{size}')
    for batch, side in ((2, 224), (1, 322)):
        output = net(images(1, batch, side))
        expected = np.load(FOLDER / f'selavprpp_{size}_seed1_b{batch}_{side}.npz')

        assert np.abs(output.descriptor.numpy() - expected['descriptor']).max() < TOLERANCE
        assert np.abs(output.logits.numpy() - expected['hash_float']).max() < TOLERANCE
        assert np.array_equal(output.code.numpy(), expected['hash_code'])


def test_generator_published_as_one_convolution_over_map_and_class_token(student):
    features, context = torch.randn(2, 768, 4, 4), torch.randn(2, 768)
    joined = torch.cat((features, context[:, :, None, None].expand_as(features)), dim=1)

    plain = torch.nn.Sequential(*student.offset_generator)

    found = student.offset_generator(features, context)
    assert torch.allclose(found, plain(joined), atol=1e-5)


def test_paper_lookup_of_offsets_differs_from_the_released_one_in_nothing_else(student):
    paper = filled_network('d2vpr', compat='paper')
    batch = images(2, 1, 224)

    assert paper.state_dict().keys() == student.state_dict().keys()
    assert torch.equal(paper.backbone(batch), student.backbone(batch))
    assert not torch.allclose(paper(batch).descriptor, student(batch).descriptor, atol=1e-3)


def test_reference_weights_are_those_the_outputs_were_made_with():
    value = fill.tensor('backbone.cls_token', (1, 1, 384))

    assert hashlib.sha256(value.tobytes()).hexdigest().startswith('a045ffd973c0')
