# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Explanations say what the networks really do, and can be drawn for any image."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros import models
from vpr_ros.describe import explanation as explaining
from vpr_ros.describe.explanation import Explainer, agreement
from vpr_ros.describe.explanation_picture import Shown, comparison, picture
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.models.pooling import DeformableRegions, GeM
from vpr_ros.models.vit import Attention, ViTConfig

SMALL = ViTConfig(width=96, depth=2, heads=3)
NETWORKS = {
    'd2vpr': {'vit': SMALL, 'taps': (1, 2)},
    'd2vpr-encoder': {'vit': SMALL, 'taps': ()},
    'cricavpr': {'vit': SMALL},
    'selavprpp-base': {'vit': SMALL},
    'selavprpp-large': {'vit': SMALL, 'branches': 'hash', 'adapters': 'all'},
    'salad': {'vit': SMALL},
    'boq-dinov2': {'vit': SMALL, 'resnet': None, 'width': 64},
    'image-gsv': {'vit': ViTConfig(96, 2, 3, registers=4), 'after': 1},
}
SIDE_TUNED = ('selavprpp-base', 'selavprpp-large')
REGIONAL = ('d2vpr', 'd2vpr-encoder', 'cricavpr')


def small_network(name):
    """Return a network that deforms its regions, small where it may be."""
    net = models.create(name, **NETWORKS[name])
    if name in ('d2vpr', 'd2vpr-encoder'):
        torch.manual_seed(0)
        with torch.no_grad():
            for layer in (net.offset_generator[0], net.offset_generator[2]):
                layer.weight.normal_(0, 0.08)
    return net


@pytest.fixture(scope='module')
def explainers():
    """Return a maker of explainers, which loads every small network once."""
    made = {}

    def make(name):
        if name not in made:
            with pytest.MonkeyPatch.context() as patch:
                if name in NETWORKS:
                    loaded = small_network(name), 'untrained-seed-0'
                    patch.setattr(explaining, 'load_network', lambda *arguments: loaded)
                made[name] = Explainer(name)
        return made[name]

    return make


def image(seed=0, height=90, width=160):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize('name', [*NETWORKS, 'hog', 'patchnorm'])
def test_every_model_is_explained(explainers, name, monkeypatch):
    if name in NETWORKS:
        monkeypatch.setattr(explaining, '_CELLS', 10)  # for each of which the network computes
    explainer = explainers(name)
    seen = explainer.explain(image())

    assert explainer.trained is (name not in NETWORKS)
    assert seen.weight is not None
    for values in (seen.weight, seen.attention):
        if values is not None:
            assert values.shape[0] == values.shape[1]
            assert values.dtype == np.float32
            assert values.min() >= 0
            assert values.sum() == pytest.approx(1, abs=1e-4)
    transformer = name in NETWORKS
    frozen_or_crowded = name in SIDE_TUNED or name == 'image-gsv'
    assert (seen.attention is None) is (not transformer or frozen_or_crowded)
    assert (seen.features is None) is (not transformer)
    if seen.features is not None:
        assert (seen.features.min(), seen.features.max()) == (0, 1)
    assert len(seen.regions) == (13 if name in REGIONAL else 0)
    assert len(seen.parts) == (14 if name in REGIONAL else 0)


@pytest.mark.parametrize('name', ['d2vpr', 'd2vpr-encoder'])
def test_regions_are_those_the_network_samples(explainers, name, monkeypatch):
    sampled = []
    original = DeformableRegions.sample

    def spy(self, features, points):
        sampled.append(points[0].numpy())
        return original(self, features, points)

    monkeypatch.setattr(DeformableRegions, 'sample', spy)
    seen = explainers(name).explain(image())
    moved = np.concatenate([region.moved.reshape(-1, 2) for region in seen.regions])
    plain = np.concatenate([region.plain.reshape(-1, 2) for region in seen.regions])

    assert np.allclose(moved, sampled[0], atol=1e-6)
    assert np.abs(moved - plain).max() > 0.05


def test_features_are_those_of_the_side_network_and_not_of_the_frozen_transformer(explainers):
    explainer = explainers('selavprpp-base')
    net = explainer._net
    frozen = explainer.explain(image()).features
    state = {key: value.clone() for key, value in net.state_dict().items()}
    try:
        torch.manual_seed(0)
        with torch.no_grad():
            for adapter in net.backbone.adapters:
                adapter.D_fc2.weight.normal_(0, 0.5)
        adapted = explainer.explain(image())
        with torch.no_grad():
            tokens = net.backbone(preprocess([image()], 322))[0][0, 1:].mean(1)
    finally:
        net.load_state_dict(state)
    assert not np.allclose(adapted.features, frozen, atol=0.05)
    found = np.corrcoef(adapted.features.ravel(), tokens.numpy())[0, 1]
    assert abs(found) == pytest.approx(1, abs=1e-4)
    assert np.corrcoef(adapted.features.ravel(), adapted.weight.ravel())[0, 1] >= 0


def test_a_backbone_is_explained_by_its_features_and_attention(tmp_path, monkeypatch):
    small = models.network_of(models.registration('dinov2-vits14'), {'width': 96, 'heads': 3})
    small.load_state_dict(models.initial_state(small, 0), assign=True)
    monkeypatch.setattr(explaining, 'load_network', lambda _entry: (small, 'of a file'))
    seen = Explainer('dinov2-vits14').explain(image())
    assert seen.weight is None
    assert seen.attention.shape == seen.features.shape == (37, 37)


def test_networks_are_compared_by_what_all_of_them_have(explainers, monkeypatch):
    monkeypatch.setattr(explaining, '_CELLS', 10)
    names = ('d2vpr', 'selavprpp-base', 'salad', 'hog')
    seen = [Shown(name, image(), explainers(name).explain(image())) for name in names]
    drawn = comparison(seen, 'one image', width=100)
    assert drawn.shape[1] == 3 * 112
    assert drawn.shape[0] > 1.7 * comparison(seen[:2], 'one image', width=100).shape[0]


def test_regions_of_a_network_without_deformation_stay(explainers):
    seen = explainers('cricavpr').explain(image())

    assert all(np.array_equal(region.plain, region.moved) for region in seen.regions)


@pytest.mark.parametrize('name', REGIONAL)
def test_parts_make_up_the_descriptor(explainers, name):
    one, other = (explainers(name).explain(image(seed)) for seed in (0, 1))
    net = explainers(name)._net
    with torch.no_grad():
        descriptor = net(preprocess([image(0)], 224)).descriptor[0].numpy()

    assert np.allclose(one.parts.ravel(), descriptor, atol=1e-6)
    assert np.allclose(agreement(one, one), 1, atol=1e-5)
    assert agreement(one, other).shape == (14,)
    assert agreement(one, other).max() < 1


def test_nothing_listens_to_the_network_afterwards(explainers):
    explainer = explainers('d2vpr')
    explainer.explain(image())

    assert not any(module._forward_hooks for module in explainer._net.modules())


@torch.no_grad()
def test_attention_is_what_mixes_the_values():
    torch.manual_seed(0)
    attention = Attention(width=8, heads=1)
    attention.proj.weight.copy_(torch.eye(8))
    attention.proj.bias.zero_()
    tokens = torch.randn(1, 1 + 9, 8)
    values = attention.qkv(tokens)[0, :, 16:]
    # With no value of its own, what the class token gets is a mean of the patches.
    bias = -values[0]
    attention.qkv.bias[16:] += bias
    heeded = torch.from_numpy(explaining._class_attention(attention, tokens)).flatten()
    mixed, mean = attention(tokens)[0, 0], heeded @ (values[1:] + bias)

    assert torch.allclose(mixed / mixed.norm(), mean / mean.norm(), atol=1e-5)


@torch.no_grad()
@settings(max_examples=20)
@given(data=st.lists(st.floats(0, 2, width=16), min_size=12, max_size=12), power=st.floats(1, 5))
def test_shares_split_what_is_pooled_among_its_positions(data, power):
    features = torch.tensor(data).reshape(1, 4, 3)
    features[0, 2] = 0
    gem = GeM()
    gem.p.fill_(power)
    means = torch.tensor([[0.25] * 4, [0.5, 0.5, 0, 0]])
    features[0, 0, 0] = 1
    pooled = gem(features, means)
    shares = explaining._shares(features[0], means, pooled[0], gem)

    assert shares.sum() == pytest.approx(1, abs=1e-4)
    assert shares[2] < 1e-4
    order = torch.tensor([3, 1, 0, 2])
    moved = explaining._shares(features[0, order], means[:, order], pooled[0], gem)
    assert torch.allclose(moved, shares[order], atol=1e-5)


def test_image_that_is_the_same_everywhere_weighs_the_same_everywhere():
    regions = DeformableRegions()
    even = regions.weights.mean(0)
    spread = explaining._on_grid(even, regions.base, 16)

    assert spread.sum() == pytest.approx(1, abs=1e-5)
    assert np.allclose(explaining._even(spread, spread), 1 / 256, atol=1e-6)


@pytest.mark.parametrize('name', ['hog', 'patchnorm'])
def test_formulas_weigh_what_has_detail(explainers, name):
    flat = np.full((128, 128, 3), 120, np.uint8)
    flat[64:, 64:] = image(0, 8, 8).repeat(8, 0).repeat(8, 1)
    weight = explainers(name).explain(flat).weight

    assert weight[6:, 6:].sum() > 0.95


@settings(max_examples=15)
@given(
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    panel=st.integers(80, 200),
    caption=st.text(max_size=80),
    pair=st.booleans(),
)
def test_any_image_can_be_drawn(explainers, height, width, panel, caption, pair):
    explainer = explainers('d2vpr')
    images = [image(0, height, width), image(1, width, height)][: 1 + pair]
    rows = [Shown(caption[:20], rgb, explainer.explain(rgb)) for rgb in images]
    drawn = picture(rows, caption, panel)

    assert drawn.dtype == np.uint8
    assert drawn.shape[1:] == (5 * (panel + 12), 3)
    assert len(np.unique(drawn)) > 10


def test_picture_shows_regions_and_their_likeness_only_where_there_are_any(explainers):
    width = 112
    plain, regional = (
        picture([Shown('', image(), explainers(name).explain(image()))], width=100)
        for name in ('selavprpp-base', 'd2vpr')
    )
    assert plain.shape[1] == 3 * width
    assert regional.shape[1] == 5 * width
