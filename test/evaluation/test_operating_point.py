# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the shipped calibration promises, on traverses that it was not fitted on."""

from itertools import islice

import numpy as np
import pytest
from scipy.stats import chi2
from shared_data import BAGS

from vpr_ros.describe import Describer
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.bag_evaluation import evaluate_bag
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.localize import Localizer, calibration_for, make_filter
from vpr_ros.mapping import KeyframeConfig, MapBuilder, map_bag
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.search import Retriever
from vpr_ros.types import DEFAULT_MODEL

pytestmark = [
    pytest.mark.slow,  # whole traverses are described
    pytest.mark.skipif(not BAGS.exists(), reason=f'no bags in {BAGS}; set VPR_TEST_DATA'),
]


class RememberingDescriber:
    """Describes no picture twice, though each bag is evaluated in several ways."""

    def __init__(self):
        self._describer = Describer(DEFAULT_MODEL)
        self._known = {}
        self.model_info = self._describer.model_info

    def describe(self, images):
        return [self._describe(image) for image in images]

    def _describe(self, image):
        key = image.tobytes()
        if key not in self._known:
            (self._known[key],) = self._describer.describe([image])
        return self._known[key]


@pytest.fixture(scope='module')
def describer():
    return RememberingDescriber()


@pytest.fixture(scope='module')
def calibration(describer):
    found = calibration_for(describer.model_info)
    assert found is not None
    return found


@pytest.fixture(scope='module')
def gardens(describer, tmp_path_factory):
    path = tmp_path_factory.mktemp('gardens') / 'left.vprmap'
    empty = MapWriter.create(path, model=describer.model_info)
    with Bag(BAGS / 'gardens_day_left') as bag, empty as place_map:
        map_bag(place_map, bag, describer, choose_topics(bag), KeyframeConfig())
    return path


@pytest.fixture(scope='module')
def evaluate(describer, calibration, gardens):
    """Return the summary of a bag looked up in the map of the left traverse."""

    def run(name, kind=None):
        with Bag(BAGS / name) as bag, PlaceMap.open(gardens) as place_map:
            before = None
            if kind is not None:
                columns = place_map.snapshot.columns
                before = make_filter(kind, lambda: columns, calibration.places)
            localizer = Localizer(
                describer, Retriever(place_map), calibration=calibration, temporal=before
            )
            return evaluate_bag(
                place_map,
                bag,
                localizer,
                choose_topics(bag),
                Tolerance(calibration.radius),
                candidates=20,
                odometry=kind is not None,
            )

    return run


@pytest.mark.parametrize('kind', [None, 'sequence'])
def test_of_what_is_accepted_by_day_99_percent_is_right(evaluate, kind):
    summary = evaluate('gardens_day_right', kind).summary
    assert summary.score == 'probability'
    assert summary.accepted >= 10
    assert summary.precision_accepted >= 0.99


@pytest.mark.parametrize('kind', [None, 'sequence'])
def test_of_another_world_hardly_anything_is_accepted(evaluate, kind):
    evaluation = evaluate('euroc_v101_micro', kind)
    accepted = sum(query.accepted for query in evaluation.queries)
    assert accepted <= 0.01 * len(evaluation.queries)


def test_the_frames_before_make_night_recognisable(evaluate):
    alone = evaluate('gardens_night_right').summary.recall_at_full_precision
    together = evaluate('gardens_night_right', 'sequence').summary.recall_at_full_precision
    assert together >= alone + 0.15


@pytest.mark.timeout(900)
def test_errors_of_a_later_lap_are_no_greater_than_the_covariance_says(
    describer, calibration, tmp_path
):
    lap, later = slice(0, 598), slice(868, 1136)  # what lies between was fitted on
    empty = MapWriter.create(tmp_path / 'lap.vprmap', model=describer.model_info)
    squares = []
    with Bag(BAGS / 'airsim_track') as bag, empty as place_map:
        topics = choose_topics(bag)
        frames = replay_frames(bag, topics.image.name, topics.pose.name)
        replayed = list(islice(frames, later.stop))
        builder = MapBuilder(place_map, describer, KeyframeConfig())
        for frame, reading in replayed[lap]:
            if builder.due(frame, reading):
                builder.add(frame, reading, *describer.describe([frame.rgb]))
        builder.finish()
        localizer = Localizer(
            describer,
            Retriever(place_map),
            calibration=calibration,
            temporal=make_filter(
                'sequence', lambda: place_map.snapshot.columns, calibration.places
            ),
        )
        for frame, reading in replayed[later]:
            decision = localizer.localize(frame, odometry=reading.pose).decision
            pose = decision.pose
            if pose is None or pose.distance_to(reading.pose) > calibration.radius:
                continue
            offset = reading.pose.position[:2] - pose.position[:2]
            error = np.array([*offset, pose.angle_to(reading.pose)])
            covariance = decision.covariance[np.ix_([0, 1, 5], [0, 1, 5])]
            squares.append(error @ np.linalg.solve(covariance, error))
    squares, freedoms = np.array(squares), 3  # x, y and yaw
    assert len(squares) >= 0.75 * len(replayed[later])  # 82 % were accepted
    assert squares.mean() <= chi2.ppf(0.975, freedoms * len(squares)) / len(squares)
    # 88 % were measured: a few are further off than a Gaussian would have it.
    assert (squares <= chi2.ppf(0.95, freedoms)).mean() >= 0.85
    assert squares.mean() >= freedoms / 3  # wide is easy
