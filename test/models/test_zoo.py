# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SALAD, MegaLoc, BoQ, ImAge, CosPlace, EigenPlaces and MixVPR are the published networks."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from reference import FOLDER, fill, images
from shared_data import DATA
from torch.nn import functional

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models.resnet import ResNetConfig, ResNetTrunk
from vpr_ros.models.salad import SaladConfig, TransportAggregation
from vpr_ros.models.vit import NormedTransformer, ViTConfig
from vpr_ros.models.weights_file import convert, read_network

TOLERANCE = 1e-5
PUBLISHED = {
    'megaloc': ('megaloc', {}, 224),
    'salad_dinov2_8448': ('salad', {}, 224),
    'boq_resnet50_16384': ('boq-resnet50', {}, 384),
    'boq_dinov2_12288': ('boq-dinov2', {}, 224),
    'image_dinov2_6144': ('image-gsv', {}, 224),
    'cosplace_resnet18_512': ('cosplace-resnet18', {}, 224),
    'cosplace_resnet50_2048': ('cosplace-resnet50', {}, 224),
    'eigenplaces_resnet18_256': ('eigenplaces-resnet18', {'descriptor_dim': 256}, 224),
    'eigenplaces_resnet18_512': ('eigenplaces-resnet18', {}, 224),
    'eigenplaces_resnet50_2048': ('eigenplaces-resnet50', {}, 224),
    'mixvpr_resnet50_4096': ('mixvpr', {}, 320),
    'mixvpr_resnet50_512': ('mixvpr-512', {}, 320),
    'mixvpr_resnet50_128': ('mixvpr-128', {}, 320),
}
"""Name, options and size of the image by the name of the reference."""
QUICK = ('eigenplaces_resnet18_256',)
SMALL_VIT = ViTConfig(width=64, depth=3, heads=2, native_grid=5)
SMALL_RESNET = ResNetConfig((1, 1, 1, 1), width=8)


def filled(name, kind, **options):
    """Return a network with the weights of one of the two rules."""
    net = models.build(name, **options)
    values = getattr(fill, kind)
    state = {
        key: torch.from_numpy(np.asarray(values(key, tuple(value.shape))))
        for key, value in net.state_dict().items()
    }
    models.load_published(net, state)
    return net


def expected(reference, kind, size):
    strong = '_strong' if kind == 'strong' else ''
    name = f'{reference}{strong}_seed1_b2_{size}.npy'
    folders = (FOLDER / 'zoo', DATA.parent / 'reference' / 'zoo')
    path = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if path is None:
        pytest.skip(f'needs {name} in {folders[1]}')
    return np.load(path)


@pytest.mark.timeout(400)
@pytest.mark.parametrize('kind', ['tensor', 'strong'])
@pytest.mark.parametrize(
    'reference',
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in PUBLISHED],
)
def test_descriptors_are_the_published_ones(reference, kind):
    name, options, size = PUBLISHED[reference]
    wanted = expected(reference, kind, size)
    found = filled(name, kind, **options)(images(1, 2, size)).descriptor

    assert np.abs(found.numpy() - wanted).max() < TOLERANCE


@pytest.mark.parametrize(
    ('name', 'options', 'count', 'digest'),
    [
        ('megaloc', {}, 189, '550866b82005e914'),
        ('salad', {}, 188, 'ea306a724c9e520a'),
        ('boq-resnet50', {}, 314, '3fd0778e2de9477f'),
        ('boq-dinov2', {}, 231, '65d2c13244a1c97d'),
        ('image-gsv', {}, 177, 'ecdcf135c65cff31'),
        ('cosplace-resnet18', {}, 123, 'b6dbd54853fff874'),
        ('cosplace-resnet50', {}, 321, 'd2a637c054aa8678'),
        ('eigenplaces-resnet18', {'descriptor_dim': 256}, 123, '4899d1c6aad56713'),
        ('eigenplaces-resnet18', {}, 123, 'b6dbd54853fff874'),
        ('eigenplaces-resnet50', {}, 321, 'd2a637c054aa8678'),
        ('mixvpr', {}, 286, '6b8e1ececf96dc17'),
        ('mixvpr-512', {}, 286, 'efe9ff783b24bfce'),
        ('mixvpr-128', {}, 286, '353be57ed779cd22'),
    ],
)
def test_keys_and_shapes_are_the_published_ones(name, options, count, digest):
    state = models.build(name, **options).state_dict()
    lines = sorted(f'{key} {tuple(value.shape)}\n' for key, value in state.items())

    assert len(lines) == count
    assert hashlib.sha256(''.join(lines).encode()).hexdigest()[:16] == digest


def small(name, **options):
    return models.create(name, seed=1, **options)


def test_transport_gives_each_patch_shares_and_each_cluster_one_patch():
    config = SaladConfig(vit=SMALL_VIT, clusters=5, cluster_dim=6, token_dim=4, hidden=8)
    aggregation = TransportAggregation(config)
    scores = 4 * torch.randn(2, 5, 40, generator=torch.Generator().manual_seed(0))
    shares = aggregation.assign(scores)

    # In three rounds the columns are exact and the rows nearly; with many they both are.
    assert (shares.sum(1) < 1).all()
    assert torch.allclose(shares.sum(2), torch.ones(2, 5), atol=0.3)
    constant = aggregation.assign(scores + torch.randn(1, 5, 1))
    assert torch.allclose(shares, constant, atol=1e-5)  # a constant of a cluster cancels out
    aggregation.dust_bin.data += 3
    assert torch.allclose(shares, aggregation.assign(scores), atol=1e-5)


def test_too_few_patches_for_the_clusters_are_refused():
    net = small('salad', vit=SMALL_VIT, clusters=16, cluster_dim=4, token_dim=4, hidden=8)
    with pytest.raises(ModelError, match='16 patches are too few for 16 clusters'):
        net(torch.zeros(1, 3, 56, 56))
    assert net(torch.zeros(1, 3, 56, 70)).descriptor.shape == (1, 68)


@pytest.mark.parametrize(('given', 'rounded'), [((301, 315), (308, 308)), ((90, 70), (84, 70))])
def test_megaloc_rounds_sides_to_patches_half_to_even(given, rounded):
    options = {'vit': SMALL_VIT, 'clusters': 4, 'cluster_dim': 4, 'token_dim': 4, 'hidden': 8}
    net = small('megaloc', **options, descriptor_dim=12)
    pictures = torch.randn(1, 3, *given, generator=torch.Generator().manual_seed(0))
    resized = functional.interpolate(pictures, rounded, mode='bilinear', antialias=True)

    assert torch.allclose(net(pictures).descriptor, net(resized).descriptor, atol=1e-6)


def test_positions_of_images_that_are_no_squares_have_rows_first():
    net = NormedTransformer(ViTConfig(width=64, depth=1, heads=2, native_grid=8), rectangular=True)
    grid = torch.zeros(8, 8, 64)
    grid[:, :, 0] = torch.arange(8)[:, None]  # the row
    net.pos_embed.data[0, 1:] = grid.flatten(0, 1)
    rows = net.positions(8, 4)[0, 1:, 0].reshape(8, 4)

    assert (rows.diff(dim=0) > 0.5).all()
    assert rows.diff(dim=1).abs().max() < 1e-4
    with pytest.raises(ModelError, match='square images'):
        NormedTransformer(SMALL_VIT).embed(torch.zeros(1, 3, 70, 84))
    with pytest.raises(ModelError, match='multiple of 14 pixels, not 70 and 80'):
        net.embed(torch.zeros(1, 3, 70, 80))


def test_mixvpr_takes_one_size_only():
    net = small('mixvpr', resnet=SMALL_RESNET, grid=3, channels=8, rows=2)
    assert net(torch.zeros(1, 3, 48, 48)).descriptor.shape == (1, 16)
    with pytest.raises(ModelError, match=r'takes images \(B, 3, 48, 48\)'):
        net(torch.zeros(1, 3, 64, 64))


@pytest.mark.parametrize('bottleneck', [False, True])
def test_trunk_halves_the_map_where_it_should(bottleneck):
    config = ResNetConfig((2, 1, 1, 1), bottleneck, width=8)
    net = ResNetTrunk(config).eval()
    sizes, features = [], torch.zeros(1, 3, 96, 64)
    for part in net:
        features = part(features)
        sizes.append(tuple(features.shape[2:]))
    assert sizes[-4:] == [(24, 16), (12, 8), (6, 4), (3, 2)]
    assert features.shape[1] == config.channels(4)
    assert len(ResNetTrunk(config, 3)) == len(net) - 1


@pytest.mark.parametrize(
    ('name', 'options', 'given'),
    [
        ('eigenplaces-resnet18', {'descriptor_dim': 96}, {}),
        ('cosplace-resnet50', {'resnet': ResNetConfig((2, 2, 2, 2), bottleneck=False)}, {}),
        ('mixvpr', {'channels': 64, 'rows': 3}, {}),
        ('megaloc', {}, {'vit': SMALL_VIT, 'descriptor_dim': 32}),
    ],
)
def test_published_file_of_another_length_or_of_the_first_kind_is_converted(
    name, options, given, tmp_path, monkeypatch
):
    entry = models.spec(name)
    entry = replace(entry, options={**entry.options, **given})
    monkeypatch.setitem(models.registry._BY_NAME, name, entry)
    net = small(name, **options)
    state = net.state_dict()
    if name == 'megaloc':
        state = {key.replace('backbone.', 'backbone.model.'): v for key, v in state.items()}
        state['backbone.model.mask_token'] = torch.zeros(1, 64)
    torch.save(state, tmp_path / 'published.pth')
    written = convert(tmp_path / 'published.pth', name, tmp_path / 'converted.safetensors')

    _, again = read_network(models.spec(name), written)
    assert models.fingerprint(again) == models.fingerprint(net)


@pytest.mark.parametrize(
    ('name', 'options', 'reason'),
    [
        ('boq-resnet50', {'vit': SMALL_VIT}, 'either resnet or vit'),
        ('boq-resnet50', {'width': 100}, 'multiple of 64'),
        ('mixvpr', {'grid': 1000}, 'at most 64'),
        ('salad', {'clusters': 0}, 'sizes must be'),
        ('image-gsv', {'after': 12}, 'less than the depth'),
        ('cosplace-resnet18', {'resnet': {'blocks': [2, 2]}}, '4 stages'),
    ],
)
def test_options_of_no_network_are_refused_with_the_reason(name, options, reason):
    with pytest.raises(ModelError, match=reason):
        models.build(name, **options)
