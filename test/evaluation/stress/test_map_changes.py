# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from vpr_ros.evaluation.stress.map_changes import map_of
from vpr_ros.evaluation.stress.scenario import Scenario
from vpr_ros.maps import PlaceMap


@pytest.fixture
def original(town):
    with PlaceMap.open(town) as place_map:
        yield place_map


def chosen(place_map, *rows):
    mask = np.zeros(len(place_map), np.bool_)
    mask[list(rows)] = True
    return mask


def test_an_unchanged_map_is_the_map_itself(original, tmp_path):
    with map_of(Scenario(()), original, tmp_path) as same:
        assert same is original


def test_places_are_left_out_of_a_copy_that_goes_away(original, tmp_path):
    kept = ~chosen(original, 2, 5)
    with map_of(Scenario((), kept=kept), original, tmp_path) as changed:
        assert changed.ids.tolist() == original.ids[kept].tolist()
    assert len(original) == len(kept)
    assert not list(tmp_path.iterdir())


def test_copied_places_lie_a_kilometre_away_and_nearly_look_alike(original, tmp_path):
    copied = chosen(original, 3, 4)
    with map_of(Scenario((), copied=copied), original, tmp_path) as changed:
        assert len(changed) == len(original) + 2
        poses = changed.snapshot.columns.poses
        assert poses[-2:, 0] - poses[[3, 4], 0] == pytest.approx([1000, 1000])
        similar = np.sum(changed.descriptors([3, 4]) * changed.descriptors([-2, -1]), axis=1)
        assert (similar > 0.98).all()
        assert (similar < 0.999).all()
        assert changed.verify() == []


def test_a_map_can_lose_all_its_places(original, tmp_path):
    kept = np.zeros(len(original), np.bool_)
    with map_of(Scenario((), kept=kept), original, tmp_path) as changed:
        assert len(changed) == 0
