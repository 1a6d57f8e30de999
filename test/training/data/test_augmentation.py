# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.documents import DocumentError
from vpr_ros.training.data import Augmentation, TrainingDataError, image_changes

NONE = Augmentation(
    shift=0, zoom=0, turn=0, tilt=0, gamma=0, gain=0, balance=0, shade=0, night=0, haze=0, blur=0,
    grain=0, jpeg=0, grey=0, cover=0,
)  # fmt: skip


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(count: int = 6, size: int = 48) -> torch.Tensor:
    """Smooth pictures with some of everything, and a bright top as of sky."""
    coarse = torch.rand(count, 3, 6, 6, generator=generator(9)) * 0.7
    coarse[:, :, 0] = 0.9
    return torch.nn.functional.interpolate(coarse, (size, size), mode='bilinear')


@settings(max_examples=30)
@given(
    size=st.integers(9, 40),
    count=st.integers(0, 4),
    strength=st.floats(0, 1),
    seed=st.integers(0, 2**40),
)
def test_pictures_stay_pictures(size, count, strength, seed):
    images = pictures(max(count, 1), size)[:count]
    before = images.clone()
    out = Augmentation(strength, night=1, haze=1, blur=1, jpeg=1, grey=1, cover=1)(
        images, generator(seed)
    )
    assert out.shape == images.shape
    assert out.dtype == torch.float32
    assert torch.isfinite(out).all()
    assert not len(out) or (out.min() >= 0 and out.max() <= 1)
    assert torch.equal(images, before)


def test_same_state_of_the_generator_makes_the_same_changes():
    augment = Augmentation()
    assert torch.equal(augment(pictures(), generator(3)), augment(pictures(), generator(3)))
    assert not torch.equal(augment(pictures(), generator(3)), augment(pictures(), generator(4)))


def test_images_may_be_on_another_device_than_the_random_numbers():
    # This device computes nothing, and minds as much as any other what it is mixed with.
    images = pictures().to('meta')
    augment = Augmentation(night=1, haze=1, blur=1, jpeg=1, grey=1, cover=1)
    assert augment(images, generator()).device.type == 'meta'


def test_every_image_is_changed_in_its_own_way():
    images = pictures(1).expand(5, -1, -1, -1)
    out = Augmentation()(images, generator())
    assert all(not torch.equal(out[i], out[j]) for i in range(5) for j in range(i))


def test_strength_zero_changes_nothing_and_more_strength_changes_more():
    images = pictures(32)
    change = [
        (Augmentation().at(s)(images, generator(1)) - images).abs().mean().item()
        for s in (0, 0.25, 0.5, 1)
    ]
    assert change[0] == 0
    assert change == sorted(change)


def test_no_change_at_all_gives_the_same_picture_through_the_warp():
    torch.testing.assert_close(NONE(pictures(), generator()), pictures(), atol=2e-3, rtol=0)


def test_shift_moves_the_picture_by_the_share_of_its_side():
    images = torch.zeros(200, 3, 50, 50)
    images[:, :, 24:26, 24:26] = 1
    out = image_changes.look_from_elsewhere(
        images, generator(), shift=0.2, zoom=0, turn=0, tilt=0
    ).mean(1)
    columns = (out.sum(1) * torch.arange(50)).sum(1) / out.sum((1, 2)) - 24.5
    assert 9 < columns.abs().max() <= 10.5
    assert abs(columns.mean()) < 1.5


def test_left_and_right_are_never_exchanged():
    images = torch.zeros(100, 3, 40, 40)
    images[..., :10] = 1
    out = Augmentation(night=0, cover=0, haze=0)(images, generator())
    assert (out[..., :13].mean((1, 2, 3)) > out[..., 27:].mean((1, 2, 3))).all()


def test_night_is_dark_most_where_the_sky_was_but_things_can_be_told():
    images = pictures(64)
    night = image_changes.fall_night(images.clone(), generator(), depth=1.0)
    assert night.mean() < 0.5 * images.mean()
    assert night[:, :, :4].mean() < 0.5 * night[:, :, 12:].mean()
    ground, dark = images[:, :, 16:].mean(1), night[:, :, 16:].mean(1)
    likeness = [
        np.corrcoef(a.flatten().numpy(), b.flatten().numpy())[0, 1]
        for a, b in zip(ground, dark, strict=True)
    ]
    assert np.mean(likeness) > 0.2


def test_haze_takes_contrast_away():
    images = pictures()
    assert (
        image_changes.haze(images, generator(), density=0.8).std((1, 2, 3)) < images.std((1, 2, 3))
    ).all()


def test_blur_takes_fine_detail_away_and_leaves_the_coarse():
    images = torch.rand(8, 3, 64, 64, generator=generator())
    out = image_changes.blur(images, generator(1), size=0.1)
    coarse = torch.nn.functional.avg_pool2d
    assert out.std() < 0.7 * images.std()
    assert (coarse(out, 32) - coarse(images, 32)).abs().max() < 0.05


@pytest.mark.parametrize('size', [64, 70, 5])
def test_compression_rounds_less_the_smaller_the_step(size):
    images = pictures(4, size)
    errors = [
        (image_changes.compress(images, generator(), loss=loss) - images).abs().max().item()
        for loss in (1e-5, 0.5)
    ]
    assert errors[0] < 1e-3
    assert size < 8 or errors[1] > 0.02


def test_covering_leaves_the_rest_as_it_is():
    images = pictures(20, 60)
    changed = (image_changes.cover(images, generator(), area=0.2) != images).any(1)
    share = changed.float().mean((1, 2))
    assert (share > 0).all()
    assert share.max() <= 0.2 + 0.02


@pytest.mark.parametrize('entries', [{'nights': 1}, {'night': 1.5}, {'shift': -1}, {'gamma': 'x'}])
def test_entries_that_make_no_sense_are_refused_by_name(entries):
    with pytest.raises((DocumentError, TrainingDataError), match=next(iter(entries))):
        Augmentation.of(entries)


def test_entries_of_a_recipe_are_taken():
    assert Augmentation.of({'night': 0.5, 'zoom': 0}) == Augmentation(night=0.5, zoom=0)


def test_a_batch_of_usual_size_takes_milliseconds_an_image():
    images, augment = pictures(32, 224), Augmentation()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        times = []
        for seed in range(4):
            start = time.perf_counter()
            augment(images, generator(seed))
            times.append((time.perf_counter() - start) / 32)
    finally:
        torch.set_num_threads(threads)
    # About 5 ms on a core of its own; test machines share theirs.
    assert min(times) < 0.04
