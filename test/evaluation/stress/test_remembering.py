# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest

from vpr_ros.evaluation.stress.recording import Shot
from vpr_ros.evaluation.stress.remembering import RememberingVerifier
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.localize import Reranking, Verifier
from vpr_ros.localize.verification import SiftDetector
from vpr_ros.search import Candidates


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


def test_a_candidate_compared_in_another_mode_is_not_compared_in_this_one(candidates):
    remembering = RememberingVerifier(Verifier(Thumbnails(), SiftDetector()), Thumbnails())
    remembering.shot = Shot(lambda: board(1))
    remembering.comparison(board(1)).reranked(candidates, Reranking(3))
    again = remembering.comparison(board(1)).reranked(candidates, Reranking(1))
    assert np.isnan(again.inliers).sum() == 2
