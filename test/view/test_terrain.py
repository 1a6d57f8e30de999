# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import pairwise

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.search.self_similarity import Traverses
from vpr_ros.view.entities import PLACES
from vpr_ros.view.terrain import Terrain, runs

ROWS = st.lists(st.tuples(st.integers(1, 3), st.booleans()), max_size=30)


@given(ROWS)
def test_runs_join_places_that_follow_each_other_and_have_poses(rows):
    sessions = np.array([session for session, _ in rows], np.int64)
    positions = np.array([[0.0 if known else np.nan] * 3 for _, known in rows]).reshape(-1, 3)
    traverses = Traverses.of(sessions, np.ones_like(sessions))
    found = runs(positions, traverses)
    joined = {pair for run in found for pair in pairwise(run.tolist())}
    expected = set()
    for session in set(sessions.tolist()):
        own = np.flatnonzero(sessions == session).tolist()
        expected |= {(a, b) for a, b in pairwise(own) if rows[a][1] and rows[b][1]}
    assert joined == expected
    assert all(len(run) > 1 for run in found)


@given(st.text(max_size=20), st.text(max_size=20))
def test_parts_of_any_text_give_paths_of_their_own(a, b):
    assert (PLACES.of(f'1 {a}').path == PLACES.of(f'1 {b}').path) == (a == b)


@given(st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_local_positions_keep_a_centimetre_wherever_the_map_is(x, y):
    positions = np.array([[x, y, 0.0], [x + 1.0, y, 0.0]])
    local = Terrain.of(positions).local(positions)
    np.testing.assert_allclose(local[1] - local[0], [1, 0, 0], atol=0.01)


def test_terrain_of_no_known_position_is_that_of_the_map():
    terrain = Terrain.of(np.full((3, 3), np.nan))
    assert not terrain.moved
    assert np.isnan(terrain.on_earth(np.zeros((2, 3)))).all()
