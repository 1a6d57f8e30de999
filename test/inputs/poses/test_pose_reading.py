# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.errors import VprError
from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import parse_mount
from vpr_ros.inputs.poses import PoseReading
from vpr_ros.inputs.poses.pose_reading import base_of, base_of_antenna

METRES = st.floats(-5, 5)
ANGLES = st.floats(-3, 3)
POSES = st.builds(
    lambda position, angles: parse_mount(' '.join(map(str, (*position, *angles)))),
    st.tuples(METRES, METRES, METRES),
    st.tuples(ANGLES, ANGLES, ANGLES),
)


@given(base=POSES, mount=POSES)
def test_base_is_found_from_what_is_mounted_on_it(base, mount):
    found = base_of(PoseReading(0, base @ mount), mount).pose
    np.testing.assert_allclose(found.position, base.position, atol=1e-9)
    assert found.angle_to(base) < 1e-7


def test_uncertain_rotation_of_a_lever_makes_the_position_uncertain():
    rng = np.random.default_rng(0)
    base = Pose.of((1, 2, 3), (0.1, 0.2, 0.3, 0.9))
    mount = Pose.of((2.0, 0.5, 1.0), (0.0, 0.0, 0.6, 0.8))
    covariance = np.diag([0.01, 0.02, 0.03, 1e-4, 2e-4, 3e-4])
    sensor = base @ mount
    errors = rng.multivariate_normal(np.zeros(6), covariance, 20_000)
    positions = []
    for error in errors:
        turn = Pose.of((0, 0, 0), (*(error[3:] / 2), 1))
        wrong = Pose.of(sensor.position + error[:3], (turn @ sensor).orientation)
        positions.append((wrong @ mount.inverse()).position)
    stated = base_of(PoseReading(0, sensor, covariance), mount).covariance
    np.testing.assert_allclose(stated[:3, :3], np.cov(np.array(positions).T), atol=5e-4)
    np.testing.assert_allclose(stated[3:, 3:], covariance[3:, 3:])


def test_antenna_of_unknown_heading_lowers_the_base_and_widens_the_rest():
    reading = PoseReading(0, Pose.of((10, 20, 5)), np.eye(6))
    base = base_of_antenna(reading, np.array([3.0, 4.0, 2.0]))
    np.testing.assert_array_equal(base.pose.position, [10, 20, 3])
    np.testing.assert_array_equal(np.diag(base.covariance), [13.5, 13.5, 1, 1, 1, 1])


@given(yaw=st.floats(-math.pi, math.pi))
def test_mount_is_written_as_in_a_urdf(yaw):
    assert parse_mount(f'1, 2, 3, 0, 0, {yaw}').yaw == pytest.approx(yaw)
    # A camera: its z axis looks forward, its x axis to the right.
    optical = parse_mount(f'0 0 0 {-math.pi / 2} 0 {-math.pi / 2}')
    np.testing.assert_allclose(optical.rotation @ [0, 0, 1], [1, 0, 0], atol=1e-12)
    np.testing.assert_allclose(optical.rotation @ [1, 0, 0], [0, -1, 0], atol=1e-12)


def test_no_mount_is_none():
    assert parse_mount(' ') is None


@pytest.mark.parametrize('text', ['1', '1 2 3 4', 'a b c', '1 2 nan', '1 2 3 4 5 inf'])
def test_what_is_no_mount_is_refused(text):
    with pytest.raises(VprError, match='x y z roll pitch yaw'):
        parse_mount(text)
