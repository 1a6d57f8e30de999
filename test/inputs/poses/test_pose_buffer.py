# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses import PoseBuffer, PoseReading

SECOND = 10**9


def reading(seconds: float, x: float, yaw: float = 0.0) -> PoseReading:
    return PoseReading(round(seconds * SECOND), Pose.planar(x, 0, yaw))


def buffer(*readings: PoseReading) -> PoseBuffer:
    poses = PoseBuffer()
    for each in readings:
        poses.add(each)
    return poses


def test_pose_between_two_readings_is_interpolated():
    poses = buffer(reading(1, 10, 0.0), reading(2, 20, 1.0))
    middle = poses.at(round(1.25 * SECOND))
    assert middle is not None
    np.testing.assert_allclose(middle.pose.position, [12.5, 0, 0])
    assert middle.pose.yaw == pytest.approx(0.25)


def test_exact_stamp_returns_the_reading_itself():
    only = reading(1, 10)
    assert buffer(only).at(SECOND) is only


def test_frame_is_undecided_until_the_source_passed_its_stamp():
    poses = buffer(reading(1, 10))
    assert poses.decided(SECOND)
    assert not poses.decided(SECOND + 1)


def test_no_pose_before_the_first_reading_or_across_a_gap():
    poses = buffer(reading(1, 10), reading(5, 50))
    assert poses.at(SECOND // 2) is None
    assert poses.at(3 * SECOND) is None


def test_late_reading_is_ignored_and_counted():
    poses = buffer(reading(1, 10), reading(2, 20), reading(1.5, 99))
    assert poses.late == 1
    assert poses.at(round(1.5 * SECOND)).pose.position[0] == pytest.approx(15)


def test_clock_that_jumps_back_starts_a_new_history():
    poses = buffer(reading(100, 10))
    assert poses.add(reading(3, 0))
    assert poses.at(3 * SECOND) is not None
    assert poses.at(100 * SECOND) is None


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=200), st.integers(0, 10**12))
def test_any_sequence_of_stamps_gives_a_pose_of_that_stamp_or_none(stamps, asked):
    poses = PoseBuffer()
    for stamp in stamps:
        poses.add(PoseReading(stamp, Pose.planar(stamp * 1e-9, 0, 0)))
    found = poses.at(asked)
    if found is not None:
        assert found.stamp == asked
        assert found.pose.position[0] == pytest.approx(asked * 1e-9, abs=1e-6)


def test_history_is_bounded():
    poses = PoseBuffer()
    for i in range(20_000):
        poses.add(reading(i * 0.1, i))
    assert len(poses._readings) < 1000
