# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import groupby
from typing import get_args

import numpy as np
import pytest

from vpr_ros.simulation import Conditions, Layout, SimulatedCamera, Town, Traverse
from vpr_ros.simulation.rooms import Panel

CAMERA = SimulatedCamera(width=80, height=60)
DAY, EMPTY = Conditions(), Conditions(traffic=0.0)
LAYOUTS = get_args(Layout)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_the_same_seed_gives_the_same_views_and_another_seed_others(layout: Layout) -> None:
    first, again, other = (
        Traverse(Town(seed, CAMERA, layout=layout), DAY, 1)[9].rgb for seed in (4, 4, 5)
    )
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 5


@pytest.mark.parametrize('layout', ['park', 'building'])
@pytest.mark.parametrize('conditions', ['day', 'night', 'morning-fog-winter'])
def test_every_view_of_a_drive_shows_something(layout: Layout, conditions: str) -> None:
    town = Town(4, CAMERA, layout=layout)
    route = town.route()
    for distance in np.linspace(0, route.length, 3):
        view = town.view(route.pose(float(distance)), Conditions.named(conditions))
        assert view.std() > 6


def test_a_building_knows_no_weather() -> None:
    town = Town(4, CAMERA, layout='building')
    pose = town.route().pose(11)
    dry, wet = (town.view(pose, Conditions.named(name)) for name in ('day', 'day-rain-autumn'))
    assert np.array_equal(dry, wet)


def test_only_towns_have_cars() -> None:
    crowded = Conditions(traffic=0.9)
    for layout in LAYOUTS:
        town = Town(4, CAMERA, layout=layout)
        assert town._plan.cars == (layout == 'town')
        assert len(town._draw_traffic(crowded, 1).walkers(0.0)) > 5


def test_one_stays_between_the_walls_of_a_building() -> None:
    town = Town(4, CAMERA, layout='building')
    route = town.route(0.3)
    streets = town._plan.streets
    for distance in np.arange(0, route.length, 0.5):
        x, y = route.pose(float(distance)).position[:2]
        off = [
            abs((y if street.along_x else x) - street.centre) - street.half for street in streets
        ]
        assert min(off) < -0.5


def test_a_building_has_doors_that_are_alike_and_stretches_of_blank_wall() -> None:
    painters = [
        surface.painter
        for surface in Town(4, CAMERA, layout='building')._plan.surfaces
        if isinstance(surface.painter, Panel)
    ]
    doors = [painter for painter in painters if painter.kind == 'door']
    assert len(doors) > 20
    looks = {painter.paint().rgb[60:75].mean(axis=(0, 1)).round().tobytes() for painter in doors}
    assert len(looks) < len(doors) * 0.7
    runs = [len(list(run)) for kind, run in groupby(p.kind for p in painters) if kind == 'blank']
    assert max(runs) >= 3
