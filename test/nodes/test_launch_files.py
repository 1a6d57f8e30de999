# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / 'launch'
FILES = sorted(path.name for path in LAUNCH.glob('*.launch.py'))

pytest.importorskip(
    'launch.launch_description_sources',
    reason='the launch packages come with a ROS distribution, not with pip',
)
pytest.importorskip('launch_ros', reason='launch_ros comes with a ROS distribution')


@pytest.mark.parametrize('name', FILES)
def test_launch_file_describes_all_its_arguments(name):
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    description = get_launch_description_from_python_launch_file(str(LAUNCH / name))
    arguments = description.get_launch_arguments()
    assert arguments
    assert all(argument.description.endswith('.') for argument in arguments)
