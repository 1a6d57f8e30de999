# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every network does, whatever its weights."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import images

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models.model_spec import sign_code
from vpr_ros.models.pooling import REGIONS, DeformableRegions, PlainRegions
from vpr_ros.models.vit import VisionTransformer, ViTConfig

NANO_VIT = models.build('d2vpr-nano').config.vit
SMALL_VIT = ViTConfig(width=96, depth=4, heads=3)
SMALL = {
    'd2vpr': {'vit': SMALL_VIT, 'taps': (1, 2, 3, 4)},
    'd2vpr-nano': {'vit': replace(NANO_VIT, depth=2), 'taps': (1, 2)},
    'selavprpp-base': {'vit': SMALL_VIT, 'descriptor_dim': 64, 'code_bits': 64},
}


@pytest.fixture(scope='module', params=SMALL)
def network(request):
    return models.create(request.param, **SMALL[request.param])


@pytest.fixture(scope='module')
def nano():
    return models.create('d2vpr-nano')


def test_outputs_have_unit_norm_and_signs(network):
    output = network(images(1, 2, 224))

    assert output.descriptor.dtype == torch.float32
    assert torch.allclose(output.descriptor.norm(dim=1), torch.ones(2))
    if output.code is not None:
        assert set(output.code.unique().tolist()) == {-1.0, 1.0}
        assert torch.equal(output.code > 0, output.logits >= 0)


@settings(max_examples=4, deadline=None)
@given(order=st.permutations(range(3)), alone=st.integers(0, 2))
def test_no_descriptor_depends_on_the_rest_of_the_batch(order, alone, network):
    batch = images(3, 3, 112)
    together = network(batch).descriptor

    assert torch.allclose(network(batch[list(order)]).descriptor, together[list(order)], atol=1e-6)
    assert torch.allclose(network(batch[alone][None]).descriptor[0], together[alone], atol=1e-6)


def test_networks_with_cross_image_encoder_say_that_they_depend_on_the_batch():
    options = {'vit': ViTConfig(width=96, depth=1, heads=3), 'taps': (1,)}
    net = models.create('d2vpr-encoder', **options)
    batch = images(3, 3, 112)

    assert not torch.allclose(net(batch).descriptor[:1], net(batch[:1]).descriptor, atol=1e-5)
    dependent = [name for name in models.names() if models.spec(name).batch_dependent]
    assert dependent == ['d2vpr-encoder', 'cricavpr']


def test_other_square_sizes_are_described_too(network):
    shapes = {network(images(1, 1, side)).descriptor.shape for side in (112, 336)}

    assert len(shapes) == 1


@pytest.mark.parametrize(
    'shape', [(1, 3, 224, 304), (1, 3, 225, 225), (1, 1, 224, 224), (3, 9, 9), (1, 3, 0, 0)]
)
def test_images_of_a_wrong_shape_are_refused(shape, nano):
    with pytest.raises(ModelError, match=r'square images|multiple of 16'):
        nano(torch.zeros(shape))


@pytest.mark.parametrize(
    'options', [{'taps': ()}, {'regions': 'plain'}, {'taps': (), 'regions': 'plain'}]
)
def test_ablations_of_the_student_describe(options):
    net = models.create('d2vpr', **{'vit': SMALL_VIT, 'taps': (1, 4), **options})

    channels = 2 * SMALL_VIT.width if net.config.taps else SMALL_VIT.width
    assert net(images(1, 1, 224)).descriptor.shape == (1, 14 * channels)


@pytest.mark.parametrize(
    ('adapters', 'blocks', 'start'),
    [('all', [1, 2, 3, 4], 0), ('every-2', [2, 4], 0), ('last-3', [2, 3, 4], 1)],
)
@pytest.mark.parametrize('branches', ['both', 'float', 'hash'])
def test_ablations_of_selavprpp_describe(adapters, blocks, start, branches):
    options = SMALL['selavprpp-base'] | {'adapters': adapters, 'branches': branches}
    net = models.create('selavprpp-base', **options)
    output = net(images(1, 1, 112))

    assert (net.backbone.adapted, net.backbone.start) == (blocks, start)
    assert output.descriptor.shape == (1, 64)
    assert (output.code is None) == (branches == 'float')


@pytest.mark.parametrize(
    ('name', 'options', 'reason'),
    [
        ('d3vpr', {}, 'there are d2vpr'),
        ('d2vpr', {'depth': 3}, 'depth'),
        ('d2vpr', {'compat': 'papers'}, 'compat must be'),
        ('selavprpp-base', {'adapters': 'every-0'}, 'adapters must be'),
        ('selavprpp-base', {'branches': 'none'}, 'branches must be'),
    ],
)
def test_unknown_models_and_options_are_refused_with_the_reason(name, options, reason):
    with pytest.raises(ModelError, match=reason):
        models.create(name, **options)


def test_positions_are_resampled_once_and_again_when_the_parameter_changes():
    vit = VisionTransformer(SMALL_VIT)
    first = vit.positions(7)
    assert vit.positions(7) is first

    vit.pos_embed.add_(1)
    assert torch.allclose(vit.positions(7), first + 1, atol=1e-5)

    with torch.enable_grad():
        assert vit.positions(7).requires_grad


def test_seeded_weights_are_the_same_everywhere(nano):
    other = models.create('d2vpr-nano', seed=1)

    assert models.fingerprint(nano) == models.fingerprint(models.create('d2vpr-nano'))
    assert models.fingerprint(nano).startswith('30178a3c8cd7')
    assert models.fingerprint(other) != models.fingerprint(nano)


def test_descriptor_of_the_seeded_network_is_the_same_everywhere(nano):
    output = nano(images(5, 1, 224))

    expected = [0.000045, -0.036421, 0.020689, -0.014414]
    assert np.allclose(output.descriptor[0, :4], expected, atol=1e-5)


def test_regions_start_undeformed(nano):
    deformation = nano.offset_generator(torch.randn(1, 384, 14, 14), torch.randn(1, 384))

    points = nano.regions.deform(deformation)
    assert torch.allclose(points[0], nano.regions.base, atol=1e-6)


def test_regions_cover_the_image_on_the_published_grids():
    regions = DeformableRegions()

    assert [region.rows * region.columns for region in REGIONS] == [
        *(64, 64, 64, 64),
        *(25, 30, 25, 30, 36, 30, 25, 30, 25),
    ]
    assert regions.base.shape == (512, 2)
    assert torch.allclose(regions.weights.sum(1), torch.ones(13))
    boxes = regions.boxes(regions.base[None])[0]
    assert torch.allclose(boxes, PlainRegions().boxes, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), spread=st.floats(0, 100))
def test_deformed_regions_stay_in_the_image(seed, spread):
    generator = torch.Generator().manual_seed(seed)
    deformation = spread * torch.randn(2, 4, 16, 16, generator=generator)
    regions = DeformableRegions('paper')

    points = regions.deform(deformation)
    boxes = regions.boxes(points)

    assert points.min() >= 0
    assert points.max() <= 1
    assert (boxes[..., 2:] >= 0).all()
    assert ((boxes[..., :2] >= 0) & (boxes[..., :2] <= 1)).all()


def test_plain_regions_are_means_over_the_published_cuts():
    weights = PlainRegions().weights(256, torch.device('cpu')).view(13, 16, 16)

    assert (weights[0, :8, :8] == 1 / 64).all()
    assert (weights[8, 5:11, 5:11] > 0).all()
    assert torch.allclose(weights.sum((1, 2)), torch.ones(13))


def test_sign_of_zero_is_plus_and_its_gradient_passes():
    with torch.enable_grad():
        logits = torch.tensor([-2.0, -0.0, 0.0, 3.0], requires_grad=True)
        code = sign_code(logits)
        (code * torch.arange(4.0)).sum().backward()

    assert code.tolist() == [-1, 1, 1, 1]
    assert logits.grad.tolist() == [0, 1, 2, 3]


def test_networks_learn():
    net = models.create('d2vpr-nano', **SMALL['d2vpr-nano']).train()
    with torch.enable_grad():
        output = net(images(1, 2, 112))
        (output.descriptor[0] @ output.descriptor[1] + output.code.mean()).backward()

    without = [key for key, value in net.named_parameters() if value.grad is None]
    assert without == ['backbone.mask_token']
