# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from vpr_ros.evaluation.stress.recording import Shot
from vpr_ros.evaluation.stress.remembering import RememberingVerifier
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.localize import Reranking, Verifier
from vpr_ros.localize.verification import SiftDetector
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.search import Candidates
from vpr_ros.types import Description, ModelInfo


def board(number):
    """Return a picture with many corners."""
    rng = np.random.default_rng(number)
    picture = np.full((240, 320, 3), 128, np.uint8)
    for _ in range(120):
        corner, size = rng.integers(0, 300, 2), rng.integers(8, 40, 2)
        colour = rng.integers(0, 256, 3).tolist()
        cv2.rectangle(picture, corner.tolist(), (corner + size).tolist(), colour, -1)
    return picture


class Thumbnails:
    """Pictures of places."""

    def thumbnail(self, place_id):
        return encode_thumbnail(board(place_id), 320)


class CountingDetector(SiftDetector):
    """Counts what it is asked for."""

    def __init__(self):
        super().__init__()
        self.detected = self.matched = 0

    def detect(self, pictures):
        self.detected += len(pictures)
        return super().detect(pictures)

    def match(self, query, place):
        self.matched += 1
        return super().match(query, place)


@pytest.fixture
def candidates():
    ids = np.array([1, 2, 3])
    return Candidates(ids, np.array([0.9, 0.8, 0.7]), ids, np.zeros((3, 7)))


def test_each_picture_is_compared_with_each_place_once_and_as_without_memory(candidates):
    detector = CountingDetector()
    plain = Verifier(Thumbnails(), SiftDetector())
    remembering = RememberingVerifier(Verifier(Thumbnails(), detector), Thumbnails())
    shots = [Shot(lambda: board(2)), Shot(lambda: board(3))]
    counts = []
    for _ in range(3):
        for shot in shots:
            remembering.shot = shot
            found = remembering.comparison(shot.rgb).reranked(candidates, Reranking(2))
            wanted = plain.comparison(shot.rgb).reranked(candidates, Reranking(2))
            assert found.ids.tolist() == wanted.ids.tolist()
            assert found.inliers == pytest.approx(wanted.inliers, nan_ok=True)
        counts.append((detector.detected, detector.matched))
    assert counts == [(4, 4)] * 3


def strip(number):
    """Return a picture of a long board, ten pixels further along than the one before."""
    board = np.full((240, 600, 3), 128, np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(300):
        corner, size = rng.integers(0, (580, 220)), rng.integers(8, 40, 2)
        colour = rng.integers(0, 256, 3).tolist()
        cv2.rectangle(board, corner.tolist(), (corner + size).tolist(), colour, -1)
    return np.ascontiguousarray(board[:, 10 * number : 10 * number + 320])


def strip_map(path, metres):
    """Return a map of twelve places along a board, so far apart."""
    model = ModelInfo('numbers', '0' * 64, 8, 8, 'none', trained=True)
    description = Description(np.eye(8, dtype=np.float32)[0], np.uint8([1]))
    place_map = MapWriter.create(path, model)
    session = place_map.begin_session('drive', 0)
    for i in range(12):
        thumbnail = encode_thumbnail(strip(i), 320)
        pose = Pose.planar(metres * i, 0, 0)
        place_map.add([NewPlace(description, session, i, pose, thumbnail=thumbnail)])
    return place_map


def all_of(place_map):
    """Return every place as a candidate, in the order of adding."""
    rows = np.arange(12)
    return Candidates.found(place_map.snapshot, rows, np.linspace(0.9, 0.2, 12), np.full(12, -1))


def test_what_is_learnt_of_the_map_does_not_pass_for_a_comparison_of_a_picture(tmp_path):
    with strip_map(tmp_path / 'board.vprmap', 1.0) as place_map:
        plain = Verifier(place_map, SiftDetector())
        remembering = RememberingVerifier(Verifier(place_map, SiftDetector()), place_map)
        candidates = all_of(place_map)
        for number in (20, 3):
            shot = remembering.shot = Shot(lambda number=number: strip(number))
            for first in (slice(1), slice(12)):
                asked = candidates.take(np.arange(12)[first])
                found = remembering.comparison(shot.rgb).reranked(asked, Reranking(12))
                wanted = plain.comparison(shot.rgb).reranked(asked, Reranking(12))
                assert found.ids.tolist() == wanted.ids.tolist()
                for name in ('inliers', 'matches', 'deformations', 'parallaxes'):
                    np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
                assert np.isfinite(found.parallaxes).all()


def test_what_is_learnt_of_one_copy_of_the_map_is_not_taken_for_another(tmp_path):
    with (
        strip_map(tmp_path / 'dense.vprmap', 1.0) as dense,
        strip_map(tmp_path / 'sparse.vprmap', 2.5) as sparse,
    ):
        remembering = RememberingVerifier(Verifier(dense, SiftDetector()), dense)
        remembering.shot = Shot(lambda: strip(3))
        for place_map in (dense, sparse):
            remembering.search(place_map)
            plain = Verifier(place_map, SiftDetector())
            found, wanted = (
                each.comparison(strip(3)).reranked(all_of(place_map), Reranking(12))
                for each in (remembering, plain)
            )
            np.testing.assert_array_equal(found.parallaxes, wanted.parallaxes)


def test_a_candidate_compared_in_another_mode_is_not_compared_in_this_one(candidates):
    remembering = RememberingVerifier(Verifier(Thumbnails(), SiftDetector()), Thumbnails())
    remembering.shot = Shot(lambda: board(1))
    remembering.comparison(board(1)).reranked(candidates, Reranking(3))
    again = remembering.comparison(board(1)).reranked(candidates, Reranking(1))
    assert np.isnan(again.inliers).sum() == 2
