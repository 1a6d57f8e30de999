# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import pytest

from vpr_ros.geometry import Pose
from vpr_ros.geometry.correction import Correction

HERE = Pose.planar(10.0, 5.0, 1.0)
DRIVEN = Pose.planar(2.0, 1.0, 0.3)


@pytest.mark.parametrize('smooth', [False, True])
def test_first_place_is_taken_at_once_and_odometry_leads_to_it(smooth):
    correction = Correction(smooth=smooth)
    assert correction.after(0.05) is None
    correction.correct(HERE, DRIVEN)
    base = correction.after(0.05) @ DRIVEN
    assert base.distance_to(HERE) < 1e-9
    assert base.angle_to(HERE) < 1e-6


def test_later_places_are_jumped_to_or_glided_to():
    jumping, smooth = Correction(smooth=False), Correction(smooth=True)
    moved = Pose.planar(11.0, 5.0, 1.0)
    for correction in (jumping, smooth):
        correction.correct(HERE, DRIVEN)
        correction.correct(moved, DRIVEN)
    assert (jumping.after(0.05) @ DRIVEN).distance_to(moved) < 1e-9
    steps = [(smooth.after(0.05) @ DRIVEN).distance_to(moved) for _ in range(200)]
    assert steps == sorted(steps, reverse=True)
    assert 0.9 < steps[0] < 1.0
    assert steps[-1] < 1e-3


def test_a_clock_that_goes_back_moves_nothing():
    correction = Correction(smooth=True)
    correction.correct(HERE, DRIVEN)
    before = correction.after(0.05)
    correction.correct(Pose.planar(20.0, 5.0, 1.0), DRIVEN)
    assert correction.after(-3.0).distance_to(before) < 1e-9


def test_a_correction_too_far_to_glide_along_is_taken_at_once():
    correction = Correction(smooth=True)
    correction.correct(HERE, DRIVEN)
    correction.correct(HERE, Pose.planar(1e8, 0, 0))
    correction.after(0.05)
    correction.correct(HERE, DRIVEN)
    assert (correction.after(0.05) @ DRIVEN).distance_to(HERE) < 1e-6


def test_an_impossible_correction_is_refused_and_changes_nothing():
    correction = Correction(smooth=True)
    correction.correct(HERE, DRIVEN)
    with pytest.raises(ValueError, match='impossible'):
        correction.correct(Pose.planar(9e8, 0, 0), Pose.planar(-9e8, 0, 0))
    assert (correction.after(0.05) @ DRIVEN).distance_to(HERE) < 1e-9
