# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from pictures import blocks

from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.search.map_health import map_health
from vpr_ros.search.self_similarity import self_similarity
from vpr_ros.types import Description, ModelInfo

DIM = 64
MODEL = ModelInfo('test-net', 'weights', DIM, 0, 'none', trained=True)
PICTURE = encode_thumbnail(blocks(), 64)


def way(count, seed=0, step=0.25):
    """Return descriptors (count, DIM) that change from place to place by so much."""
    rng = np.random.default_rng(seed)
    ends = rng.standard_normal((2 + int(count * step), DIM))
    at = np.arange(count) * step
    low, part = at.astype(int), (at % 1)[:, None]
    return ends[low] * (1 - part) + ends[low + 1] * part


@pytest.fixture
def examine(tmp_path):
    """Examine a map of traverses, each of descriptors and positions along x."""
    made = []

    def examined(*traverses, thumbnails=(), camera=(), most=4096, yaws=()):
        place_map = MapWriter.create(tmp_path / f'{len(made)}.vprmap', MODEL)
        made.append(place_map)
        for number, (vectors, positions) in enumerate(traverses):
            session = place_map.begin_session(str(number), 0)
            units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
            for i, (vector, x) in enumerate(zip(units, positions, strict=True)):
                pose = None if x is None else Pose.planar(x, 0, yaws[number] if yaws else 0)
                jpeg = thumbnails[i] if thumbnails else PICTURE
                name = camera[number] if camera else ''
                description = Description(vector.astype(np.float32))
                place = NewPlace(description, session, i, pose, camera=name, thumbnail=jpeg)
                place_map.add([place])
        return map_health(place_map, self_similarity(place_map, most=most))

    yield examined
    for place_map in made:
        place_map.close()


def test_map_of_places_all_of_which_differ_is_healthy(examine):
    health = examine((way(60), np.arange(60.0)))
    assert health.healthy
    assert (health.places, health.examined, health.distinct) == (60, 60, 'good')
    assert health.distinctness > health.least_distinctness > 0


def test_stretches_that_look_alike_are_named_once(examine):
    vectors = way(80)
    vectors[50:60] = vectors[10:20] + 0.05 * way(10, seed=1)
    health = examine((vectors, np.arange(80.0)))
    assert not health.healthy
    (pair,) = health.look_alikes
    # Identities begin with 1; places next to the ends of a stretch may belong to it or not.
    for (first, last), start in ((pair.places, 11), (pair.resembles, 51)):
        assert start - 5 <= first <= start + 3
        assert start + 6 <= last <= start + 14
    assert pair.similarity > 0.97
    assert pair.metres == pytest.approx(40)
    assert pair.count >= 8


def test_another_drive_along_the_same_way_is_no_look_alike(examine):
    vectors, positions = way(60), np.arange(60.0)
    assert examine((vectors, positions), (vectors + 0.1 * way(60, 1), positions)).healthy


def test_view_that_changes_at_each_step_does_not_count_as_look_alike(examine):
    vectors = way(60)
    vectors[30:33] = np.random.default_rng(3).standard_normal((3, DIM))
    assert examine((vectors, np.arange(60.0))).look_alikes == ()


def test_sample_finds_stretches_too(examine):
    vectors = way(200)
    vectors[120:150] = vectors[10:40]
    health = examine((vectors, np.arange(200.0)), most=50)
    assert (health.places, health.examined) == (200, 50)
    (pair,) = health.look_alikes
    assert pair.places[0] < 30
    assert pair.resembles[1] >= 120


def test_places_without_poses_are_counted_and_compared_in_their_order(examine):
    vectors = way(80)
    vectors[50:60] = vectors[10:20]
    health = examine((vectors, [None] * 80), (vectors, [None] * 80))
    assert health.poseless == 160
    assert health.gaps == ()
    # Another drive without poses may be anywhere: only stretches within each are named.
    assert len(health.look_alikes) == 2
    assert all(np.isnan(pair.metres) for pair in health.look_alikes)
    assert [pair.places[1] < 81 for pair in health.look_alikes] == [True, False]


def test_long_step_is_a_gap_unless_another_drive_fills_it(examine):
    positions = np.concatenate([np.arange(30.0), np.arange(40.0, 70.0)])
    health = examine((way(60), positions))
    (gap,) = health.gaps
    assert (gap.before, gap.after) == (30, 31)
    assert (gap.metres, gap.spacing, gap.middle) == (pytest.approx(11), 1, (34.5, 0, 0))
    assert not health.healthy
    filled = examine((way(60), positions), (way(20, 5), np.arange(25.0, 45.0)))
    assert filled.gaps == ()


def test_both_cameras_of_a_robot_have_one_gap(examine):
    positions = np.concatenate([np.arange(30.0), np.arange(40.0, 70.0)])
    health = examine((way(60), positions), (way(60, 1), positions), camera=('front', 'rear'))
    assert len(health.gaps) == 1


@pytest.mark.parametrize('spacing', [0.5, 4.0])
def test_steps_within_reach_or_of_a_sparse_map_are_no_gaps(examine, spacing):
    positions = spacing * np.arange(60)
    positions[30:] += 1.9 if spacing == 0.5 else 7.9
    assert examine((way(60), positions)).gaps == ()


def test_blank_places_are_named_with_the_reason(examine):
    thumbnails = [PICTURE] * 40
    thumbnails[7] = encode_thumbnail(np.full((48, 64, 3), 90, np.uint8), 64)
    health = examine((way(40), np.arange(40.0)), thumbnails=thumbnails)
    (blank,) = health.blank
    assert blank.place == 8
    assert 'shows nothing' in blank.reason
    assert not health.healthy


def test_places_without_thumbnails_are_unknown(examine):
    health = examine((way(40), np.arange(40.0)), thumbnails=[PICTURE, *[None] * 39])
    assert (health.unseen, health.blank) == (39, ())


def test_ways_back_look_elsewhere_and_are_not_beside(examine):
    positions = np.arange(60.0)
    there, back = way(60), way(60, 9)
    health = examine((there, positions), (back, positions), yaws=(0, np.pi))
    assert health.distinct == 'good'
    assert health.healthy


@pytest.mark.parametrize('count', [0, 1, 4])
def test_little_map_has_nothing_to_say(examine, count):
    health = examine((way(count), np.arange(float(count))))
    assert health.distinct == 'unknown'
    assert health.look_alikes == health.gaps == ()
    assert asdict(health)['places'] == count


def test_map_whose_places_all_look_alike_is_poor(examine):
    vectors = np.ones((60, DIM)) + 0.01 * way(60, step=0.9)
    health = examine((vectors, np.arange(60.0)))
    assert health.distinct == 'poor'
    assert not health.healthy
