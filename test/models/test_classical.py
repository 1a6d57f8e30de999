# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The formulas without weights: known answers, and what the descriptors must not depend on."""

import logging
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros import models
from vpr_ros.describe import Describer
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.errors import ModelError
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.models.classical import Hog, PatchNorm

NAMES = ['hog', 'patchnorm']


@pytest.fixture(scope='module', params=NAMES)
def network(request):
    return models.create(request.param)


def _pictures(seed, number=1, side=96):
    """Make smooth random pictures, (number, side, side, 3) uint8."""
    coarse = torch.rand(number, 3, 12, 12, generator=torch.Generator().manual_seed(seed))
    smooth = torch.nn.functional.interpolate(coarse, (side, side), mode='bicubic')
    return (smooth.clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).numpy()


def _described(net, picture):
    return net(preprocess([np.ascontiguousarray(picture)], 128)).descriptor[0]


def _lit(picture, light):
    """Put a picture into the form the networks read, its brightness times ``light``."""
    colours = torch.from_numpy(picture).float().permute(2, 0, 1) / 255 * light
    mean, std = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    return torch.stack([(c - m) / s for c, m, s in zip(colours, mean, std, strict=True)])[None]


@pytest.mark.parametrize('name', NAMES)
def test_formulas_are_known_to_have_no_weights(name):
    assert models.spec(name).weightless
    assert not models.create(name).state_dict()


def test_only_formulas_say_that_they_have_no_weights():
    assert [name for name in models.names() if models.spec(name).weightless] == NAMES


@settings(max_examples=20)
@given(seed=st.integers(0, 99), size=st.tuples(st.integers(1, 200), st.integers(1, 200)))
def test_any_picture_has_a_descriptor_of_unit_norm(seed, size, network):
    generator = torch.Generator().manual_seed(seed)
    output = network(torch.randn(2, 3, *size, generator=generator))

    assert output.code is None
    assert output.descriptor.dtype == torch.float32
    assert torch.allclose(output.descriptor.norm(dim=1), torch.ones(2))


def test_descriptors_do_not_depend_on_the_rest_of_the_batch(network):
    batch = preprocess(list(_pictures(0, 3)), 128)
    together = network(batch).descriptor

    for image, expected in zip(batch, together, strict=True):
        assert torch.allclose(network(image[None]).descriptor[0], expected, atol=1e-6)


@pytest.mark.parametrize('level', [0, 1, 77, 255])
def test_blank_pictures_are_all_alike_and_like_no_place(level, network):
    blank = _described(network, np.full((90, 160, 3), level, np.uint8))
    street = _described(network, _pictures(1)[0])

    assert torch.allclose(blank, torch.full_like(blank, len(blank) ** -0.5), atol=1e-3)
    assert abs(blank @ street) < 0.05


@settings(max_examples=20)
@given(seed=st.integers(0, 99), gain=st.floats(0.4, 1))
def test_exposure_changes_little(seed, gain, network):
    bright, other = _pictures(seed, 2)
    reference = network(_lit(bright, 1)).descriptor[0]

    same = network(_lit(bright, gain)).descriptor[0] @ reference
    assert same > 0.99
    assert network(_lit(other, 1)).descriptor[0] @ reference < 0.5


@settings(max_examples=20)
@given(seed=st.integers(0, 99))
def test_light_that_falls_off_across_the_picture_changes_little(seed, network):
    picture = _pictures(seed)[0]
    shade = torch.linspace(1, 0.5, 96).expand(96, 96)

    assert network(_lit(picture, shade)).descriptor[0] @ _described(network, picture) > 0.96


def test_pixels_are_in_units_of_their_window():
    grey = torch.zeros(1, 3, 3, 3)
    grey[..., 1, 1] = 9
    descriptor = PatchNorm(width=3, height=3, window=3)(grey).descriptor.reshape(3, 3)

    # The mean and the deviation of windows with 1 bright pixel among 9, 6 and 4.
    raw = {
        (1, 1): (1 - 1 / 9) / (math.sqrt(8) / 9),
        (0, 1): (-1 / 6) / (math.sqrt(5) / 6),
        (0, 0): (-1 / 4) / (math.sqrt(3) / 4),
    }
    norm = math.sqrt(raw[1, 1] ** 2 + 4 * raw[0, 1] ** 2 + 4 * raw[0, 0] ** 2)
    for place, value in raw.items():
        assert descriptor[place] == pytest.approx(value / norm, abs=0.002)


def test_light_and_shadow_of_half_a_picture_cancel_away_from_their_edge():
    net = PatchNorm(width=32, height=32, window=5)
    picture = np.ascontiguousarray(_pictures(3, side=32)[0])
    shadow = torch.ones(32, 32)
    shadow[:, 16:] = 0.5
    plain, shaded = (net(_lit(picture, light)).descriptor.reshape(32, 32) for light in (1, shadow))

    right = slice(18, None)  # whose windows lie in the shadow
    scale = plain[:, right].norm() / shaded[:, right].norm()
    assert torch.allclose(shaded[:, right] * scale, plain[:, right], atol=0.01)


def _edge(angle):
    """Make a soft edge whose brightness grows towards ``angle`` (radians from x to y)."""
    across, down = np.meshgrid(np.arange(32.0), np.arange(32.0))
    ramp = (across - 15.5) * math.cos(angle) + (down - 15.5) * math.sin(angle)
    return torch.from_numpy(1 / (1 + np.exp(-ramp))).float()[None, None]


@pytest.mark.parametrize('turned', [0, math.pi])
def test_vertical_edge_votes_for_the_two_bins_beside_the_horizontal(turned):
    histograms = Hog(cells=4, cell=8).histograms(_edge(turned))[0]

    votes = histograms.sum((1, 2))
    assert torch.allclose(votes[[0, 8]], votes.sum() / 2, rtol=1e-3)
    by_column = histograms.sum((0, 1))
    assert torch.allclose(by_column, by_column.flip(0), rtol=1e-4)
    assert by_column[1] > 2 * by_column[0]


@pytest.mark.parametrize('wanted', range(9))
def test_edge_across_the_middle_of_a_bin_votes_for_that_bin(wanted):
    votes = Hog(cells=4, cell=8).histograms(_edge((wanted + 0.5) * math.pi / 9)).sum((0, 2, 3))

    assert votes.argmax() == wanted
    assert votes[wanted] > 0.75 * votes.sum()


def test_what_all_blocks_share_is_left_out():
    blocks = _described(models.create('hog'), _pictures(2)[0]).reshape(36, 49)

    assert torch.allclose(blocks.mean(1), torch.zeros(36), atol=1e-3)
    assert blocks.std() > 0.02


@pytest.mark.parametrize('shape', [(3, 9, 9), (1, 1, 9, 9), (1, 3, 0, 9), (0, 3, 9, 9)])
def test_images_of_a_wrong_shape_are_refused(shape, network):
    with pytest.raises(ModelError, match=r'\(B, 3, H, W\)'):
        network(torch.zeros(shape))


@pytest.mark.parametrize(
    ('name', 'options'),
    [('hog', {'cells': 1}), ('hog', {'weights': 3}), ('patchnorm', {'window': 4})],
)
def test_impossible_options_are_refused(name, options):
    with pytest.raises(ModelError, match='cannot be built'):
        models.create(name, **options)


@pytest.mark.parametrize(('name', 'length'), [('hog', 1764), ('patchnorm', 2048)])
def test_a_formula_describes_and_maps_like_any_network(name, length, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        describer = Describer(name, device='cpu')
    info = describer.model_info
    pictures = list(_pictures(5, 12))
    descriptions = describer.describe(pictures)

    assert not caplog.records
    assert (info.weights_id, info.trained) == ('none', True)
    assert (info.descriptor_dim, info.code_bits) == (length, 0)
    with MapWriter.create(tmp_path / 'a.vprmap', info, frame_id='map') as place_map:
        session = place_map.begin_session('walk', 0)
        places = [
            NewPlace(description, session, stamp, Pose.planar(stamp, 0, 0))
            for stamp, description in enumerate(descriptions)
        ]
        place_map.add(places)
        place_map.recode(64)
        codes = place_map.codes
        _, again = place_map.snapshot.query_of(describer.describe(pictures[4:5])[0])

    assert codes.shape == (12, 8)
    assert np.array_equal(again, codes[4])
    assert len(np.unique(codes, axis=0)) == 12


@pytest.mark.parametrize('name', NAMES)
def test_weights_for_a_formula_are_refused(name, tmp_path):
    with pytest.raises(ModelError, match='without weights'):
        Describer(name, device='cpu', weights=tmp_path / 'some.safetensors')


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_gpu_agrees_with_the_cpu(name, precision):
    pictures = list(_pictures(6, 5))
    cpu = Describer(name, device='cpu').describe(pictures)
    gpu = Describer(name, device='cuda', precision=precision).describe(pictures)

    for left, right in zip(cpu, gpu, strict=True):
        assert np.abs(left.descriptor - right.descriptor).max() < 1e-4
