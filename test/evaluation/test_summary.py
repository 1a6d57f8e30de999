# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import pytest
from evaluation_sample import PLACES, QUERIES, evaluation, query

from vpr_ros.evaluation import Tolerance, summarise
from vpr_ros.evaluation.summary import StatusCount


def test_every_figure_of_the_sample_by_hand() -> None:
    s = summarise(QUERIES, PLACES.poses, Tolerance(0.5), candidates=5)
    assert (s.frames, s.judged, s.localisable) == (7, 6, 5)
    assert s.recall == {1: pytest.approx(2 / 6), 5: pytest.approx(3 / 6)}
    assert s.recall_localisable == {1: pytest.approx(2 / 5), 5: pytest.approx(3 / 5)}
    assert (s.accepted, s.accepted_right) == (3, 2)
    assert s.precision_accepted == pytest.approx(2 / 3)
    assert s.recall_accepted == pytest.approx(2 / 5)
    assert s.statuses == {
        'ACCEPTED': StatusCount(4, 2, 1),
        'BELOW_THRESHOLD': StatusCount(2, 0, 2),
        'NO_MAP': StatusCount(1, 0, 1),
    }
    # Best first by similarity: 0.95 wrong, 0.9 right, 0.85 right, 0.3 wrong, 0.2 wrong.
    assert s.score == 'similarity'
    assert s.curve.thresholds.tolist() == [0.95, 0.9, 0.85, 0.3, 0.2]
    assert s.curve.auc == pytest.approx((1 / 2 + 2 / 3) / 5)
    assert s.recall_at_full_precision == 0.0
    # Metres off of the accepted: 0, 4 and 0.4.
    assert s.position_error[50.0] == pytest.approx(0.4)
    assert s.position_error[100.0] == pytest.approx(4.0)
    assert s.latency['describe'].p50 == pytest.approx(0.04)
    assert s.latency['total'].mean == pytest.approx(0.041)
    assert s.right.tolist() == [True, False, False, False, False, True, False]
    assert s.has_place.tolist() == [True, True, True, False, False, True, True]


def test_probability_is_the_score_only_where_every_answer_has_one() -> None:
    calibrated = query(0, 0.0, [10], probabilities=[0.7])
    assert evaluation((calibrated,)).summary.score == 'probability'
    assert evaluation((calibrated,)).summary.curve.thresholds.tolist() == [0.7]
    assert evaluation((calibrated, query(1, 1.0, [11]))).summary.score == 'similarity'
    assert evaluation((calibrated, query(1, 1.0, []))).summary.score == 'probability'


def test_no_queries_give_unknown_figures_not_an_error() -> None:
    s = evaluation(()).summary
    assert s.frames == 0
    assert math.isnan(s.recall[1])
    assert math.isnan(s.curve.auc)
    assert math.isnan(s.precision_accepted)
    assert s.latency == {}


def test_without_true_poses_nothing_is_judged_but_frames_and_latency_are_reported() -> None:
    s = evaluation((query(0, None, [10]), query(1, None, [11]))).summary
    assert (s.frames, s.judged, s.localisable, s.accepted) == (2, 0, 0, 0)
    assert math.isnan(s.recall[1])
    assert s.statuses['ACCEPTED'] == StatusCount(2, 0, 0)
    assert s.latency['retrieve'].p95 == pytest.approx(0.001)


def test_nan_similarity_is_never_accepted_by_the_curve() -> None:
    s = evaluation((query(0, 0.0, [10], similarities=[math.nan]), query(1, 1.0, [11]))).summary
    assert s.curve.recall.tolist() == [0.5]


def test_recall_is_not_reported_beyond_the_candidates_asked_for() -> None:
    assert list(evaluation(candidates=10).summary.recall) == [1, 5, 10]
