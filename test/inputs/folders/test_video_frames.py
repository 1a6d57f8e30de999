# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from vpr_ros.inputs.folders import FolderError
from vpr_ros.inputs.folders.video_frames import video_frames

VIDEO = Path(__file__).parents[2] / 'data' / 'videos' / 'recorder.mkv'
"""Of 2.7 s, at a variable frame rate."""


def trajectory(path, unit=1.0, begin=0.0):
    """Write a drive at a metre a second, stamped every tenth of one."""
    lines = [f'{(begin + i / 10) * unit} {i / 10} 0 0 0 0 0 1' for i in range(31)]
    path.write_text('\n'.join(lines))
    return path


@pytest.mark.parametrize(('begin', 'start'), [(0.0, 0), (1.7e9, 1_700_000_000 * 10**9)])
def test_frames_have_the_poses_of_their_times(tmp_path, caplog, begin, start):
    frames = video_frames(VIDEO, trajectory(tmp_path / 't.txt', begin=begin), start)
    assert len(frames) == 20
    for frame in frames:
        assert frame.pose.position[0] == pytest.approx((frame.stamp - start) / 1e9, abs=1e-3)
    assert not caplog.text


@pytest.mark.parametrize('unit', [1e3, 1e6, 1e9])
def test_a_trajectory_in_another_unit_of_time_is_told(tmp_path, caplog, unit):
    video_frames(VIDEO, trajectory(tmp_path / 't.txt', unit))
    assert 'are the stamps of the trajectory no seconds?' in caplog.text


def test_a_trajectory_by_another_clock_is_refused_with_both_times(tmp_path):
    poses = trajectory(tmp_path / 't.txt', begin=1.7e9)
    with pytest.raises(FolderError, match=r'from 1700000000\..* to 17.*from 0\.0.*\(start\)'):
        video_frames(VIDEO, poses)
