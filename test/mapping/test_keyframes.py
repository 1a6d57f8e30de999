# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from vpr_ros.geometry import Pose
from vpr_ros.mapping import KeyframeConfig, KeyframeGate

SECOND = 10**9


def keyframes(gate: KeyframeGate, poses: list[Pose | None]) -> list[int]:
    taken = []
    for i, pose in enumerate(poses):
        if gate.due(i * SECOND, pose):
            gate.take(i * SECOND, pose)
            taken.append(i)
    return taken


def test_keyframe_every_so_many_metres():
    gate = KeyframeGate(KeyframeConfig(distance=1.0, angle=0, interval=0))
    assert keyframes(gate, [Pose.planar(0.4 * i, 0, 0) for i in range(8)]) == [0, 3, 6]


def test_turning_on_the_spot_makes_keyframes():
    gate = KeyframeGate(KeyframeConfig(distance=1.0, angle=0.5, interval=0))
    assert keyframes(gate, [Pose.planar(0, 0, 0.3 * i) for i in range(5)]) == [0, 2, 4]


def test_time_alone_makes_keyframes_where_there_are_no_poses():
    gate = KeyframeGate(KeyframeConfig(distance=1.0, angle=0.5, interval=2.0))
    assert keyframes(gate, [None] * 6) == [0, 2, 4]


def test_standing_still_makes_no_keyframes():
    gate = KeyframeGate(KeyframeConfig())
    assert keyframes(gate, [Pose.planar(3, 4, 1)] * 50) == [0]


def test_frame_that_could_not_be_taken_stays_due():
    gate = KeyframeGate(KeyframeConfig(distance=1.0))
    assert gate.due(0, Pose.identity())
    assert gate.due(1, Pose.identity())


def test_travelled_distance_counts_every_frame_offered():
    gate = KeyframeGate(KeyframeConfig(distance=100.0))
    keyframes(gate, [Pose.planar(x, 0, 0) for x in (0, 1, 0, 1)])
    assert gate.travelled == 3.0


def test_clock_that_jumped_back_makes_a_keyframe_due_by_time():
    gate = KeyframeGate(KeyframeConfig(distance=0, angle=0, interval=10.0))
    gate.take(100 * SECOND, Pose.identity())
    assert gate.due(5 * SECOND, Pose.identity())


def test_every_frame_is_a_keyframe_where_that_is_asked_for():
    gate = KeyframeGate(KeyframeConfig(every=True))
    assert keyframes(gate, [Pose.identity()] * 4) == [0, 1, 2, 3]


def test_every_frame_of_a_recording_is_due_where_no_spacing_is_asked_for():
    assert KeyframeConfig.chosen(0, 0, 0).every
    assert not any(KeyframeConfig.chosen(*one).every for one in ((1, 0, 0), (0, 1, 0), (0, 0, 1)))


def test_a_jump_of_the_pose_is_no_way_travelled():
    gate = KeyframeGate(KeyframeConfig())
    for number, x in enumerate((0.0, 1.0, 9e8, 2.0)):
        gate.due(number, Pose.planar(x, 0, 0))
    assert gate.travelled == 1.0
