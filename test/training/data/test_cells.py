# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.training.data import TrainingDataError
from vpr_ros.training.data.areas import spread
from vpr_ros.training.data.cells import Cells

METRES = st.floats(-1e6, 1e7)
OFFICIAL = [Cells(15, 60, 3, 2), Cells(10, 60, 5, 2), Cells(10, 30, 5, 2)]


@given(
    cells=st.sampled_from(OFFICIAL),
    east=METRES,
    north=METRES,
    heading=st.floats(-720, 720),
    step=st.tuples(st.integers(-3, 3), st.integers(-3, 3), st.integers(-3, 3)),
)
def test_two_places_of_one_group_are_never_adjacent_cells(cells, east, north, heading, step):
    first = cells.of(east, north, heading)
    other = cells.of(
        east + step[0] * cells.size, north + step[1] * cells.size, heading + step[2] * cells.angle
    )
    if first.place == other.place or first.group != other.group:
        return
    whole_turn = round(360 / cells.angle)
    aside = [abs(a - b) for a, b in zip(first.place, other.place, strict=True)]
    around = min(aside[2], whole_turn - aside[2])
    assert aside[0] >= cells.across or aside[1] >= cells.across or around >= cells.headings


@given(
    cells=st.sampled_from(OFFICIAL),
    east=st.floats(1e5, 1e6),
    north=st.floats(0, 1e7),
    heading=st.floats(0, 359.99),
)
def test_cells_are_those_of_the_papers_formula(cells, east, north, heading):
    e, n = int(east // cells.size * cells.size), int(north // cells.size * cells.size)
    h = int(heading // cells.angle * cells.angle)
    place, group = cells.of(east, north, heading)
    assert (place[0] * cells.size, place[1] * cells.size, place[2] * cells.angle) == (e, n, h)
    m, turn = cells.size * cells.across, cells.angle * cells.headings
    assert group == (e % m // cells.size, n % m // cells.size, h % turn // cells.angle)


@given(cells=st.sampled_from(OFFICIAL), heading=st.floats(-1e-15, 0))
def test_north_is_north_from_either_side(cells, heading):
    assert cells.of(0, 0, heading).place[2] in (0, round(360 / cells.angle) - 1)


def test_groups_are_as_many_as_said():
    groups = {
        Cells(15, 60, 3, 2).of(e, n, h).group
        for e in range(0, 90, 5)
        for n in range(0, 90, 5)
        for h in range(0, 360, 20)
    }
    assert len(groups) == 18


@pytest.mark.parametrize('values', [(0, 60, 3, 2), (10, 60, 0, 2), (10, 70, 3, 2), (10, 60, 3, 4)])
def test_cells_that_do_not_close_or_have_no_size_are_refused(values):
    with pytest.raises(TrainingDataError):
        Cells(*values)


@given(
    st.lists(st.tuples(st.floats(-50, 50), st.floats(-50, 50)), min_size=1, max_size=40),
    st.floats(0.1, 40),
)
def test_places_of_an_area_are_far_apart_and_none_is_lost(positions, apart):
    areas = spread(positions, apart)
    assert sorted(i for area in areas for i in area) == list(range(len(positions)))
    points = np.array(positions)
    for area in areas:
        for k, i in enumerate(area):
            assert all(np.linalg.norm(points[i] - points[j]) >= apart for j in area[:k])
