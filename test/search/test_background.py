# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from vpr_ros.search.background import Background, moments_of, standings_of


def sample_map(count, spacing=20.0, revision=1, seed=0):
    """A snapshot of places in a line, and their descriptors."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    poses = np.zeros((count, 7))
    poses[:, 0] = spacing * np.arange(count)
    columns = SimpleNamespace(poses=poses)
    snapshot = SimpleNamespace(meta=SimpleNamespace(revision=revision), columns=columns)
    return type('Sample', (SimpleNamespace,), {'__len__': lambda _: count})(
        **vars(snapshot)
    ), vectors


def test_standing_is_the_similarity_in_deviations_of_those_to_other_places():
    snapshot, vectors = sample_map(256)
    background = Background(lambda _, rows: vectors[rows])
    rows = np.array([3, 17])
    found = background.standings(snapshot, rows, np.array([0.5, 0.9]))
    for row, similarity, standing in zip(rows, (0.5, 0.9), found, strict=True):
        others = np.delete(vectors @ vectors[row], row)
        expected = (similarity - others.mean()) / others.std()
        np.testing.assert_allclose(standing, expected, rtol=0.03)


def test_few_places_bear_as_much_as_a_prediction_from_so_many():
    rng = np.random.default_rng(0)
    for count in (6, 10, 40):
        seen = rng.normal(0.3, 0.1, (100_000, count))
        moments = moments_of(seen, np.ones_like(seen, bool))
        unrelated = standings_of(moments, rng.normal(0.3, 0.1, len(seen)))
        # By the deviation of ten places alone, one in 100 would have 3 deviations.
        for deviations in (-2.0, 1.0, 2.0, 3.0):
            share = (unrelated > deviations).mean()
            assert share == pytest.approx(norm.sf(deviations), rel=0.15), (count, deviations)


@given(st.floats(-1, 1), st.floats(0, 1), st.integers(5, 256), st.floats(-1e3, 1e3, width=32))
def test_standings_are_finite_and_grow_with_similarity(mean, deviation, count, similarity):
    moments = np.array([[mean, deviation, count]] * 2)
    lower, higher = standings_of(moments, np.array([similarity, similarity + 0.5]))
    assert np.isfinite([lower, higher]).all()
    assert lower <= higher


def test_places_near_by_are_no_background():
    snapshot, vectors = sample_map(40, spacing=1.0)
    vectors[18:22] = vectors[20]
    background = Background(lambda _, rows: vectors[rows])
    ((mean, _, others),) = background.moments(snapshot, np.array([20]))
    far = np.abs(np.arange(40) - 20) > 10
    assert others == far.sum()
    np.testing.assert_allclose(mean, (vectors[far] @ vectors[20]).mean(), rtol=1e-4)


def test_too_small_a_map_has_no_background():
    snapshot, vectors = sample_map(4)
    background = Background(lambda _, rows: vectors[rows])
    assert np.isnan(background.standings(snapshot, np.arange(4), np.ones(4))).all()


def test_background_is_kept_until_the_map_changes_or_doubles():
    snapshot, vectors = sample_map(30)
    asked = []
    background = Background(lambda _, rows: asked.append(len(rows)) or vectors[rows])
    background.moments(snapshot, np.arange(10))
    background.moments(snapshot, np.arange(10))
    assert asked == [30, 10]
    snapshot.meta.revision = 2
    background.moments(snapshot, np.arange(10))
    assert asked == [30, 10, 30, 10]
    grown, vectors = sample_map(70, revision=2)
    background.moments(grown, np.array([69]))
    assert asked[-2:] == [70, 1]
