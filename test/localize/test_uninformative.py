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


def ask(robot, picture, second, x=None, yaw=0.0, **options):
    frame = SimpleNamespace(stamp=second * 10**9, rgb=picture, camera='')
    odometry = None if x is None else Pose.planar(x, 0, yaw)
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
    found = [status(robot, blocks(1), second, 0.25 * second) for second in range(1, 9)]
    assert found[:5] == [Status.ACCEPTED] * 5
    assert found[5:] == [Status.UNINFORMATIVE] * 3


def test_picture_that_stays_while_the_robot_turns_is_not_believed():
    robot = localizer()
    found = [ask(robot, blocks(1), i, 0.0, 0.06 * i).decision for i in range(5)]
    assert [decision.status for decision in found[:3]] == [Status.ACCEPTED] * 3
    assert [decision.status for decision in found[3:]] == [Status.UNINFORMATIVE] * 2
    assert found[3].reason.endswith('for 3.0 s, 0.0 m and 10 degrees: the camera is frozen')


def test_picture_that_stays_while_time_goes_back_tells_of_no_negative_time():
    robot = localizer()
    assert status(robot, blocks(1), 9) == Status.ACCEPTED
    again = ask(robot, blocks(1), 2).decision
    assert again.status == Status.UNINFORMATIVE
    assert again.reason.startswith('the picture has shown nothing new: ')


def test_odometry_that_comes_while_the_robot_stands_lets_it_be_believed():
    robot = localizer()
    found = [
        status(robot, blocks(1), second, x) for second, x in enumerate((None, None, 3.0, 3.0))
    ]
    refused = Status.UNINFORMATIVE
    assert found == [Status.ACCEPTED, refused, refused, Status.ACCEPTED]


def test_new_noise_and_brightness_show_nothing_new():
    robot, rng = localizer(), np.random.default_rng(1)
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    for second in range(2, 12):
        noisy = blocks(1) * rng.uniform(0.9, 1.0) + rng.normal(0, 3, blocks(1).shape)
        again = ask(robot, np.clip(noisy, 0, 255).astype(np.uint8), second)
        assert again.decision.status == Status.UNINFORMATIVE
        assert f'for {second - 1}.0 s' in again.decision.reason


def test_camera_that_shakes_at_rest_shows_something_new():
    robot = localizer()
    shaken = np.roll(blocks(1), 1, axis=1)
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, shaken, 2) == Status.ACCEPTED


def test_picture_judged_by_itself_and_one_sent_twice_are_not_frozen():
    robot = localizer()
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, blocks(1), 1) == Status.ACCEPTED
    assert status(robot, blocks(1), 2, by_itself=True) == Status.ACCEPTED
