# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much the pictures of a map change in shape over five metres."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from textured_boards import World, mapped

from vpr_ros.geometry import Pose
from vpr_ros.geometry.two_view import TwoView
from vpr_ros.localize import Verifier
from vpr_ros.localize.verification import Reranking, SiftDetector
from vpr_ros.localize.verification.parallax import neighbouring_places, parallax
from vpr_ros.search import Candidates


def seen(world, poses):
    """Return what is seen of a world from poses, and these; of none nothing."""
    return [(world and world.seen_from(pose), pose) for pose in poses]


def pairs_of(place_map):
    columns = place_map.snapshot.columns
    return neighbouring_places(columns, int(columns.cameras[0]))


def view(inliers, deformation):
    return TwoView(np.ones(inliers), deformation)


def of_views(views):
    """Return the parallax of views and the metres between their pictures."""
    pairs = [(i, i, metres) for i, (_, metres) in enumerate(views)]
    return parallax(pairs, lambda first, _: views[first][0], 15)


def test_neighbours_are_some_metres_apart_and_look_the_same_way(tmp_path):
    along = [Pose.planar(x, 0, 0) for x in np.arange(0, 400, 1.0)]
    back = [Pose.planar(x, 0, np.pi) for x in np.arange(0.5, 400, 1.0)]
    with mapped(tmp_path / 'street.vprmap', seen(None, [*along, None, *back])) as place_map:
        pairs = pairs_of(place_map)
        poses = place_map.snapshot.columns.poses
    assert len(pairs) == 24
    for first, second, metres in pairs:
        assert metres == pytest.approx(5)
        a, b = (Pose.from_array(poses[i - 1]) for i in (first, second))
        assert a.distance_to(b) == pytest.approx(metres)
        assert a.angle_to(b) == 0


def test_neighbours_are_spread_along_the_way_where_a_robot_stood_for_long(tmp_path):
    stood = [Pose.planar(20.0, 0, 0)] * 400
    poses = [Pose.planar(x, 0, 0) for x in np.arange(0, 20, 1.0)] + stood
    poses += [Pose.planar(x, 0, 0) for x in np.arange(21, 60, 1.0)]
    with mapped(tmp_path / 'street.vprmap', seen(None, poses)) as place_map:
        firsts = [poses[first - 1].position[0] for first, *_ in pairs_of(place_map)]
    assert len(firsts) == 24
    assert firsts.count(20.0) <= 1
    assert max(firsts) == 59


def test_neighbours_are_found_where_two_robots_mapped_by_turns(tmp_path):
    poses = [Pose.planar(x, 0, 0) for x in np.arange(0, 100, 1.0)]
    with mapped(tmp_path / 'street.vprmap', seen(None, poses + poses)) as place_map:
        columns = place_map.snapshot.columns
    by_turns = np.arange(200).reshape(2, 100).T.ravel()
    columns = replace(columns.take(by_turns), sessions=np.tile([1, 2], 100))
    pairs = neighbouring_places(columns, int(columns.cameras[0]))
    assert len(pairs) == 24
    assert len({first for first, *_ in pairs if first <= 100}) == 12


@pytest.mark.parametrize(
    'poses', [[], [None] * 9, [Pose.planar(50.0 * i, 0, 0) for i in range(9)]]
)
def test_a_map_may_have_no_neighbours(tmp_path, poses):
    with mapped(tmp_path / 'street.vprmap', seen(None, [*poses, None])) as place_map:
        assert pairs_of(place_map) == []
    assert np.isnan(of_views([]))


def test_parallax_is_the_median_deformation_over_five_metres():
    views = [(view(50, 0.1), 5.0), (view(50, 0.05), 1.25), (view(50, 0.4), 5.0)] * 3
    assert of_views(views) == pytest.approx(0.1)
    few = [*views[:5], *[(view(14, 0.1), 5.0)] * 9, (None, 5.0)]
    assert np.isnan(of_views(few))


def test_candidates_of_a_map_of_near_places_tell_its_parallax(tmp_path):
    world = World(3)
    near = [Pose.planar(0.5 * i, 0, 0) for i in range(8)]
    for name, poses in (('near', near), ('sparse', near[::4])):
        with mapped(tmp_path / f'{name}.vprmap', seen(world, poses)) as place_map:
            verifier = Verifier(place_map, SiftDetector())
            rows = np.arange(len(poses))
            candidates = Candidates.found(
                place_map.snapshot, rows, np.full(len(rows), 0.5), np.full(len(rows), -1)
            )
            picture = world.seen_from(Pose.planar(0.1, 0, 0))
            found = verifier.comparison(picture).reranked(candidates, Reranking(2))
        told = found.parallaxes[np.isfinite(found.inliers)]
        assert len(told) == 2
        if name == 'near':
            assert told[0] == told[1] > 0.02
        else:
            assert np.isnan(told).all()


class CountingDetector(SiftDetector):
    """Counts the pictures that it is given."""

    count = 0

    def detect(self, pictures):
        self.count += len(pictures)
        return super().detect(pictures)


def test_no_image_waits_for_what_is_learnt_of_the_map(tmp_path):
    world, detector = World(3), CountingDetector()
    poses = [Pose.planar(0.5 * i, 0, 0) for i in range(12)]
    with mapped(tmp_path / 'near.vprmap', seen(world, poses)) as place_map:
        verifier = Verifier(place_map, detector)
        verifier.learn()
        before = detector.count
        assert before > 8
        ids = np.arange(1, 3)
        candidates = Candidates.found(place_map.snapshot, ids - 1, np.full(2, 0.5), np.full(2, -1))
        verifier.comparison(world.seen_from(poses[1])).reranked(candidates, Reranking(2))
        assert detector.count == before + 1
