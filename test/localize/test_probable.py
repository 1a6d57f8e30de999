# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Verdicts with a calibration."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from calibration_sample import FRAME, sample_calibration
from candidates_sample import sample_candidates

from vpr_ros.geometry import Pose
from vpr_ros.localize import DecisionConfig, Status, decide
from vpr_ros.localize.evidence import Support

CALIBRATION = sample_calibration()
CONFIG = DecisionConfig(position_sigma=0.0, angle_sigma=0.0)


def judge(rows, config=CONFIG, support=None):
    """Return the decision and the probability of each place by its id."""
    candidates, decision = decide(sample_candidates(*rows), config, CALIBRATION, support)
    pairs = zip(candidates.ids.tolist(), candidates.probabilities.tolist(), strict=True)
    return decision, dict(pairs)


def verdict(rows, support=None):
    return judge(rows, support=support)[0]


def support_of(*chances, poses=(), weights=(), drifts=None):
    return Support(
        'sequence',
        np.array(chances),
        np.zeros(len(chances)),
        0,
        np.array(poses).reshape(-1, 7),
        np.array(weights),
        np.zeros(len(weights)) if drifts is None else np.array(drifts),
    )


def test_clear_winner_is_accepted_with_its_probability():
    decision, probabilities = judge([(1, 0.9, 7), (2, 0.2, 100)])
    assert decision.status == Status.ACCEPTED
    assert probabilities[1] > 0.99
    assert probabilities[2] <= 1 - probabilities[1]


def test_look_alike_elsewhere_is_ambiguous():
    rows = [(1, 0.9, 7), (2, 0.89, 100), (3, 0.1, 200), (4, 0.1, 300)]
    decision = verdict(rows)
    assert decision.status == Status.AMBIGUOUS
    assert decision.pose is None
    assert 'place 2' in decision.reason


def test_place_never_mapped_is_below_threshold():
    rows = [(i, 0.30 - 0.01 * i, 50 * i) for i in range(1, 9)]
    assert verdict(rows).status == Status.BELOW_THRESHOLD


def test_own_threshold_comes_before_that_of_the_calibration():
    rows = [(1, 0.6, 7), (2, 0.2, 100)]
    chance = judge(rows)[1][1]
    for least, status in ((chance - 0.01, Status.ACCEPTED), (chance + 0.01, None)):
        config = DecisionConfig(min_probability=least)
        found = judge(rows, config)[0].status
        assert found == status if status is not None else found != Status.ACCEPTED


def test_frame_that_does_not_fit_those_before_is_inconsistent():
    rows = [(2, 0.2, 100), (1, 0.9, 7)]
    support = support_of(0.6, 0.1)
    decision = verdict(rows, support)
    assert decision.status == Status.TEMPORALLY_INCONSISTENT
    assert 'place 1' in decision.reason


@pytest.mark.parametrize('chance', [0.0, 0.2, 0.49])
def test_no_picture_outvotes_the_frames_before(chance):
    calibration = sample_calibration(
        stages={'frame': FRAME, 'sequence': dataclasses.replace(FRAME, intercept=9.0)}
    )
    candidates = sample_candidates((1, 0.9, 7), (2, 0.2, 100))
    judged, decision = decide(candidates, CONFIG, calibration, support_of(chance, 0.0))
    assert decision.status == Status.TEMPORALLY_INCONSISTENT
    assert judged.probabilities[0] == pytest.approx(chance)
    judged, decision = decide(candidates, CONFIG, calibration, support_of(0.51, 0.0))
    assert decision.status == Status.ACCEPTED


def test_frames_before_can_make_a_doubtful_frame_certain():
    rows = [(1, 0.5, 7), (2, 0.49, 100)]
    assert verdict(rows).status != Status.ACCEPTED
    support = support_of(0.98, 0.01)
    assert verdict(rows, support).status == Status.ACCEPTED


def test_answered_pose_is_the_mean_of_the_agreeing_candidates():
    rows = [(1, 0.9, 7, 0.1), (2, 0.9, 9, -0.1), (3, 0.1, 100), (4, 0.9, 8, 3.0)]
    decision = verdict(rows)
    assert decision.pose.position[0] == pytest.approx(8)
    assert decision.pose.yaw == pytest.approx(0, abs=1e-9)
    # base^2 + factor * spread, of the calibration
    assert decision.covariance[0, 0] == pytest.approx(0.5**2 + 2 * 1.0)
    assert decision.covariance[1, 1] == pytest.approx(0.5**2)
    assert decision.covariance[5, 5] == pytest.approx(0.1**2 + 0.1**2)


def test_frames_before_add_the_poses_that_they_tell_of_now():
    rows = [(1, 0.9, 7), (2, 0.9, 9), (3, 0.1, 100)]
    earlier = [Pose.planar(x, 0, 0).as_array() for x in (10, 12)]
    decision = verdict(rows, support_of(0.99, 0.99, 0.0, poses=earlier, weights=(0.5, 0.5)))
    assert decision.pose.position[0] == pytest.approx((8 + 0.5 * 10 + 0.5 * 12) / 2)
    assert decision.covariance[0, 0] == pytest.approx(0.4**2)  # of this stage


def test_the_pose_is_nearest_to_the_place_whose_picture_is_most_alike():
    alike = sample_candidates((1, 0.9, 7.0), (2, 0.9, 11.0), (3, 0.2, 100.0))
    _, middle = decide(alike, CONFIG, CALIBRATION)
    assert middle.pose.position[0] == pytest.approx(9.0)
    deformations = np.array([0.04, 0.16, np.nan])
    sized = dataclasses.replace(
        alike, inliers=np.array([200.0, 200.0, np.nan]), deformations=deformations
    )
    _, near = decide(sized, CONFIG, CALIBRATION)
    # Two for each factor e of the deformation, which is four.
    assert near.pose.position[0] == pytest.approx(7 + 4 / (1 + 4**2))


def test_odometry_since_an_earlier_frame_makes_the_pose_less_certain():
    rows = [(1, 0.9, 7.0), (2, 0.2, 100.0)]
    earlier = [Pose.planar(7.0, 0, 0).as_array()] * 2

    def variance(*drifts):
        filtered = support_of(0.99, 0.01, poses=earlier, weights=(1.0, 2.0), drifts=drifts)
        return verdict(rows, filtered).covariance[0, 0]

    # The later of three frames with half of the weights may be a metre off.
    factor = CALIBRATION.pose_errors['sequence'].position_factor
    assert variance(0.0, 1.0) - variance(0.0, 0.0) == pytest.approx(factor * 0.5**2)


candidates = st.lists(
    st.tuples(st.floats(-1, 1), st.none() | st.floats(-1e3, 1e3), st.floats(0, 1)),
    min_size=1,
    max_size=12,
)


@given(candidates, st.booleans())
def test_probabilities_of_places_elsewhere_never_add_up_to_more_than_one(values, filtered):
    values = sorted(values, key=lambda v: -v[0])
    rows = [(i, s, x) for i, (s, x, _) in enumerate(values)]
    support = support_of(*(v[2] for v in values)) if filtered else None
    decision, probabilities = judge(rows, support=support)
    first, here = probabilities[0], rows[0][2]
    for place_id, _, there in rows[1:]:
        p = probabilities[place_id]
        near = here is not None and there is not None and abs(here - there) <= 5
        assert 0 <= p <= first
        assert near or first + p <= 1 + 1e-12
    if decision.pose is not None:
        assert (np.linalg.eigvalsh(decision.covariance) > 0).all()
