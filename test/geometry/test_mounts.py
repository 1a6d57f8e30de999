# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import VprError
from vpr_ros.geometry.mounts import mount_text, parse_cameras, parse_extrinsics, parse_mount


def test_no_names_mean_one_camera_without_a_name():
    assert parse_cameras('  ') == ('',)
    assert parse_cameras('front rear') == parse_cameras('front, rear') == ('front', 'rear')
    assert parse_cameras('rig/left rig/right') == ('rig/left', 'rig/right')


@pytest.mark.parametrize('text', ['front front', '2nd', 'a/', '/a', 'a//b', 'a;b', 'ä'])
def test_names_that_make_no_topics_are_refused(text):
    with pytest.raises(VprError, match='camera'):
        parse_cameras(text)


def test_cameras_look_where_they_are_turned_to():
    mounts = parse_extrinsics('1 0 2; 0 0.5 0 0 0 1.5707963267948966', ('front', 'left'))
    ahead = np.array([0.0, 0.0, 1.0])  # of an optical frame
    right = np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(mounts['front'].rotation @ ahead, [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(mounts['front'].rotation @ right, [0, -1, 0], atol=1e-12)
    np.testing.assert_allclose(mounts['left'].rotation @ ahead, [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(mounts['front'].position, [1, 0, 2])


ANGLE = st.sampled_from([0.0, np.pi / 2, -np.pi / 2, np.pi]) | st.floats(-4, 4)


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=3), ANGLE, ANGLE, ANGLE)
def test_the_text_of_a_mount_is_taken_as_that_mount(position, roll, pitch, yaw):
    mount = parse_mount(f'{position[0]} {position[1]} {position[2]} {roll} {pitch} {yaw}')
    again = parse_mount(mount_text(mount))
    assert again.distance_to(mount) < 2e-6
    assert again.angle_to(mount) < 1e-5


def test_a_mount_is_written_without_digits_that_say_nothing():
    assert mount_text(parse_mount('0.3 -0 1.2 -1.570796 0 -1.570796')) == (
        '0.3 0 1.2 -1.570796 0 -1.570796'
    )


def test_empty_extrinsics_are_unknown():
    assert parse_extrinsics(' ', ('',)) == {}


@pytest.mark.parametrize('text', ['1 2 3', '1 2 3;', '1 2 3; 1 2 3; 1 2 3', '1 2; 3 4', 'a; b'])
def test_extrinsics_that_do_not_fit_the_cameras_are_refused(text):
    with pytest.raises(VprError):
        parse_extrinsics(text, ('front', 'rear'))
