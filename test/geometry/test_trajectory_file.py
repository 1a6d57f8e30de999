# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Files of poses as programs, spreadsheets and people write them."""

import pytest

from vpr_ros.geometry.trajectory_file import TrajectoryError, read_tum

SECOND = 10**9
START = 1_700_000_000


@pytest.mark.parametrize('unit', [1, 10**3, 10**6, 10**9])
def test_stamps_are_read_in_every_unit_from_seconds_to_nanoseconds(tmp_path, unit):
    path = tmp_path / 'poses.txt'
    path.write_text(f'{(START + 5) * unit} 1 2 3 0 0 0 1\n{(START + 6) * unit}.000 4 5 6 0 0 0 1')
    assert read_tum(path).keys.tolist() == [(START + 5) * SECOND, (START + 6) * SECOND]


def test_nanoseconds_since_a_machine_was_started_are_read(tmp_path):
    path = tmp_path / 'poses.txt'
    path.write_text('3456789012345678 1 2 3 0 0 0 1')
    assert read_tum(path).keys.tolist() == [3456789012345678]


@pytest.mark.parametrize(
    'text',
    [
        '\ufeff1700000000.5 1 2 3 0 0 0 1\r\n',
        'timestamp tx ty tz qx qy qz qw\n1700000000.5 1 2 3 0 0 0 1\n',
        '# EVO\n\nt,x,y,z,qx,qy,qz,qw\n1700000000.5, 1, 2, 3, 0, 0, 0, 1\n',
        't;x;y;z;qx;qy;qz;qw\n1700000000.5;1;2;3;0;0;0;1\n',
        '\t1700000000.5\t1  2\t3 0 0 0 1  ',
    ],
)
def test_files_of_spreadsheets_are_read(tmp_path, text):
    path = tmp_path / 'poses.txt'
    path.write_text(text, encoding='utf-8')
    trajectory = read_tum(path)
    assert trajectory.keys.tolist() == [START * SECOND + SECOND // 2]
    assert trajectory.poses[0].position.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ('text', 'why'),
    [
        ('', 'has no poses'),
        ('# nothing\n', 'has no poses'),
        ('t x y z qx qy qz qw\n', 'has no poses'),
        ('1 2 3 4 0 0 0 1\nt x y z qx qy qz qw\n', "line 2: 't' is no stamp"),
        ('hello\n', 'line 1: 1 fields'),
        ('2011-09-26 13:02:25.5 3 4 0 0 0 1\n', 'line 1: .2011-09-26. is no stamp'),
        ('nan 2 3 4 0 0 0 1', "'nan' is no stamp"),
        ('99999999999 2 3 4 0 0 0 1', 'is no stamp'),
    ],
)
def test_files_without_poses_are_refused_with_the_line(tmp_path, text, why):
    path = tmp_path / 'poses.txt'
    path.write_text(text)
    with pytest.raises(TrajectoryError, match=why):
        read_tum(path)
