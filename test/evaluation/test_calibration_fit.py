# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Calibrations of answers that were made up, so that the truth about them is known."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from vpr_ros.evaluation import Evaluation, PlaceTable, QueryResult, Setup, Tolerance
from vpr_ros.evaluation.calibration_data import AnsweredTraverse, AnswerTable, _odometry
from vpr_ros.evaluation.calibration_fit import calibrate
from vpr_ros.evaluation.calibration_models import (
    Observed,
    PoseOffset,
    Predictions,
    _threshold,
    cross_validated,
    fit_logistic,
    nees,
    pose_error,
)
from vpr_ros.evaluation.calibration_states import states_of
from vpr_ros.evaluation.metrics import reliability
from vpr_ros.geometry import Pose
from vpr_ros.localize import Calibration, CalibrationError
from vpr_ros.localize.calibration import PoseErrorModel
from vpr_ros.localize.evidence import FEATURES
from vpr_ros.search import Candidates
from vpr_ros.types import ModelInfo

MODEL = ModelInfo('made-up', '0' * 64, 64, 512, 'none', trained=True)
TOLERANCE = Tolerance(5.0, math.radians(45))
PLACES, SECOND = 50, 10**9


def session(
    seed,
    *,
    known=True,
    noise=0.12,
    candidates=50,
    model=MODEL,
    frames=60,
    detector='',
    compared=10,
):
    """A drive along a street; what it shows resembles its place, and by chance others.

    With a detector, local features of the first ten candidates were compared, or of more.
    """
    rng = np.random.default_rng(seed)
    x = 4.0 * np.arange(PLACES)
    poses = np.column_stack([x, *np.zeros((5, PLACES)), np.ones(PLACES)])
    places = PlaceTable(
        np.arange(1, PLACES + 1), np.ones(PLACES, np.int64), np.arange(PLACES) * SECOND, poses
    )
    queries = []
    for i in range(frames):
        at = 4.0 * PLACES * i / frames + rng.normal(0, 0.3)
        similarities = rng.normal(0.3, noise, PLACES)
        if known:
            similarities += 0.4 * np.exp(-0.5 * ((x - at) / 3) ** 2)
        order = np.argsort(-similarities)[:candidates]
        bits = np.clip(256 - 256 * similarities + rng.normal(0, 12, PLACES), 0, 512)
        yaw = rng.normal(0, 0.05)
        inliers = matches = deformations = None
        if detector:
            inliers, matches, deformations = np.full((3, candidates), np.nan)
            near = np.exp(-0.5 * ((x[order[:compared]] - at) / 3) ** 2) * known
            by_chance = np.random.default_rng([seed, i])
            inliers[:compared] = by_chance.poisson(20 + 150 * near)
            matches[:compared] = 200
            factors = by_chance.uniform(0.5, 1.5, compared)
            deformations[:compared] = (0.4 - 0.3 * near) * factors
        queries.append(
            QueryResult(
                stamp=i * SECOND * PLACES // frames,
                status='ACCEPTED',
                truth=Pose.planar(at, rng.normal(0, 0.5), yaw),
                candidates=Candidates(
                    places.ids[order],
                    similarities[order],
                    bits[order].astype(np.int64),
                    poses[order],
                    inliers=inliers,
                    matches=matches,
                    deformations=deformations,
                    standings=(similarities[order] - 0.3) / noise,
                ),
            )
        )
    setup = Setup(f'drive {seed}', 'street', model, TOLERANCE, candidates, detector=detector)
    return AnsweredTraverse(Evaluation(setup, places, tuple(queries)), known)


@pytest.fixture(scope='module')
def fitted():
    sessions = [session(seed) for seed in range(3)] + [session(9, known=False)]
    return calibrate(sessions, TOLERANCE, 0.95)


def test_probabilities_come_true_on_the_sessions_left_out(fitted):
    for stage in ('frame', 'sequence'):
        found = fitted.predictions[stage]
        measured = reliability(found.probabilities, found.right)
        prevalence = found.right.mean()
        assert measured.ece < 0.2
        assert measured.brier < 0.8 * prevalence * (1 - prevalence)


def test_threshold_keeps_the_wanted_precision(fitted):
    for stage, found in fitted.predictions.items():
        threshold = fitted.calibration.stages[stage].threshold
        accepted = found.probabilities >= threshold
        assert accepted.any()
        assert found.right[accepted].mean() >= 0.95


def test_hardly_anything_of_an_unmapped_world_is_accepted(fitted):
    for stage, found in fitted.predictions.items():
        elsewhere = ~found.mapped & (np.array(found.states)[found.sessions] == '')
        accepted = found.probabilities >= fitted.calibration.stages[stage].threshold
        assert accepted[elsewhere].mean() <= 0.05


def test_frames_before_make_more_answers_certain(fitted):
    quality = fitted.calibration.quality
    assert quality['sequence']['recall'] > quality['frame']['recall'] + 0.1


def test_no_evidence_speaks_against_its_candidate(fitted):
    for stage in fitted.calibration.stages.values():
        assert min(stage.weights.values()) >= 0


def test_errors_of_right_answers_are_as_large_as_the_covariance_says(fitted):
    for quality in fitted.calibration.quality.values():
        assert abs(quality['nees'] - 3) <= quality['nees_band'], quality


FEWER = {'frames': 30}


def compared_sessions():
    known = [session(seed, detector='xfeat-480', **FEWER) for seed in range(3)]
    return known + [session(seed, known=False, detector='xfeat-480', **FEWER) for seed in (8, 9)]


def test_inliers_give_stages_of_their_own_that_know_more():
    found = calibrate([*compared_sessions(), session(4, **FEWER)], TOLERANCE, 0.95)
    calibration, quality = found.calibration, found.calibration.quality
    plain = {stage for stage in calibration.stages if '/' not in stage}
    assert set(calibration.stages) == plain | {f'{stage}/xfeat-480' for stage in plain}
    assert set(calibration.pose_errors) == set(calibration.stages)
    assert calibration.stages['frame/xfeat-480'].weights['inlier_share'] > 0
    assert quality['frame/xfeat-480']['recall'] > quality['frame']['recall']
    # The traverse without inliers counts where none are needed.
    assert (quality['frame']['frames'], quality['frame/xfeat-480']['frames']) == (620, 480)


def test_inliers_do_not_change_the_stages_without_them():
    plain = [session(seed, **FEWER) for seed in range(3)]
    plain += [session(seed, known=False, **FEWER) for seed in (8, 9)]
    expected = calibrate(plain, TOLERANCE, 0.95).calibration
    found = calibrate(compared_sessions(), TOLERANCE, 0.95).calibration
    for stage, own in expected.stages.items():
        assert found.stages[stage].weights == pytest.approx(own.weights, rel=1e-3)


def test_normalised_errors_are_those_of_chi_square():
    rng = np.random.default_rng(0)
    spreads = [np.diag(rng.uniform(0, 4, 2)) for _ in range(4000)]
    model = PoseErrorModel(0.7, 0.5, 0.05, 2.0)
    errors = [
        PoseOffset(
            rng.multivariate_normal(np.zeros(2), 0.7**2 * np.eye(2) + 0.5 * spread),
            abs(rng.normal(0, math.sqrt(0.05**2 + 2.0 * 0.01))),
            spread,
            0.01,
        )
        for spread in spreads
    ]
    values = nees(errors, model)
    assert values.mean() == pytest.approx(3, rel=0.05)
    assert np.mean(values <= chi2.ppf(0.95, 3)) == pytest.approx(0.95, abs=0.015)
    found = pose_error(errors, [errors])
    assert found.position == pytest.approx(0.7, rel=0.1)
    assert found.position_factor == pytest.approx(0.5, rel=0.2)


def test_covariances_hold_for_each_traverse_not_on_average():
    rng = np.random.default_rng(1)

    def drive(aside, frames=200):
        offsets = rng.normal((0, aside), 0.4, (frames, 2))
        return [
            PoseOffset(each, abs(rng.normal(0, 0.03)), np.zeros((2, 2)), 0.0) for each in offsets
        ]

    drives = [drive(0.0), drive(0.1), drive(-0.1), drive(1.5), drive(9.0, frames=5)]
    model = pose_error([each for own in drives for each in own], drives)
    inside = [np.mean(nees(each, model) <= chi2.ppf(0.95, 3)) for each in drives[:4]]
    assert min(inside) == pytest.approx(0.92, abs=0.011)
    assert min(inside) == inside[3]


def test_what_was_learnt_on_some_drives_holds_on_another(fitted):
    fresh = calibrate([session(20), session(21), session(22, known=False)], TOLERANCE, 0.95)
    own, other = (one.calibration.pose_errors['frame'] for one in (fitted, fresh))
    assert own.position == pytest.approx(other.position, rel=0.5)
    assert own.angle == pytest.approx(0.05, rel=0.3)


def test_result_is_written_and_read(fitted, tmp_path):
    fitted.calibration.save(tmp_path / 'made-up.yaml')
    read = Calibration.load(tmp_path / 'made-up.yaml')
    assert [entry['frames'] for entry in read.data] == [60] * 4
    assert read.quality['frame']['ece'] == pytest.approx(
        fitted.calibration.quality['frame']['ece'], rel=1e-5
    )


def test_single_session_is_refused():
    with pytest.raises(CalibrationError, match='one traverse is too few'):
        calibrate([session(0)], TOLERANCE)


def test_too_few_wrong_answers_are_refused_with_the_counts():
    easy = [session(seed, noise=0.001) for seed in range(2)]
    with pytest.raises(CalibrationError, match=r'0 wrong answers.*does not cover'):
        calibrate(easy, TOLERANCE)


def test_models_are_not_mixed():
    other = dataclasses.replace(MODEL, weights_id='1' * 64)
    with pytest.raises(CalibrationError, match='different models'):
        calibrate([session(0), session(1, model=other)], TOLERANCE)


def test_evaluation_with_too_few_candidates_is_refused():
    with pytest.raises(CalibrationError, match='with 100 candidates'):
        calibrate([session(0), session(1, candidates=20)], TOLERANCE)


def test_evaluation_of_an_earlier_version_is_refused():
    early = session(1, detector='xfeat-480')
    queries = [
        dataclasses.replace(query, candidates=dataclasses.replace(query.candidates, matches=None))
        for query in early.evaluation.queries
    ]
    early = dataclasses.replace(
        early, evaluation=dataclasses.replace(early.evaluation, queries=tuple(queries))
    )
    with pytest.raises(CalibrationError, match=r'earlier version.*evaluate again'):
        calibrate([session(0, detector='xfeat-480'), early], TOLERANCE)


def test_reliability_of_a_worked_example():
    found = reliability(np.array([0.05, 0.05, 0.95, 0.95]), np.array([False, True, True, True]))
    assert found.ece == pytest.approx(0.5 * 0.45 + 0.5 * 0.05)
    assert found.brier == pytest.approx((0.05**2 + 0.95**2 + 2 * 0.05**2) / 4)
    assert found.counts[[0, 9]].tolist() == [2, 2]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_calibration_error_is_a_share(pairs):
    probabilities, right = (np.array(column) for column in zip(*pairs, strict=True))
    found = reliability(probabilities, right)
    assert 0 <= found.ece <= 1
    assert found.counts.sum() == len(pairs)


def test_states_are_the_ends_of_the_map_gaps_and_a_kidnapping():
    made = {state.state: state for state in states_of(session(0))}
    assert list(made) == ['', 'first half', 'second half', 'gaps', 'carried away']
    assert made['first half'].evaluation.places.ids.tolist() == list(range(1, 26))
    assert made['second half'].evaluation.places.ids.tolist() == list(range(26, 51))
    assert len(made['gaps'].evaluation.places.ids) == 38
    for state in made.values():
        known = set(state.evaluation.places.ids.tolist())
        assert all(set(q.candidates.ids.tolist()) <= known for q in state.evaluation.queries)
    stamps = np.diff([query.stamp for query in made['carried away'].evaluation.queries])
    assert len(stamps) == 39
    assert stamps.max() - stamps.min() <= 1
    assert made['carried away'].jump == 20


@pytest.mark.parametrize('compared', [10, 50])
def test_on_a_smaller_map_the_robot_compares_as_many_places_as_on_the_whole(compared):
    traverse = session(0, detector='xfeat-480', compared=compared)
    made = {state.state: AnswerTable(state, TOLERANCE) for state in states_of(traverse)}

    def counts(state):
        evaluation = next(e for e in states_of(traverse) if e.state == state).evaluation
        for query in evaluation.queries:
            known, every = made[state].as_compared(query.candidates)
            both = known.inliers, every.inliers
            yield tuple(int(np.isfinite(inliers).sum()) for inliers in both)
            np.testing.assert_array_equal(known.ids, every.ids)

    assert set(counts('')) == {(10, compared)}
    fewest = min(count for count, _ in counts('first half'))
    assert fewest == 10 if compared == 50 else fewest < 10


def test_odometry_has_errors_and_does_not_see_a_kidnapping():
    state = {each.state: each for each in states_of(session(0))}['carried away']
    queries = list(state.evaluation.queries)
    queries[5] = dataclasses.replace(queries[5], truth=None)
    evaluation = dataclasses.replace(state.evaluation, queries=tuple(queries))
    odometry = _odometry(dataclasses.replace(state, evaluation=evaluation))
    assert odometry[5] is None
    known = [pose for pose in odometry if pose is not None]
    assert len(known) == 39
    assert odometry[19].distance_to(odometry[20]) == 0
    measured = odometry[10].distance_to(odometry[15])
    true = queries[10].truth.distance_to(queries[15].truth)
    assert measured == pytest.approx(true, rel=0.15)
    assert measured != pytest.approx(true, rel=1e-3)


@pytest.mark.parametrize('change', [{'known': False}, {'exact': False}])
def test_no_states_are_made_where_the_truth_does_not_tell_what_is_right(change):
    traverse = dataclasses.replace(session(0), **change)
    assert [state.state for state in states_of(traverse)] == ['']


def test_worlds_are_left_out_as_a_whole_with_their_maps():
    rng = np.random.default_rng(0)

    def seen(worlds, sign):
        """Answers whose standing speaks for them, or in another world against them."""
        right = rng.random(200) < 0.5
        features = np.full((200, len(FEATURES)), np.nan)
        features[:, FEATURES.index('standing')] = sign * (2.0 * right - 1) + rng.normal(size=200)
        return Observed(features, right, right, [None] * 200, worlds, '')

    observed = [seen(('a', 'a'), 1), seen(('b', 'b'), 1), seen(('c', 'a'), -1)]
    _, found = cross_validated(observed, 0.95)
    first = found.probabilities[found.sessions == 0]
    # Judged by b alone: c was localised in a map of a, and would have said the opposite.
    alone = fit_logistic(observed[1].features, observed[1].right)
    np.testing.assert_allclose(first, alone.probabilities(observed[0].features), rtol=1e-6)


def test_threshold_lies_just_above_answers_that_are_all_wrong():
    p, right = np.array([0.2, 0.7, 0.6]), np.zeros(3, bool)
    one = ('there',), ('second half',)
    found = Predictions(p, right, np.ones(3, bool), np.zeros(3, np.intp), *one)
    assert 0.7 < _threshold(found, 0.95) < 0.701


def test_threshold_holds_in_the_worst_world_and_outside_of_maps():
    right = np.r_[np.ones(1000, bool), np.r_[np.ones(80, bool), np.zeros(20, bool)]]
    p = np.r_[np.linspace(0.9, 0.99, 1000), np.linspace(0.5, 0.89, 80), np.full(20, 0.95)]
    sessions = np.repeat([0, 1], [1000, 100])
    found = Predictions(p, right, np.ones(1100, bool), sessions, ('easy', 'hard'), ('', ''))
    accepted = p >= _threshold(found, 0.95)
    assert not accepted[1000:][~right[1000:]].any()
    elsewhere = dataclasses.replace(
        found, right=np.r_[right[:1000], np.zeros(100, bool)], mapped=np.arange(1100) < 1000
    )
    assert (p >= _threshold(elsewhere, 0.95))[1000:].mean() <= 0.05
