# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses import Cause, NoPose, PoseBuffer, PoselessFrames, PoseReading

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


def drive(seconds, metres, yaws=None):
    """Readings at these seconds and metres; a buffer of them, and the middles of its intervals."""
    readings = [reading(*each) for each in zip(seconds, metres, yaws or [0] * 99, strict=False)]
    return buffer(*readings), [(a + b) / 2 for a, b in pairwise(seconds)]


def found(poses, seconds):
    return [poses.find(round(at * SECOND)) for at in seconds]


RHYTHMS = {
    'fixes a little slower than once a second': ([1.001 * i for i in range(20)], 1.5),
    'fixes with jitter': ([i + 0.4 * (i % 3) for i in range(20)], 1.5),
    'fixes of a car': ([1.001 * i for i in range(20)], 15.0),
    'two of the fixes missing': ([i for i in range(20) if i not in (9, 10)], 1.5),
    'localisation on motion': ([1.25 * i for i in range(20)], 0.2),
    'localisation on slow motion': ([6.0 * i for i in range(20)], 0.08),
    'keyframes': ([2.5 * i for i in range(20)], 1.0),
    'fixes of a car every two seconds': ([2.0 * i for i in range(20)], 12.0),
    'keyframes far apart': ([3.0 * i for i in range(8)], 4.0),
    'sparse keyframes': ([5.0 * i for i in range(20)], 1.0),
}


@pytest.mark.parametrize(('seconds', 'speed'), RHYTHMS.values(), ids=RHYTHMS)
def test_poses_are_interpolated_in_the_rhythm_of_their_source(seconds, speed):
    poses, middles = drive(seconds, [speed * at for at in seconds])
    for at, pose in zip(middles, found(poses, middles), strict=True):
        assert isinstance(pose, PoseReading), pose
        assert pose.pose.position[0] == pytest.approx(speed * at)


@pytest.mark.parametrize('pause', [10, 100, 1000])
def test_a_robot_that_stands_has_a_pose_though_its_localisation_is_silent(pause):
    seconds = [1.25 * i for i in range(10)] + [12.5 + pause + 1.25 * i for i in range(10)]
    poses, middles = drive(seconds, [0.25 * i for i in range(20)])
    assert all(isinstance(pose, PoseReading) for pose in found(poses, middles))


def test_history_before_a_long_pause_is_kept():
    moments = [0.1 * i for i in range(2000)]
    seconds = [*moments, moments[-1] + 600]
    poses, middles = drive(seconds, [0.0] * 2001, [0.0] * 2001)
    assert isinstance(found(poses, middles)[-1], PoseReading)


GAPS = {
    'odometry that was silent': ([0.1 * i for i in range(20)], [10.0], 1.0),
    'fixes in a tunnel': ([1.001 * i for i in range(20)], [60.0], 15.0),
    'five missing fixes of a car': ([float(i) for i in range(20)], [25.0], 15.0),
}


@pytest.mark.parametrize(('seconds', 'later', 'speed'), GAPS.values(), ids=GAPS)
def test_a_gap_in_the_rhythm_has_no_pose(seconds, later, speed):
    seconds = [*seconds, *later]
    poses, middles = drive(seconds, [speed * at for at in seconds])
    *known, last = found(poses, middles)
    assert all(isinstance(pose, PoseReading) for pose in known)
    assert last == NoPose(
        Cause.GAP,
        pytest.approx(seconds[-1] - seconds[-2]),
        pytest.approx(speed * (later[0] - seconds[-2])),
    )


@pytest.mark.parametrize(
    ('interval', 'step', 'jump'), [(0.1, 0.05, 3.0), (1.25, 0.25, 5.0), (1.0, 1.5, 40.0)]
)
def test_nothing_lies_between_the_ends_of_a_jump(interval, step, jump):
    seconds = [interval * i for i in range(20)]
    poses, middles = drive(seconds, [step * i + jump * (i >= 10) for i in range(20)])
    causes = [getattr(pose, 'cause', None) for pose in found(poses, middles)]
    assert causes == [Cause.JUMP if i == 9 else None for i in range(19)]


def test_a_pose_that_turns_round_at_once_jumps():
    seconds = [0.1 * i for i in range(10)]
    poses, middles = drive(seconds, [0.0] * 10, [3.0 * (i >= 5) for i in range(10)])
    assert found(poses, middles)[4].cause is Cause.JUMP


def test_a_source_that_begins_shows_its_rhythm_first():
    poses, (first, *_) = drive([0, 2, 4, 6], [0, 24, 48, 72])
    assert not poses.decided(round(first * SECOND))
    poses.add(reading(8, 96))
    assert poses.decided(round(first * SECOND))
    assert poses.at(round(first * SECOND)).pose.position[0] == pytest.approx(12)


def test_poses_of_two_frames_are_not_mixed():
    first = PoseReading(0, Pose.identity(), frame='odom')
    poses = buffer(first, PoseReading(SECOND // 10, Pose.identity(), frame='map'))
    assert poses.find(SECOND // 20).cause is Cause.JUMP


def test_frames_without_a_pose_are_counted_by_cause():
    missing = PoselessFrames()
    poses, _ = drive([0.1, 0.2, 0.3, 10.3], [0.1, 0.2, 0.3, 10.3])
    for seconds in (0.05, 5, 6, 11):
        missing.add(poses.find(round(seconds * SECOND)))
    missing.add(PoseBuffer().find(0))
    assert len(missing) == 5
    assert str(missing) == (
        '1 before any pose came, 1 before the first pose, 1 after the last pose, '
        '2 in gaps between poses (the longest 10.0 s, 10.0 m)'
    )
