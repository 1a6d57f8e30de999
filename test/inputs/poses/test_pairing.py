# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry import Pose
from vpr_ros.inputs.poses import FramesWithPoses, PoseReading


@dataclass(frozen=True)
class Stamped:
    stamp: int


def pose(stamp: int) -> PoseReading:
    return PoseReading(stamp, Pose.planar(stamp * 1e-3, 0, 0))


def test_frame_waits_for_the_pose_source_to_pass_it():
    pairs = FramesWithPoses()
    pairs.add_frame(Stamped(10))
    pairs.add_poses([pose(5)])
    assert not list(pairs.ready())
    pairs.add_poses([pose(15)])
    ((frame, reading),) = pairs.ready()
    assert frame.stamp == reading.stamp == 10


@given(st.data())
def test_pairs_do_not_depend_on_which_message_came_first(data):
    frames = sorted(data.draw(st.sets(st.integers(0, 1000), max_size=20)))
    poses = sorted(data.draw(st.sets(st.integers(0, 1000), max_size=20)))
    order = data.draw(st.permutations(['frame'] * len(frames) + ['pose'] * len(poses)))

    def run(order):
        pairs, waiting = FramesWithPoses(), {'frame': list(frames), 'pose': list(poses)}
        out = []
        for kind in order:
            stamp = waiting[kind].pop(0)
            if kind == 'frame':
                pairs.add_frame(Stamped(stamp))
            else:
                pairs.add_poses([pose(stamp)])
            out += pairs.ready()
        out += pairs.rest()
        return [(f.stamp, r and r.pose.position[0]) for f, r in out]

    assert run(order) == run(['pose'] * len(poses) + ['frame'] * len(frames))


def test_oldest_frame_gives_way_where_poses_never_come():
    pairs = FramesWithPoses(capacity=3)
    for stamp in range(10):
        pairs.add_frame(Stamped(stamp))
    assert pairs.dropped == 7
    assert [frame.stamp for frame, _ in pairs.rest()] == [7, 8, 9]


def test_frames_of_before_a_clock_jump_are_dropped():
    pairs = FramesWithPoses()
    pairs.add_poses([pose(100 * 10**9)])
    pairs.add_frame(Stamped(101 * 10**9))
    pairs.add_poses([pose(1)])
    assert pairs.dropped == 1
    assert pairs.waiting == 0


def test_a_frame_of_another_clock_does_not_hold_up_the_others():
    second = 10**9
    pairs, found = FramesWithPoses(), []
    for i in range(100):
        pairs.add_frame(Stamped(10**18 if i == 3 else i * second))
        pairs.add_poses([pose(i * second)])
        found += pairs.ready()
    found += pairs.rest()
    assert [reading is None for _, reading in found] == [i == 3 for i in range(100)]
    assert str(pairs.poseless) == '1 after the last pose'


def test_clocks_that_do_not_meet_are_named():
    pairs = FramesWithPoses()
    pairs.add_frame(Stamped(5))
    pairs.add_poses([pose(10), pose(12)])
    assert 'the images are stamped 0.000000005 to 0.000000005 s and the poses' in pairs.apart
    pairs.add_frame(Stamped(11))
    assert not pairs.apart


def test_jumps_of_the_pose_are_told_and_fast_drives_are_none(caplog):
    def add(positions):
        pairs = FramesWithPoses()
        pairs.add_poses(
            PoseReading(i * 10**9, Pose.planar(x, 0, 0)) for i, x in enumerate(positions)
        )
        return caplog.text.count('the pose jumps')

    assert add([30.0 * i for i in range(20)]) == 0
    assert add([1.0 * i + 20 * (i > 10) for i in range(20)]) == 1
    assert 'jumps by 21.0 m at 11.000000000 s' in caplog.text
    caplog.clear()
    assert add([50.0 * (i > 10 and i % 4 == 0) for i in range(100)]) <= 5
