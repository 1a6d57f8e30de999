# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from straight_drive import picture

from vpr_ros.evaluation.stress import alterations
from vpr_ros.evaluation.stress.recording import Shot

ALL = (
    alterations.black,
    alterations.white,
    alterations.noise,
    alterations.covered,
    alterations.wall,
    alterations.blurred,
    alterations.upside_down,
    alterations.seen_again,
    alterations.noisy,
)


@pytest.mark.parametrize('how', ALL, ids=lambda how: how.__name__)
def test_altered_pictures_are_pictures_of_the_same_size_and_the_same_each_time(how):
    first, second = (Shot.of(picture(0)).altered(how, 3).rgb for _ in range(2))
    assert first.shape == (24, 32, 3)
    assert first.dtype == np.uint8
    assert (first == second).all()


def test_pictures_of_nothing_look_like_it():
    shot = Shot.of(picture(0))
    assert shot.altered(alterations.black).rgb.mean() < 5
    assert shot.altered(alterations.white).rgb.mean() > 250
    covered, wall = shot.altered(alterations.covered).rgb, shot.altered(alterations.wall).rgb
    assert covered.mean() < 80
    assert wall.std() < 20
    blurred = shot.altered(alterations.blurred).rgb
    assert np.abs(np.diff(blurred.astype(float), axis=1)).mean() < 20


def test_a_picture_is_described_once():
    calls = []

    class Counting:
        def describe(self, images):
            calls.append(len(images))
            return ['description' for _ in images]

    shot = Shot.of(picture(0)).altered(alterations.noisy)
    assert shot.described(Counting()) == shot.described(Counting()) == 'description'
    assert calls == [1]
