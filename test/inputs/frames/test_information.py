# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from pictures import blocks

from vpr_ros.inputs.frames.information import emptiness

HEIGHT, WIDTH = 180, 320


def shaded():
    """A wall in the light of one lamp, and the noise of the camera."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    light = 60 + 120 * np.exp(-(((rows - 90) / 150) ** 2 + ((columns - 60) / 200) ** 2))
    noise = np.random.default_rng(0).normal(0, 4, (HEIGHT, WIDTH, 3))
    return np.clip(light[..., None] + noise, 0, 255).astype(np.uint8)


def covered():
    """A hand before the lens."""
    return (shaded() * np.array([0.6, 0.25, 0.2])).astype(np.uint8)


def noise():
    return np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


@pytest.mark.parametrize(
    'picture',
    [
        np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        np.full((HEIGHT, WIDTH, 3), 255, np.uint8),
        shaded(),
        covered(),
        noise(),
        np.zeros((1, 1, 3), np.uint8),
    ],
    ids=['black', 'white', 'wall', 'covered', 'noise', 'one pixel'],
)
def test_picture_of_nothing_is_told_with_the_reason(picture):
    assert emptiness(picture)


@pytest.mark.parametrize('gain', [1.0, 0.2])
@pytest.mark.parametrize('size', [(48, 64), (HEIGHT, WIDTH), (1080, 1920)])
def test_picture_of_something_is_not_empty_by_day_or_night(size, gain):
    picture = (blocks(1, *size) * gain).astype(np.uint8)
    assert emptiness(picture) == ''
