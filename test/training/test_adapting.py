# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from vpr_ros.evaluation.metrics import Tolerance
from vpr_ros.training.adapting import Division, PosedDescriptors, adapt, judge
from vpr_ros.training.held_out import AdaptationError

NEAR = Tolerance(1.5)
HELD = np.arange(120) >= 60


def _drives(dim, nuisance, noise=0.02, seed=0):
    """Return a map and a drive whose pictures differ along a few directions, by so much."""
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((120, dim)) / np.sqrt(dim)
    light = rng.standard_normal((4, dim)) / np.sqrt(dim)
    drives = []
    for _ in range(2):
        seen = places + nuisance * rng.standard_normal((120, 4)) @ light
        seen += noise * rng.standard_normal(seen.shape)
        poses = np.zeros((120, 7))
        poses[:, 0], poses[:, 6] = 2 * np.arange(120), 1
        drives.append(PosedDescriptors(seen / np.linalg.norm(seen, axis=1, keepdims=True), poses))
    return drives


def _judged(places, drive, **options):
    division = Division.of(places.poses, drive.poses, HELD, NEAR)
    adaptation = adapt(places, drive.part(division.fitting), NEAR, 64, **options)
    both = places, drive.part(division.judging)
    return adaptation, judge(both, both, adaptation, NEAR)


@pytest.mark.parametrize('centred', [True, False])
def test_what_differs_between_pictures_of_a_place_counts_less(centred):
    adaptation, found = _judged(*_drives(64, nuisance=1.5), centred=centred)
    assert found.images == 60
    assert found.after > found.before + 0.1
    assert found.chance < 0.01
    assert bool(adaptation.mean.any()) == centred


def test_a_model_that_is_not_better_is_refused_with_the_figures():
    _, found = _judged(*_drives(64, nuisance=0.0))
    with pytest.raises(AdaptationError, match=r'nothing is written: of 60 .*100.0%.*won 0'):
        found.require_better()


def test_too_few_held_out_images_are_refused():
    places, drive = _drives(32, nuisance=1.0)
    with pytest.raises(AdaptationError, match='120 images to fit to and 0 held-out'):
        Division.of(places.poses, drive.poses, np.zeros(120, bool), NEAR)


def test_what_shows_a_place_that_is_held_out_is_not_fitted_to():
    places, drive = _drives(32, nuisance=1.0)
    twice = np.concatenate([drive.poses, drive.poses[:80]])  # goes on into a second lap
    held = np.arange(200) < 40
    division = Division.of(places.poses, twice, held, NEAR)
    assert np.flatnonzero(division.judging).tolist() == list(range(40))
    assert np.flatnonzero(division.fitting).tolist() == [*range(40, 120), *range(160, 200)]


def test_images_that_no_place_of_the_map_is_near_are_left_out():
    places, drive = _drives(32, nuisance=1.0)
    drive.poses[110:, 0] += 1e4
    division = Division.of(places.poses, drive.poses, HELD, NEAR)
    assert (division.fitting.sum(), division.judging.sum()) == (60, 50)


def test_codes_are_the_signs_of_the_logits_of_the_head():
    places, drive = _drives(64, nuisance=1.0)
    adaptation, _ = _judged(places, drive)
    values = adaptation.project(drive).values
    weight, bias = adaptation.head
    logits = values @ weight.T + bias
    sure = np.abs(logits) > 1e-3  # codes are of values rounded to float16
    assert (np.unpackbits(adaptation.codes(values), axis=1)[sure] == (logits >= 0)[sure]).all()
    assert sure.mean() > 0.9
