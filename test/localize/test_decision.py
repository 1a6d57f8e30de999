# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from candidates_sample import sample_candidates

from vpr_ros.localize import DecisionConfig, Status, decide


def verdict(rows, config):
    candidates, decision = decide(sample_candidates(*rows), config)
    assert candidates.probabilities is None
    return decision


def test_empty_map_is_no_map():
    assert verdict([], DecisionConfig()).status == Status.NO_MAP


def test_clear_winner_is_accepted_with_its_pose():
    decision = verdict([(1, 0.9, 7), (2, 0.3, 100)], DecisionConfig())
    assert decision.status == Status.ACCEPTED
    assert decision.pose.position[0] == 7


def test_look_alike_far_away_is_ambiguous_and_gives_no_pose():
    decision = verdict([(1, 0.90, 7), (2, 0.89, 100)], DecisionConfig())
    assert decision.status == Status.AMBIGUOUS
    assert decision.pose is None
    assert 'place 2' in decision.reason


def test_neighbours_that_look_alike_support_each_other():
    rows = [(1, 0.90, 7), (2, 0.89, 8), (3, 0.88, 6), (4, 0.2, 100)]
    assert verdict(rows, DecisionConfig(place_radius=5)).status == Status.ACCEPTED


def test_in_a_map_of_one_place_similarity_alone_must_convince():
    assert verdict([(1, 0.9, 7)], DecisionConfig()).status == Status.ACCEPTED
    assert verdict([(1, 0.1, 7)], DecisionConfig()).status == Status.BELOW_THRESHOLD


def test_dissimilar_place_is_below_threshold():
    decision = verdict([(1, 0.4, 7)], DecisionConfig(min_similarity=0.5))
    assert decision.status == Status.BELOW_THRESHOLD
    assert '0.400' in decision.reason


def test_place_without_pose_is_recognised_without_a_pose():
    decision = verdict([(1, 0.9), (2, 0.1)], DecisionConfig())
    assert decision.status == Status.ACCEPTED
    assert decision.pose is None


def test_covariance_grows_with_the_spread_of_agreeing_candidates():
    config = DecisionConfig(place_radius=10, position_sigma=0.5)
    near = verdict([(1, 0.9, 0), (2, 0.89, 0.1)], config).covariance
    far = verdict([(1, 0.9, 0), (2, 0.89, 8)], config).covariance
    assert near[0, 0] == pytest.approx(0.5**2 + 0.1**2 / 2)
    assert far[0, 0] == pytest.approx(0.5**2 + 8**2 / 2)
    assert far[1, 1] == pytest.approx(0.5**2)


similarities = st.floats(-1, 1)
candidates = st.lists(st.tuples(similarities, st.none() | st.floats(-1e3, 1e3)), max_size=20)


@settings(deadline=None)
@given(candidates, st.floats(0, 1), similarities, st.floats(0, 100))
def test_whatever_is_accepted_has_a_proper_covariance(values, ratio, threshold, radius):
    rows = [(i, s, x) for i, (s, x) in enumerate(sorted(values, key=lambda v: -v[0]))]
    config = DecisionConfig(threshold, ratio, radius)
    decision = verdict(rows, config)
    assert decision.reason
    if decision.status != Status.ACCEPTED:
        assert decision.pose is None
    if decision.pose is not None:
        assert (np.linalg.eigvalsh(decision.covariance) > 0).all()


@settings(deadline=None)
@given(candidates)
def test_a_laxer_ratio_never_refuses_more(values):
    rows = [(i, s, x) for i, (s, x) in enumerate(sorted(values, key=lambda v: -v[0]))]
    strict = verdict(rows, DecisionConfig(-1, 0.5))
    lax = verdict(rows, DecisionConfig(-1, 0.9))
    assert strict.status != Status.ACCEPTED or lax.status == Status.ACCEPTED
