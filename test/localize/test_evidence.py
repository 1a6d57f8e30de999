# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from candidates_sample import sample_candidates

from vpr_ros.localize.evidence import (
    FEATURES,
    Support,
    fused_scores,
    gather,
    median,
    share_leads,
)
from vpr_ros.search import Candidates

RADIUS = 10.0


def filtered_by(chances):
    return dataclasses.replace(Support.none('sequence', len(chances)), places=chances)


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 30),
    poses=st.booleans(),
    support=st.booleans(),
)
def test_evidence_of_all_is_that_of_each_by_its_definition(seed, count, poses, support):
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 40, (count, 7))
    candidates = Candidates(
        np.arange(count),
        rng.uniform(-1, 1, count),
        np.full(count, -1),
        places if poses else np.full((count, 7), np.nan),
    )
    chances = rng.uniform(0, 1, count) if support else None
    filtered = None if chances is None else filtered_by(chances)

    evidence = gather(candidates, RADIUS, filtered)

    for i in range(count):
        away = np.linalg.norm(candidates.poses[:, :3] - candidates.poses[i, :3], axis=1)
        here = away <= RADIUS
        here[i] = True
        others = candidates.similarities[~here]
        assert evidence.similarities[i] == candidates.similarities[i]
        assert evidence.rival_similarities[i] == max(others, default=0.0)
        if len(others):
            assert candidates.ids[evidence.rivals[i]] == candidates.ids[~here][others.argmax()]
        else:
            assert evidence.rivals[i] == -1
        assert evidence.agreement[i] == here[:10].mean()
        chance = np.nan if chances is None else chances[i]
        np.testing.assert_equal(evidence.support[i], chance)

        one = gather(candidates, RADIUS, filtered, np.array([i])).features[0]
        np.testing.assert_array_equal(evidence.features[i], one)


def test_ordinary_rival_is_the_median_elsewhere():
    candidates = sample_candidates(
        (1, 0.9, 0), (2, 0.8, 50), (3, 0.3, 60), (4, 0.2, 70), (5, 0.9, 1)
    )
    evidence = gather(candidates, RADIUS)
    assert evidence.rival_similarities[0] == 0.8
    assert evidence.with_ordinary_rivals(candidates).rival_similarities[0] == 0.3


def test_evidence_of_the_frame_alone_has_no_support():
    candidates = sample_candidates((1, 0.9, 0), (2, 0.8, 50))
    evidence = gather(candidates, RADIUS, filtered_by(np.array([0.9, 0.1]))).of_frame(1)
    assert np.isnan(evidence.features[0, FEATURES.index('support')])
    assert evidence.features[0, 0] == 0.8


def test_inliers_elsewhere_speak_against_a_place_above_those_of_chance():
    candidates = sample_candidates((1, 0.9, 0), (2, 0.8, 50), (3, 0.7, 1), (4, 0.6, 90))

    def distinctness(*inliers):
        known = dataclasses.replace(candidates, inliers=np.array(inliers, float))
        features = gather(known, RADIUS, chance=40).features
        return features[0, FEATURES.index('inlier_distinctness')]

    # Those at the place itself do not count.
    assert distinctness(80, 0, 70, np.nan) == pytest.approx(np.log(80 / 40))
    assert distinctness(200, 100, 0, np.nan) == pytest.approx(np.log(2))
    # More than about twice as many say no more.
    assert distinctness(400, 0, 0, np.nan) == distinctness(200, 0, 0, np.nan)
    assert distinctness(30, 20, 0, 39) == 0
    assert np.isnan(distinctness(np.nan, 100, 0, 0))
    # Where nothing elsewhere was compared, nobody knows whether it matches as well.
    assert np.isnan(distinctness(80, np.nan, 70, np.nan))


def test_inliers_count_as_a_share_of_the_matches():
    candidates = sample_candidates((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6))
    column = FEATURES.index('inlier_share')
    assert np.isnan(gather(candidates, RADIUS).features[:, column]).all()
    known = dataclasses.replace(
        candidates,
        inliers=np.array([100.0, 50.0, 3.0, np.nan]),
        matches=np.array([190.0, 90.0, 5.0, np.nan]),
    )
    # Few matches tell less.
    np.testing.assert_allclose(gather(known, RADIUS).features[:, column], [0.5, 0.5, 0.2, np.nan])


def test_a_place_whose_things_are_of_another_size_is_less_congruent():
    candidates = sample_candidates((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6), (5, 0.5))
    assert np.isnan(gather(candidates, RADIUS).features[:, FEATURES.index('congruence')]).all()
    known = dataclasses.replace(candidates, deformations=np.array([0.05, 0.2, 1.0, 1e-9, np.nan]))
    near, far, alien, same, unknown = gather(known, RADIUS).features[
        :, FEATURES.index('congruence')
    ]
    assert same > near > far > alien == 0
    assert np.isfinite(same)
    assert np.isnan(unknown)
    # Corridors with the same doors are as alike as two pictures from one spot.
    alike = dataclasses.replace(candidates, deformations=np.full(5, 0.025))
    assert gather(alike, RADIUS).features[0, FEATURES.index('congruence')] == same


def test_nearness_is_the_deformation_beside_that_of_pictures_of_the_map():
    candidates = sample_candidates((1, 0.9), (2, 0.8), (3, 0.7), (4, 0.6))
    deformations, column = np.array([0.1, 0.1, 0.3, 0.1]), FEATURES.index('nearness')
    known = dataclasses.replace(candidates, deformations=deformations)
    assert np.isnan(gather(known, RADIUS).features[:, column]).all()
    parallaxes = np.array([0.2, 0.1, 0.2, np.nan])
    known = dataclasses.replace(known, parallaxes=parallaxes)
    found = gather(known, RADIUS).features[:, column]
    np.testing.assert_allclose(found[:3], -np.log(deformations / parallaxes)[:3])
    assert np.isnan(found[3])


def test_a_map_whose_places_repeat_each_other_makes_none_near_for_its_deformation():
    candidates = sample_candidates((1, 0.9), (2, 0.8))
    # Doors 6 m apart that look the same tell of less parallax than an open track has.
    known = dataclasses.replace(
        candidates, deformations=np.full(2, 0.1), parallaxes=np.array([0.0, 0.06])
    )
    with np.errstate(all='raise'):
        found = gather(known, RADIUS).features[:, FEATURES.index('nearness')]
    np.testing.assert_allclose(found, np.log(0.6))


def test_shares_of_inliers_count_beside_those_elsewhere():
    candidates = sample_candidates(
        (1, 0.9, 0), (2, 0.8, 1), (3, 0.7, 50), (4, 0.6, 90), (5, 0.5, 70)
    )
    assert np.isnan(share_leads(candidates, RADIUS)).all()
    known = dataclasses.replace(
        candidates,
        inliers=np.array([28.0, 20.0, 13.0, 8.0, np.nan]),
        matches=np.full(5, 90.0),
    )
    found = share_leads(known, RADIUS)
    # The median of those elsewhere is taken, 0.13 and 0.08; the second place is the first one.
    np.testing.assert_allclose(found[0], np.log(0.30 / 0.125))
    np.testing.assert_allclose(found[3], np.log(0.10 / 0.125))
    assert np.isnan(found[4])
    # One place elsewhere is too few to tell what is ordinary.
    alone = known.take([0, 1, 2])
    np.testing.assert_allclose(share_leads(alone, RADIUS)[0], np.log(0.30 / 0.22))


def test_fused_scores_prefer_the_share_of_inliers_to_a_small_gain_of_similarity():
    candidates = sample_candidates((1, 0.9), (2, 0.8), (3, 0.7))
    np.testing.assert_array_equal(fused_scores(candidates), candidates.similarities)
    known = dataclasses.replace(candidates, inliers=np.array([10, 100, np.nan]))
    np.testing.assert_allclose(fused_scores(known), [0.93, 1.1, 0.7])
    few = dataclasses.replace(candidates, inliers=np.array([1, 2, np.nan]))
    assert fused_scores(few).argmax() == 0
    none = dataclasses.replace(candidates, inliers=np.zeros(3))
    np.testing.assert_array_equal(fused_scores(none), candidates.similarities)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=9))
def test_median_is_that_of_numpy(values):
    assert median(np.array(values)) == np.median(values)
