# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Matches of what is fixed to the camera: its own bonnet, dirt on the lens, burnt-in text."""

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from textured_boards import HEIGHT, WIDTH, World, mapped

from vpr_ros.geometry import Pose
from vpr_ros.localize import Verifier
from vpr_ros.localize.verification import SiftDetector
from vpr_ros.localize.verification.fixed_edges import FixedEdges, sampled_places
from vpr_ros.localize.verification.local_features import LocalFeatures
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('numbers', '0' * 64, 8, 8, 'none', trained=True)
DESCRIPTION = Description(np.eye(8, dtype=np.float32)[0], np.uint8([1]))
COUNT = 8
ELSEWHERE = 99


def plain(picture):
    return picture


def bonnet(picture):
    shown, top = picture.copy(), HEIGHT * 6 // 10
    texture = np.random.default_rng(5).integers(0, 256, (12, 40, 3), np.uint8)
    shown[top:] = cv2.resize(texture, (WIDTH, HEIGHT - top), interpolation=cv2.INTER_CUBIC)
    return shown


def text(picture):
    shown = picture.copy()
    for number, line in enumerate(('CAM 1 FRONT 2026-11-28', 'SPEED 12.4 km/h BAT 87%', 'GPS OK')):
        where = (6, 24 + 60 * number)
        cv2.putText(shown, line, where, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255, 255, 255), 2)
    return shown


def scratches(picture):
    shown, rng = picture.copy(), np.random.default_rng(2)
    for a in rng.uniform(0, 1, (30, 2)) * (WIDTH, HEIGHT):
        b = a + rng.normal(0, 30, 2)
        ends = [tuple(int(v) for v in end) for end in (a, b)]
        cv2.line(shown, *ends, tuple(int(v) for v in rng.uniform(180, 255, 3)), 2)
    return shown


def seen(seed, how, x=0.0):
    """Return the picture of a place that nothing else resembles."""
    return how(World(seed).seen_from(Pose.planar(x, 0, 0)))


def drive(path, how, *, apart=20.0, count=COUNT, cameras=('',)):
    views = [(seen(i, how), Pose.planar(apart * i, 0, 0)) for i in range(count)]
    return mapped(path, views, cameras)


def inliers(place_map, picture):
    """Return the inliers of a picture with each place."""
    verifier = Verifier(place_map, SiftDetector())
    (query,) = verifier.load([], [picture])
    return [verifier.compare(query, int(key)).inliers for key in place_map.ids]


@pytest.mark.parametrize('how', [bonnet, text, scratches])
def test_what_is_fixed_to_the_camera_verifies_no_place(tmp_path, how):
    chance = SiftDetector.rule.chance
    with drive(tmp_path / 'few.vprmap', how, count=3) as few:
        assert max(inliers(few, seen(ELSEWHERE, how))) > 2 * chance  # three places do not tell
    with drive(tmp_path / 'drive.vprmap', how) as place_map:
        assert max(inliers(place_map, seen(ELSEWHERE, how))) <= chance


@pytest.mark.parametrize('how', [plain, bonnet, text, scratches])
def test_a_place_stays_verified(tmp_path, how):
    with drive(tmp_path / 'drive.vprmap', how) as place_map:
        found = inliers(place_map, seen(3, how, x=0.4))
    assert int(np.argmax(found)) == 3
    assert found[3] >= SiftDetector.rule.least


def test_a_robot_at_the_very_place_of_mapping_is_verified_by_all_that_it_sees(tmp_path):
    with drive(tmp_path / 'drive.vprmap', plain) as place_map:
        found = inliers(place_map, seen(3, plain))
        verifier = Verifier(place_map, SiftDetector())
        (query,) = verifier.load([], [seen(3, plain)])
        alone = verifier.detector.match(query, verifier.features(int(place_map.ids[3])))
    assert found[3] > 0.8 * len(alone)


def test_places_that_show_the_same_things_tell_nothing_of_the_camera(tmp_path):
    with drive(tmp_path / 'near.vprmap', bonnet, apart=1.0) as place_map:
        columns = place_map.snapshot.columns
        chosen = sampled_places(columns, int(columns.sessions[0]), int(columns.cameras[0]))
        assert chosen == [int(place_map.ids[0])]


def test_each_camera_is_sampled_by_itself(tmp_path):
    cameras = 'front', 'rear'
    with drive(tmp_path / 'two.vprmap', plain, cameras=cameras) as place_map:
        columns = place_map.snapshot.columns
        session = int(columns.sessions[0])
        front, rear = (sampled_places(columns, session, int(columns.cameras[i])) for i in (0, 1))
    assert front == [1, 3, 5, 7]
    assert rear == [2, 4, 6, 8]


def test_matches_that_move_or_are_of_another_size_stay():
    edges = FixedEdges([seen(i, bonnet) for i in range(COUNT)])
    points = np.argwhere(np.ones((8, 30)))[:, ::-1].astype(np.float32) * 8 + (30, 110)
    points = points.astype(np.float32)
    query = LocalFeatures(points, np.zeros((len(points), 1), np.float32), (WIDTH, HEIGHT))
    matches = np.repeat(np.arange(len(points))[:, None], 2, axis=1)
    moved = LocalFeatures(points + 9, query.descriptors, query.size)
    larger = LocalFeatures(points, query.descriptors, (2 * WIDTH, 2 * HEIGHT))
    assert len(edges.without(query, query, matches)) < 0.2 * len(matches)
    assert len(edges.without(query, moved, matches)) == len(matches)
    assert len(edges.without(query, larger, matches)) == len(matches)
    assert len(FixedEdges([]).without(query, query, matches)) == len(matches)
