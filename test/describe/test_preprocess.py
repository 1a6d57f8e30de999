# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from vpr_ros.describe.preprocess import preprocess
from vpr_ros.errors import ImageError
from vpr_ros.models import Preprocessing

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


def _image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@settings(max_examples=40)
@given(
    height=st.integers(1, 500),
    width=st.integers(1, 500),
    size=st.sampled_from([14, 112, 224]),
    seed=st.integers(0, 9),
)
def test_resize_is_that_of_floating_point_within_one_grey_level(height, width, size, seed):
    image = _image(height, width, seed)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    exact = functional.interpolate(planes, size=(size, size), mode='bilinear', antialias=True)

    found = preprocess([image], size)

    assert found.shape == (1, 3, size, size)
    assert ((found[0] * STD + MEAN) * 255 - exact[0]).abs().max() < 1.1


def test_image_of_the_right_size_is_only_normalised():
    image = _image(224, 224)

    found = preprocess([image], 224)[0]
    expected = (torch.from_numpy(image).permute(2, 0, 1) / 255 - MEAN) / STD
    assert torch.allclose(found, expected, atol=1e-6)


def test_result_is_the_same_on_every_processor():
    levels = ((preprocess([_image(181, 320)], 224)[0] * STD + MEAN) * 255).round()

    digest = hashlib.sha256(levels.to(torch.uint8).numpy().tobytes()).hexdigest()
    assert digest.startswith('49d2fcbd54fc')


def test_any_memory_layout_is_taken():
    image = _image(60, 80)
    flipped = np.ascontiguousarray(image[::-1, :, ::-1])
    frozen = image.copy()
    frozen.flags.writeable = False

    assert torch.equal(preprocess([image[::-1, :, ::-1]], 56), preprocess([flipped], 56))
    assert torch.equal(preprocess([frozen], 56), preprocess([image], 56))
    assert torch.equal(preprocess([np.asfortranarray(image)], 56), preprocess([image], 56))


@pytest.mark.parametrize(
    'image',
    [
        np.zeros((0, 5, 3), np.uint8),
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3), np.float32),
        [[1, 2, 3]],
        None,
    ],
)
def test_other_things_than_rgb_images_are_refused(image):
    with pytest.raises(ImageError, match='an image to describe must'):
        preprocess([image], 224)


def test_preprocessing_is_named_in_full():
    assert Preprocessing(224).id == (
        'rgb8 resize=224x224 bilinear antialias=yes rounding=uint8 keep_aspect=no '
        'mean=0.485,0.456,0.406 std=0.229,0.224,0.225'
    )
    other = Preprocessing(32, 48, 'bicubic', 'crop', (0, 0, 0), (1, 1, 1))
    assert other.id == (
        'rgb8 resize=48x32 bicubic antialias=yes rounding=uint8 keep_aspect=crop '
        'mean=0.0,0.0,0.0 std=1.0,1.0,1.0'
    )


@pytest.mark.parametrize(('height', 'width'), [(90, 160), (160, 90), (7, 300), (1, 1)])
def test_what_does_not_fit_is_cut_off_on_both_sides(height, width):
    image = _image(height, width)
    rule = Preprocessing(24, 32, fit='crop')
    rows, columns = min(height, max(1, round(width * 3 / 4))), min(width, round(height * 4 / 3))
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = image[top : top + rows, left : left + columns]

    assert torch.equal(preprocess([image], rule), preprocess([middle], Preprocessing(24, 32)))


def test_bicubic_resize_rounds_to_pixels_and_uses_the_given_normalisation():
    image = _image(40, 60)
    rule = Preprocessing(20, 30, 'bicubic', mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    planes = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    exact = functional.interpolate(planes, (20, 30), mode='bicubic', antialias=True)

    found = (preprocess([image], rule) + 1) * 127.5
    assert (found - exact.clamp(0, 255)).abs().max() < 1.01


@pytest.mark.parametrize(
    'values',
    [
        {'height': 4},
        {'height': 10_000},
        {'height': 64, 'width': -1},
        {'height': 64, 'std': (0.0, 1.0, 1.0)},
        {'height': 64, 'mean': (float('nan'), 0.0, 0.0)},
        {'height': 64, 'mean': (123.7, 116.3, 103.5)},  # of pixels from 0 to 255
        {'height': 64, 'std': (1e-45, 1.0, 1.0)},
        {'height': 64, 'std': (1e39, 1.0, 1.0)},
    ],
)
def test_preprocessing_of_no_network_is_refused(values):
    with pytest.raises(ValueError, match=r'sides must|mean must'):
        Preprocessing(**values)
