# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from calibration_sample import sample_calibration
from candidates_sample import sample_candidates

from vpr_ros.localize import DecisionConfig, Status, decide
from vpr_ros.localize.calibration import Logistic, PoseErrorModel
from vpr_ros.localize.evidence import InlierRule


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


@given(candidates)
def test_a_laxer_ratio_never_refuses_more(values):
    rows = [(i, s, x) for i, (s, x) in enumerate(sorted(values, key=lambda v: -v[0]))]
    strict = verdict(rows, DecisionConfig(-1, 0.5))
    lax = verdict(rows, DecisionConfig(-1, 0.9))
    assert strict.status != Status.ACCEPTED or lax.status == Status.ACCEPTED


RULE = InlierRule('points-9', least=50, chance=20)


def compared(rows, *inliers):
    """Return candidates whose local features were compared."""
    known = np.array(inliers, float)
    return dataclasses.replace(sample_candidates(*rows), inliers=known, matches=0 * known + 190)


@pytest.mark.parametrize(
    ('similarities', 'inliers', 'status'),
    [
        ((0.90, 0.30), (10, 0), Status.UNVERIFIED),
        ((0.90, 0.89), (10, 0), Status.AMBIGUOUS),
        ((0.90, 0.89), (60, 0), Status.ACCEPTED),
        ((0.90, 0.30), (60, 43), Status.AMBIGUOUS),
        ((0.90, 0.30), (60, 41), Status.ACCEPTED),
        ((0.90, 0.30), (np.nan, 0), Status.ACCEPTED),
    ],
)
def test_inliers_decide_by_the_rule_where_there_is_no_calibration(similarities, inliers, status):
    rows = [(1, similarities[0], 7), (2, similarities[1], 100)]
    _, decision = decide(compared(rows, *inliers), DecisionConfig(), rule=RULE)
    assert decision.status == status
    assert (decision.pose is None) == (status != Status.ACCEPTED)


def test_a_reason_never_shows_as_many_inliers_as_are_needed_where_there_are_fewer():
    reason = decide(compared([(1, 0.9, 0)], 49.7), DecisionConfig(), rule=RULE)[1].reason
    assert '49 features agree' in reason
    assert 'at least 50 are needed' in reason


def calibrated_with_inliers():
    plain = sample_calibration()
    weights = {'similarity': 2.0, 'distinctness': 2.0, 'inlier_share': 20.0}
    weights['inlier_distinctness'] = 9.0
    verified = Logistic(-15.0, weights, dict.fromkeys(weights, 0.0), 0.9)
    return dataclasses.replace(
        plain,
        stages={**plain.stages, 'frame/points-9': verified},
        pose_errors={**plain.pose_errors, 'frame/points-9': PoseErrorModel(3.0, 0, 0.2, 0)},
    )


@pytest.mark.parametrize(
    ('similarities', 'inliers', 'status'),
    [
        # Descriptors alone would do, and features contradict.
        ((0.95, 0.10), (2, 0), Status.UNVERIFIED),
        # They would not, and features convince.
        ((0.75, 0.70), (150, 10), Status.ACCEPTED),
        # Features would convince, but for those elsewhere.
        ((0.75, 0.70), (150, 150), Status.AMBIGUOUS),
        # Where nothing elsewhere was compared, no look-alike is known.
        ((0.60, 0.30), (100, np.nan), Status.BELOW_THRESHOLD),
        ((0.50, 0.49), (3, 0), Status.BELOW_THRESHOLD),
    ],
)
def test_inliers_are_evidence_of_the_calibrated_probability(similarities, inliers, status):
    rows = [(1, similarities[0], 7), (2, similarities[1], 100)]
    calibration = calibrated_with_inliers()
    candidates, decision = decide(
        compared(rows, *inliers), DecisionConfig(), calibration, rule=RULE
    )
    assert decision.status == status
    assert (candidates.probabilities[0] >= 0.9) == (status == Status.ACCEPTED)
    if status == Status.ACCEPTED:
        assert decision.covariance[0, 0] == pytest.approx(9.0)


@given(excess=st.floats(1e-7, 1e-3))
def test_a_probability_below_the_threshold_is_never_written_as_the_threshold(excess):
    candidates, _ = decide(sample_candidates((1, 0.9, 7)), DecisionConfig(), sample_calibration())
    least = float(candidates.probabilities[0]) + excess
    config = DecisionConfig(min_probability=least)
    _, decision = decide(sample_candidates((1, 0.9, 7)), config, sample_calibration())
    assert decision.status != Status.ACCEPTED
    said, threshold = re.findall(r'probability (\S+),.*threshold is ([0-9.]+)', decision.reason)[0]
    assert float(said) < float(threshold)


def test_calibration_without_the_detector_judges_without_its_inliers():
    rows = [(1, 0.95, 7), (2, 0.1, 100)]
    calibration = calibrated_with_inliers()
    other = InlierRule('others-9', least=50, chance=20)
    plain, expected = decide(sample_candidates(*rows), DecisionConfig(), calibration)
    for candidates, rule in ((compared(rows, 2, 0), other), (compared(rows, np.nan, 0), RULE)):
        found, decision = decide(candidates, DecisionConfig(), calibration, rule=rule)
        assert decision.status == expected.status == Status.ACCEPTED
        assert found.probabilities[0] == plain.probabilities[0]


def test_a_map_of_too_few_places_is_not_judged_by_similarity_alone():
    """Nothing tells whether a similarity is high, and the mean of the fit must not stand in."""
    stage = Logistic(-6.0, {'standing': 4.0}, {'standing': 3.0}, 0.9)
    calibration = sample_calibration(stages={'frame': stage})
    candidates = sample_candidates((1, 0.5, 0.0), (2, 0.4, 20.0))
    rule = InlierRule('sift-320', least=15, chance=10)
    for standing, inliers, status in (
        (3.0, np.nan, Status.ACCEPTED),
        (np.nan, np.nan, Status.BELOW_THRESHOLD),
        (np.nan, 80.0, Status.ACCEPTED),
    ):
        judged = dataclasses.replace(
            candidates,
            standings=np.array([standing, np.nan]),
            inliers=np.array([inliers, np.nan]),
        )
        found, decision = decide(judged, DecisionConfig(), calibration, rule=rule)
        assert decision.status == status
        assert (found.probabilities[0] <= 0.5) == (status != Status.ACCEPTED)
        assert ('too few places' in decision.reason) == (status != Status.ACCEPTED)
