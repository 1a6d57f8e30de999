# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from vpr_ros.evaluation import Tolerance, metrics
from vpr_ros.geometry import Pose

coordinate = st.integers(-20, 20).map(float)
poses = st.builds(Pose.planar, coordinate, coordinate, st.floats(-3.1, 3.1))
tolerances = st.builds(
    Tolerance, st.floats(0, 30), st.none() | st.floats(0, 3.1, exclude_min=True)
)


def rows(poses_: list[Pose | None]) -> np.ndarray:
    return np.array(
        [np.full(7, np.nan) if p is None else p.as_array() for p in poses_], np.float64
    ).reshape(-1, 7)


@given(poses, poses)
def test_distance_and_angle_agree_with_pose(a: Pose, b: Pose) -> None:
    assert metrics.distances(a.as_array(), b.as_array()) == pytest.approx(a.distance_to(b))
    assert metrics.angles(a.as_array(), b.as_array()) == pytest.approx(a.angle_to(b), abs=1e-9)
    negated = b.as_array() * np.array([1, 1, 1, -1, -1, -1, -1])
    assert metrics.angles(a.as_array(), negated) == pytest.approx(a.angle_to(b), abs=1e-9)


def test_tolerance_includes_its_bound() -> None:
    a, b = rows([Pose.planar(0, 0, 0)]), rows([Pose.planar(2, 0, 0)])
    assert metrics.within(a, b, Tolerance(2.0)).all()
    assert not metrics.within(a, b, Tolerance(1.999)).any()


def test_unknown_pose_is_near_nothing() -> None:
    unknown = rows([None])
    assert not metrics.within(unknown, unknown, Tolerance(1e9, 4.0)).any()


@given(
    st.lists(st.none() | poses, max_size=12),
    st.lists(st.none() | poses, max_size=12),
    tolerances,
)
def test_localisable_equals_brute_force(
    truth: list[Pose | None], places: list[Pose | None], tolerance: Tolerance
) -> None:
    def near(a: Pose | None, b: Pose | None) -> bool:
        if a is None or b is None:
            return False
        pair = metrics.within(a.as_array(), b.as_array(), tolerance)
        return bool(pair)

    found = metrics.localisable(rows(truth), rows(places), tolerance)
    assert found.tolist() == [any(near(t, p) for p in places) for t in truth]


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=8)))
def test_recall_equals_brute_force_and_never_falls_with_n(right: np.ndarray) -> None:
    recall = metrics.recall_of_ranks(metrics.first_ranks(right), 100)
    for n, value in recall.items():
        assert value == pytest.approx(sum(any(row[:n]) for row in right) / len(right))
    assert list(recall.values()) == sorted(recall.values())


def test_recall_of_no_queries_is_unknown() -> None:
    assert np.isnan(metrics.recall_of_ranks(np.zeros(0, np.int64), 1)[1])


def test_precision_recall_by_hand() -> None:
    # Accept above:        0.9        0.8          0.7 (two at once)   0.5
    scores = np.array([0.8, 0.9, 0.7, 0.5, 0.7])
    right = np.array([True, True, False, True, True])
    curve = metrics.precision_recall(scores, right, positives=5)
    np.testing.assert_allclose(curve.thresholds, [0.9, 0.8, 0.7, 0.5])
    np.testing.assert_allclose(curve.precision, [1, 1, 3 / 4, 4 / 5])
    np.testing.assert_allclose(curve.recall, [1 / 5, 2 / 5, 3 / 5, 4 / 5])
    assert curve.auc == pytest.approx((1 + 1 + 3 / 4 + 4 / 5) / 5)
    assert curve.at_precision(1.0) == (pytest.approx(2 / 5), 0.8)
    assert curve.at_precision(0.8) == (pytest.approx(4 / 5), 0.5)


def test_no_threshold_that_precise_means_accept_nothing() -> None:
    curve = metrics.precision_recall(np.array([0.9, 0.1]), np.array([False, True]), 2)
    assert curve.at_precision(1.0) == (0.0, float('inf'))


@given(
    st.lists(
        st.tuples(st.integers(0, 5).map(float) | st.just(float('nan')), st.booleans()),
        max_size=20,
    ),
    st.integers(0, 5),
)
def test_every_point_of_the_curve_equals_counting(
    queries: list[tuple[float, bool]], missed: int
) -> None:
    scores = np.array([score for score, _ in queries], np.float64)
    right = np.array([mark for _, mark in queries], np.bool_)
    positives = int(right.sum()) + missed
    curve = metrics.precision_recall(scores, right, positives)
    assert curve.thresholds.tolist() == sorted(set(scores[~np.isnan(scores)]), reverse=True)
    for threshold, precision, recall in zip(
        curve.thresholds, curve.precision, curve.recall, strict=True
    ):
        accepted = [mark for score, mark in queries if score >= threshold]
        assert precision == pytest.approx(sum(accepted) / len(accepted))
        if positives:
            assert recall == pytest.approx(sum(accepted) / positives)
        else:
            assert np.isnan(recall)
    if positives and curve.recall.size:
        assert 0 <= curve.auc <= 1
        full, _ = curve.at_precision(1.0)
        assert full <= curve.recall[-1]


def test_average_precision_agrees_with_scikit_learn() -> None:
    sklearn = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(3)
    scores, right = rng.integers(0, 20, 200) / 20, rng.random(200) < 0.4
    curve = metrics.precision_recall(scores, right, int(right.sum()))
    assert curve.auc == pytest.approx(sklearn.average_precision_score(right, scores))


def test_percentiles_leave_out_what_is_unknown() -> None:
    values = np.array([1.0, np.nan, 3.0, np.inf])
    assert metrics.percentiles(values, [50.0]) == {50.0: 2.0}
    assert np.isnan(metrics.percentiles(np.array([np.nan]), [50.0])[50.0])


@pytest.mark.parametrize('bound', [10, 40, 90, 180])
def test_headings_that_differ_by_the_bound_are_within_it(bound):
    headings = np.radians(np.arange(360))
    one = rows([Pose.planar(0, 0, heading) for heading in headings])
    for sign in (1, -1):
        turned = headings + sign * np.radians(bound)
        other = rows([Pose.planar(0, 0, heading) for heading in turned])
        assert metrics.within(one, other, Tolerance(1, np.radians(bound))).all()
        if bound < 180:
            assert not metrics.within(one, other, Tolerance(1, np.radians(bound - 1e-6))).any()
