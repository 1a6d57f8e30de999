# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ellipse that holds 95 % of a normal distribution in the plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry.confidence import ellipse_of, outline_of


@given(st.floats(0.01, 50), st.floats(0.01, 50), st.floats(-1.5, 1.5), st.integers(0, 2**32 - 1))
def test_ellipse_holds_95_percent(a, b, yaw, seed):
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    covariance = turn @ np.diag([a * a, b * b]) @ turn.T
    major, minor, angle = ellipse_of(covariance)
    assert major >= minor > 0
    points = np.random.default_rng(seed).multivariate_normal((0, 0), covariance, 4000)
    along = points @ (np.cos(angle), np.sin(angle))
    across = points @ (-np.sin(angle), np.cos(angle))
    inside = ((along / major) ** 2 + (across / minor) ** 2 <= 1).mean()
    assert inside == pytest.approx(0.95, abs=0.02)


@given(st.floats(0.01, 50), st.floats(0.01, 50), st.floats(-1.5, 1.5))
def test_outline_is_closed_and_at_the_distance_of_the_95_percent_everywhere(a, b, yaw):
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    covariance = turn @ np.diag([a * a, b * b]) @ turn.T
    line = outline_of(covariance)
    np.testing.assert_allclose(line[0], line[-1], atol=1e-9)
    squares = np.einsum('ni,ij,nj->n', line, np.linalg.inv(covariance), line)
    np.testing.assert_allclose(squares, -2 * np.log(0.05), rtol=1e-6)


def test_a_covariance_without_any_spread_has_a_point_for_an_outline():
    assert not outline_of(np.zeros((2, 2))).any()
