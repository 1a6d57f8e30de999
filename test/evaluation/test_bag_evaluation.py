# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from evaluation_bags import PLACES, SampleDescriber, look, write_traverse

from vpr_ros.errors import VprError
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.bag_evaluation import (
    evaluate_bag,
    frame_pictures,
    place_pictures,
    place_table,
)
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.localize import DecisionConfig, Localizer
from vpr_ros.maps import PlaceMap
from vpr_ros.search import Retriever


def evaluate(town, bag_path, **options):
    with PlaceMap.open(town) as place_map, Bag(bag_path) as bag:
        localizer = Localizer(SampleDescriber(), Retriever(place_map), DecisionConfig())
        return evaluate_bag(
            place_map, bag, localizer, choose_topics(bag), Tolerance(0.5), candidates=5, **options
        )


def test_every_readable_frame_is_judged_against_the_bags_own_pose(town, evening):
    evaluation = evaluate(town, evening)
    s = evaluation.summary
    assert evaluation.setup.unreadable == 1
    assert (s.frames, s.judged, s.localisable) == (PLACES + 1, PLACES + 1, PLACES - 1)
    assert s.recall_localisable[1] == 1.0
    assert s.recall[1] == pytest.approx((PLACES - 1) / (PLACES + 1))
    assert list(s.latency) == ['decode', 'describe', 'retrieve', 'decide', 'total']
    first = evaluation.queries[0]
    assert first.stamp == 10**9
    assert first.truth is not None
    assert first.truth.position[0] == pytest.approx(0.1)
    assert first.candidates.poses.shape == (5, 7)


def test_progress_ends_with_the_number_of_frames_and_a_limit_is_kept(town, evening):
    told = []
    evaluation = evaluate(town, evening, limit=3, progress=lambda *of: told.append(of))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert len(evaluation.queries) == 3


def test_stretch_of_a_bag_is_localised_alone(town, evening):
    everything = evaluate(town, evening)
    part = evaluate(town, evening, stretch=(0.45, 0.9))
    stamps = [query.stamp for query in everything.queries]
    assert [query.stamp for query in part.queries] == stamps[6:12]  # of 14, one of them damaged


def test_fixes_cannot_be_compared_with_a_map_that_has_no_origin_on_earth(town, tmp_path):
    bag = write_traverse(tmp_path / 'gps', [look(0)], [0], fixes=True)
    with pytest.raises(VprError, match='datum'):
        evaluate(town, bag)


def test_pictures_come_by_stamp_and_by_place_and_damaged_ones_are_left_out(town, day, evening):
    with Bag(evening) as bag:
        found = dict(frame_pictures(bag, '/image')({1 * 10**9, 4 * 10**9, 99 * 10**9}))
    assert list(found) == [10**9]
    np.testing.assert_array_equal(found[10**9][..., 0], look(0, noise=8))
    with Bag(day) as bag, PlaceMap.open(town) as place_map:
        place = int(place_map.ids[2])
        found = dict(place_pictures(place_table(place_map), bag, '/image')({place}))
    np.testing.assert_array_equal(found[place][..., 0], look(2))
