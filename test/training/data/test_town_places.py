# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from vpr_ros.simulation import Conditions, SimulatedCamera, Town
from vpr_ros.training.data import TrainingDataError, open_source
from vpr_ros.training.data.town_places import TownPlaces, Visits

if TYPE_CHECKING:
    from pathlib import Path

CAMERA = SimulatedCamera(width=48, height=36)
VISITS = Visits(conditions=('day', 'night'), spacing=200, camera=CAMERA)


@pytest.fixture(scope='module')
def town() -> TownPlaces:
    return TownPlaces([1], VISITS)


def test_town_of_the_demonstration_is_refused():
    with pytest.raises(TrainingDataError, match='held back'):
        open_source({'kind': 'town', 'seeds': [3, 0]})


@pytest.mark.parametrize('seeds', [[], [-1], [2, 2]])
def test_seeds_that_make_no_sense_are_refused(seeds):
    with pytest.raises(TrainingDataError, match='seeds'):
        TownPlaces(seeds)


def test_neighbours_are_never_in_one_area_and_no_place_is_lost():
    source = TownPlaces([1, 2], Visits(spacing=5.0), apart=20.0)
    routes = [Town(seed).route() for seed in (1, 2)]
    lengths = [int(route.length / 5.0) for route in routes]
    everything = sorted(place for area in source.areas for place in area)
    assert everything == list(range(sum(lengths)))
    positions = np.array(
        [
            route.pose(5.0 * i).position
            for route, length in zip(routes, lengths, strict=True)
            for i in range(length)
        ]
    )
    town = np.repeat([0, 1], lengths)
    for area in source.areas:
        apart = np.linalg.norm(positions[area][:, None] - positions[area], axis=2)
        same = town[area][:, None] == town[area]
        np.fill_diagonal(same, val=False)
        assert apart[same].min(initial=np.inf) >= 20.0
    assert len(source.areas[0]) > 50


def test_views_are_of_the_same_place_in_other_conditions(town):
    assert town.views(2) == 2
    assert town._drives[0][1].conditions == Conditions.named('night')
    day, night = town.image(2, 0), town.image(2, 1)
    assert day.shape == (36, 48, 3)
    assert night.mean() < 0.6 * day.mean()
    assert np.array_equal(town.image(2, 0), day)


def test_a_view_is_near_its_place_and_never_quite_at_it(town, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Town, 'view', lambda self, pose, *_: seen.append(pose) or np.zeros((36, 48, 3), np.uint8)
    )
    for place in range(3):
        town.image(place, 0)
    for place, pose in enumerate(seen):
        at = Town(1).route().pose(200.0 * place)
        assert 0.01 < pose.distance_to(at) < np.hypot(VISITS.lateral, VISITS.along) + 0.01
    assert len({tuple(np.round(pose.position % 200, 3)) for pose in seen}) == 3


def test_random_conditions_begin_with_day_and_differ_between_towns():
    visits = Visits(traverses=6)
    assert visits.conditions_of(1)[0] == Conditions()
    assert len(visits.conditions_of(1)) == 6
    assert visits.conditions_of(1) == visits.conditions_of(1) != visits.conditions_of(2)


def test_cache_holds_what_would_be_rendered_and_is_not_rendered_again(town, tmp_path, monkeypatch):
    monkeypatch.setattr('vpr_ros.training.data.town_places.available_cpus', lambda: 1)
    told: list[tuple[int, int]] = []
    TownPlaces([1], VISITS, cache=tmp_path, progress=lambda *step: told.append(step))
    assert told == [(0, 2), (1, 2), (2, 2)]
    files = sorted(tmp_path.iterdir())
    files[1].unlink()
    before = {path: path.stat().st_mtime_ns for path in files if path.exists()}
    cached = TownPlaces([1], VISITS, cache=tmp_path)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert sorted(tmp_path.iterdir()) == files
    for place in (0, 2):
        for view in range(2):
            assert np.array_equal(cached.image(place, view), town.image(place, view))


def test_other_visits_are_other_files(tmp_path, monkeypatch):
    monkeypatch.setattr('vpr_ros.training.data.town_places.available_cpus', lambda: 1)
    for along in (0.5, 1.0):
        visits = Visits(conditions=('day',), spacing=300, along=along, camera=CAMERA)
        TownPlaces([1], visits, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_source_goes_to_worker_processes_after_it_has_rendered(town):
    town.image(0, 0)
    again = pickle.loads(pickle.dumps(town))
    assert np.array_equal(again.image(0, 0), town.image(0, 0))


def test_drives_are_rendered_by_several_processes_alike(tmp_path: Path, monkeypatch):
    visits = Visits(conditions=('day', 'night'), spacing=300, camera=CAMERA)
    monkeypatch.setattr('vpr_ros.training.data.town_places.available_cpus', lambda: 2)
    several = TownPlaces([1], visits, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert np.array_equal(several.image(1, 1), TownPlaces([1], visits).image(1, 1))
