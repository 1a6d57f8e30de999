# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.evaluation.dead_reckoning import OdometryErrors, dead_reckoned
from vpr_ros.geometry import Pose

EXACT = OdometryErrors(scale=1.0, distance_noise=0.0, turn_noise=0.0)
POSES = st.lists(
    st.builds(Pose.planar, st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(-3.0, 3.0)),
    min_size=1,
    max_size=20,
)


@given(POSES)
def test_without_errors_every_motion_is_the_true_one(truths):
    poses = dead_reckoned(truths, errors=EXACT)
    for i in range(1, len(truths)):
        true, measured = (p[i - 1].inverse() @ p[i] for p in (truths, poses))
        assert measured.distance_to(true) < 1e-3


def test_errors_are_those_asked_for_and_the_same_each_time():
    truths = [Pose.planar(i, 0, 0) for i in range(500)]
    first, second = (dead_reckoned(truths) for _ in range(2))
    assert first[-1].distance_to(second[-1]) == 0
    steps = [a.distance_to(b) for a, b in pairwise(first)]
    assert sum(steps) / len(steps) == pytest.approx(1.02, abs=0.01)


def test_slipping_wheels_measure_some_steps_too_long():
    truths = [Pose.planar(i, 0, 0) for i in range(11)]
    errors = OdometryErrors(1.0, 0.0, 0.0, slip_every=5, slip=2.0)
    poses = dead_reckoned(truths, errors=errors)
    assert poses[-1].distance_to(poses[0]) == pytest.approx(12)
