# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every network does, whatever its weights."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import images

from vpr_ros import models
from vpr_ros.describe.optimise import inference_form
from vpr_ros.errors import ModelError
from vpr_ros.models.adapters import GlobalAdaptationBlock
from vpr_ros.models.model_spec import sign_code
from vpr_ros.models.nano import HardVlad, PlainMeans
from vpr_ros.models.pooling import REGIONS, DeformableRegions, PlainRegions
from vpr_ros.models.vit import Block, VisionTransformer, ViTConfig

SMALL_VIT = ViTConfig(width=96, depth=4, heads=3)
SMALL = {
    'd2vpr': {'vit': SMALL_VIT, 'taps': (1, 2, 3, 4)},
    'd2vpr-nano': {'grid': 7, 'depth': 2},
    'd2vpr-pico': {'grid': 7},
    'selavprpp-base': {'vit': SMALL_VIT, 'descriptor_dim': 64, 'code_bits': 64},
}


@pytest.fixture(scope='module', params=SMALL)
def network(request):
    return models.create(request.param, **SMALL[request.param])


@pytest.fixture(scope='module')
def small():
    return models.create('d2vpr', **SMALL['d2vpr'])


def test_outputs_have_unit_norm_and_signs(network):
    output = network(images(1, 2, 112))

    assert output.descriptor.dtype == torch.float32
    assert torch.allclose(output.descriptor.norm(dim=1), torch.ones(2))
    if output.code is not None:
        assert set(output.code.unique().tolist()) == {-1.0, 1.0}
        assert torch.equal(output.code > 0, output.logits >= 0)


@settings(max_examples=4)
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
    assert dependent == ['d2vpr-encoder', 'd2vpr-encoder-distilled', 'cricavpr']


@pytest.mark.parametrize('name', ['d2vpr', 'selavprpp-base'])
def test_transformers_describe_other_square_sizes_too(name):
    network = models.create(name, **SMALL[name])
    shapes = {network(images(1, 1, side)).descriptor.shape for side in (112, 336)}

    assert len(shapes) == 1


@pytest.mark.parametrize(
    'shape', [(1, 3, 224, 308), (1, 3, 225, 225), (1, 1, 224, 224), (3, 9, 9), (1, 3, 0, 0)]
)
def test_images_of_a_wrong_shape_are_refused(shape, small):
    with pytest.raises(ModelError, match=r'square images|multiple of 14'):
        small(torch.zeros(shape))
    with pytest.raises(ModelError, match=r'takes images \(B, 3, 112, 112\)'):
        models.create('d2vpr-nano', grid=7)(torch.zeros(shape))


@pytest.mark.parametrize(
    'options', [{'taps': ()}, {'regions': 'plain'}, {'taps': (), 'regions': 'plain'}]
)
def test_ablations_of_the_student_describe(options):
    net = models.create('d2vpr', **{'vit': SMALL_VIT, 'taps': (1, 4), **options})

    channels = 2 * SMALL_VIT.width if net.config.taps else SMALL_VIT.width
    assert net(images(1, 1, 224)).descriptor.shape == (1, 14 * channels)


def test_maps_too_small_for_plain_regions_are_refused_instead_of_described_by_nothing():
    net = models.create('d2vpr', vit=SMALL_VIT, taps=(), regions='plain')
    with pytest.raises(ModelError, match='16 rows of patches, and the image has 8'):
        net(images(1, 1, 112))


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
        ('selavprpp-base', {'aggregation': 'vlad'}, "'gem', 'salad' or 'boq', not 'vlad'"),
        ('selavprpp-base', {'adapters': 'in-block', 'adapter': 'alternating'}, 'inside blocks'),
        ('selavprpp-base', {'adapter': 'alternating', 'grid': 10**6}, 'grid must be'),
    ],
)
def test_unknown_models_and_options_are_refused_with_the_reason(name, options, reason):
    with pytest.raises(ModelError, match=reason):
        models.create(name, **options)


def test_positions_are_resampled_once_and_again_when_the_parameter_changes():
    vit = VisionTransformer(SMALL_VIT)
    first = vit.positions(7, 7)
    assert vit.positions(7, 7) is first

    vit.pos_embed.add_(1)
    assert torch.allclose(vit.positions(7, 7), first + 1, atol=1e-5)

    with torch.enable_grad():
        assert vit.positions(7, 7).requires_grad


def test_seeded_weights_are_the_same_everywhere(small):
    again, other = (models.create('d2vpr', seed=seed, **SMALL['d2vpr']) for seed in (0, 1))

    assert models.fingerprint(small) == models.fingerprint(again)
    assert models.fingerprint(small).startswith('0bc829b9705e')
    assert models.fingerprint(other) != models.fingerprint(small)


def test_descriptor_of_the_seeded_network_is_the_same_everywhere(small):
    output = small(images(5, 1, 224))

    expected = [0.049061, 0.033402, 0.006418, -0.029493]
    assert np.allclose(output.descriptor[0, :4], expected, atol=1e-5)


def test_regions_start_undeformed(small):
    deformation = small.offset_generator(torch.randn(1, 192, 14, 14), torch.randn(1, 192))

    points = small.regions.deform(deformation)
    assert torch.allclose(points[0], small.regions.base, atol=1e-6)


def test_the_parts_of_d2vpr_start_as_no_change_of_our_own_networks():
    plain, refined = (models.create('d2vpr-nano', grid=7, depth=depth) for depth in (0, 2))
    # Trunk and heads with weights of a usual size, so that nothing is equal by chance.
    refined.load_state_dict({**refined.state_dict(), **plain.state_dict()})
    batch = images(6, 2, 112)

    assert torch.allclose(plain(batch).descriptor, refined(batch).descriptor, atol=1e-5)


def test_plain_means_of_our_own_networks_are_those_of_adaptive_pooling():
    features = torch.randn(2, 192, 10, 10)
    cells, whole = PlainMeans(10)(features)

    expected = torch.nn.functional.adaptive_avg_pool2d(features, 3).flatten(2).transpose(1, 2)
    assert torch.allclose(cells, expected, atol=1e-6)
    assert torch.allclose(whole, features.mean((2, 3)), atol=1e-6)


def test_vlad_sums_the_differences_to_the_nearest_centre():
    vlad = HardVlad(width=3, length=2, centres=2)
    vlad.load_state_dict(
        {
            'mean': torch.tensor([0.0, 0.0, 1.0]),
            'scale': torch.tensor([1.0, 1.0, 0.0]),
            'projection': torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]),
            'centres': torch.tensor([[1.0, 1.0], [-1.0, 0.5]]),
        }
    )
    # Unit vectors (1, 0), (0, 1) near the first centre, and (-0.6, 0.8) near the second.
    positions = torch.tensor([[5.0, 0.0, 9.0], [0.0, 2.0, 9.0], [-3.0, 4.0, 9.0]])
    sums = vlad(positions.T[None, :, :, None])

    first, second = torch.tensor([-1.0, -1.0]), torch.tensor([0.4, 0.3])
    expected = torch.cat([first / first.norm(), second / second.norm()])
    assert torch.allclose(sums[0], expected, atol=1e-6)


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


@settings(max_examples=20)
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
    net = models.create('d2vpr', code_bits=64, **SMALL['d2vpr']).train()
    with torch.enable_grad():
        output = net(images(1, 2, 112))
        (output.descriptor[0] @ output.descriptor[1] + output.code.mean()).backward()

    without = [key for key, value in net.named_parameters() if value.grad is None]
    assert without == ['backbone.mask_token']


@pytest.mark.parametrize(
    ('options', 'parts'),
    [
        ({'adapters': 'none'}, set()),
        ({'adapters': 'in-block', 'branches': 'float'}, {'blocks'}),
        ({'adapters': 'in-block', 'adapter': 'vanilla', 'branches': 'float'}, {'blocks'}),
        ({'adapter': 'vanilla'}, {'adapters', 'adapters_hashing'}),
        ({'adapter': 'alternating', 'grid': 4}, {'adapters', 'adapters_hashing'}),
    ],
)
def test_other_ways_of_adapting_have_adapters_where_they_say(options, parts):
    vit = ViTConfig(width=96, depth=3, heads=3, native_grid=4)
    net = models.create('selavprpp-base', vit=vit, descriptor_dim=16, code_bits=16, **options)
    names = [name.split('.') for name in net.state_dict() if '.D_fc1.' in name]
    assert {name[1] for name in names} == parts
    output = net(images(1, 2, 56))
    assert output.descriptor.shape == (2, 16)
    assert (output.code is None) is ('branches' in options)


@pytest.mark.parametrize(('aggregation', 'length'), [('salad', 8448), ('boq', 12288)])
def test_selavprpp_takes_the_aggregation_of_another_network(aggregation, length):
    options = {'vit': SMALL_VIT, 'aggregation': aggregation, 'code_bits': 16}
    net = models.create('selavprpp-base', **options)
    output = net(images(1, 2, 126))

    assert output.descriptor.shape == (2, length)
    assert torch.allclose(output.descriptor.norm(dim=1), torch.ones(2))
    assert output.code.shape == (2, 16)
    fast = inference_form(net)(images(1, 2, 126))
    assert torch.allclose(fast.descriptor, output.descriptor, atol=1e-5)
    shapes = {key: tuple(value.shape) for key, value in net.state_dict().items()}
    assert models.spec('selavprpp-base').infer(shapes) == {
        'aggregation': aggregation,
        'code_bits': 16,
    }


def test_adapters_of_selavpr_have_a_skip_connection_behind_the_attention_only():
    net = GlobalAdaptationBlock(32, 2)
    tokens = torch.randn(2, 5, 32)
    plain = Block(32, 2)
    plain.load_state_dict(net.state_dict(), strict=False)
    for adapter in (net.adapter1, net.adapter2):
        torch.nn.init.zeros_(adapter.D_fc2.weight)
        torch.nn.init.constant_(adapter.D_fc2.bias, 0.0)
    assert torch.equal(net(tokens), plain(tokens)), 'adapters that give nothing change nothing'

    torch.nn.init.constant_(net.adapter2.D_fc2.bias, 1.0)
    assert torch.allclose(net(tokens), plain(tokens) + 0.2, atol=1e-6)
    torch.nn.init.constant_(net.adapter2.D_fc2.bias, 0.0)
    torch.nn.init.constant_(net.adapter1.D_fc2.bias, 1.0)
    torch.nn.init.zeros_(net.mlp.fc2.weight)
    torch.nn.init.zeros_(plain.mlp.fc2.weight)
    assert torch.allclose(net(tokens), plain(tokens) + 1, atol=1e-6)


def test_alternating_adapters_are_for_one_size_of_images():
    vit = ViTConfig(width=32, depth=2, heads=2, native_grid=4)
    net = models.create('selavprpp-base', vit=vit, adapter='alternating', grid=4)
    assert net(images(1, 1, 56)).descriptor.shape == (1, 2048)
    with pytest.raises(ModelError, match='16 patches, not 25'):
        net(images(1, 1, 70))
