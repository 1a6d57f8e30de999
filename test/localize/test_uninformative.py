# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures that show nothing, and cameras that show the same picture for ever."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from calibration_sample import sample_calibration
from candidates_sample import sample_candidates
from pictures import blocks

from vpr_ros.geometry import Pose
from vpr_ros.localize import Localizer, Status

CANDIDATES = sample_candidates((1, 0.9, 7), (2, 0.1, 100))


def localizer():
    """Finds the same places whatever it sees; the description is the mean colour."""
    return Localizer(
        SimpleNamespace(
            describe=lambda images: [
                SimpleNamespace(descriptor=image.mean(axis=(0, 1))) for image in images
            ]
        ),
        SimpleNamespace(search=lambda *_, **__: CANDIDATES),
        calibration=sample_calibration(),
    )


def ask(robot, picture, second, x=None, **options):
    frame = SimpleNamespace(stamp=second * 10**9, rgb=picture, camera='')
    odometry = None if x is None else Pose.planar(x, 0, 0)
    return robot.localize(frame, odometry=odometry, **options)


def status(*arguments, **options):
    return ask(*arguments, **options).decision.status


@pytest.mark.parametrize('level', [0, 128, 255])
def test_picture_of_nothing_is_refused_with_the_reason_and_probability_zero(level):
    result = ask(localizer(), np.full((48, 64, 3), level, np.uint8), 1)
    assert result.decision.status == Status.UNINFORMATIVE
    assert 'shows nothing' in result.decision.reason
    assert result.decision.pose is None
    assert result.candidates.probabilities.tolist() == [0.0, 0.0]


def test_frozen_camera_is_refused_from_the_first_picture_that_comes_again():
    robot = localizer()
    assert status(robot, blocks(1), 1, 0.0) == Status.ACCEPTED
    for second in range(2, 6):
        result = ask(robot, blocks(1), second, 2.0 * second)
        assert result.decision.status == Status.UNINFORMATIVE
        assert 'frozen' in result.decision.reason
    assert status(robot, blocks(2), 7, 14.0) == Status.ACCEPTED


def test_without_odometry_a_repeated_picture_is_not_believed():
    robot = localizer()
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, blocks(1), 2) == Status.UNINFORMATIVE


def test_robot_that_stands_may_see_the_same_picture_but_not_creep_away_from_it():
    robot = localizer()
    found = [status(robot, blocks(1), second, 0.05 * second) for second in range(1, 9)]
    assert found[:4] == [Status.ACCEPTED] * 4
    assert found[-1] == Status.UNINFORMATIVE


def test_noise_of_a_camera_that_works_is_another_picture():
    robot = localizer()
    noisy = blocks(1)
    noisy[0, 0, 0] ^= 1
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, noisy, 2) == Status.ACCEPTED


def test_picture_judged_by_itself_and_one_sent_twice_are_not_frozen():
    robot = localizer()
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, blocks(1), 2, by_itself=True) == Status.ACCEPTED
