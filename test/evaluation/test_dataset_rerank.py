# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Answers of a data set re-ranked by local features."""

import numpy as np
import pytest
from dataset_sample import utm_name, write

from vpr_ros.evaluation.dataset_rerank import reranked
from vpr_ros.evaluation.dataset_search import Ranking
from vpr_ros.evaluation.datasets import Dataset, folder_pair, utm_images
from vpr_ros.evaluation.metrics import Tolerance
from vpr_ros.localize import Reranking
from vpr_ros.localize.verification import SiftDetector

PLACES = 4


def blocks(seed, shift=0):
    """Return a picture with many corners, perhaps seen from a little further left."""
    tiles = np.random.default_rng(seed).integers(0, 256, (15, 24, 3), np.uint8)
    return tiles.repeat(12, 0).repeat(12, 1)[:, shift : shift + 240]


@pytest.fixture
def town(tmp_path):
    base = tmp_path / 'images' / 'test'
    for folder, shift in (('database', 0), ('queries', 9)):
        write(
            base / folder,
            {utm_name(500_000 + 50 * i, 5_500_000): blocks(i, shift) for i in range(PLACES)},
        )
    database, queries = (
        utm_images(path) for path in folder_pair(tmp_path, 'test', 'database', 'queries')
    )
    return Dataset('town', 'utm', database, queries, Tolerance(25.0))


def ranking(rows):
    scores = np.tile(np.linspace(0.9, 0.8, len(rows[0]), dtype=np.float32), (len(rows), 1))
    return Ranking(np.array(rows, np.int64), scores, 0.0)


def test_image_that_local_features_match_comes_first(town):
    rows = [[(query + 1 + i) % PLACES for i in range(PLACES)] for query in range(PLACES)]
    found = reranked(town, ranking(rows), SiftDetector(), Reranking(PLACES))
    assert found.rows[:, 0].tolist() == [0, 1, 2, 3]
    assert (found.scores[:, 0] > 50).all()
    assert (np.sort(found.rows, axis=1) == np.arange(PLACES)).all()
    assert found.seconds > 0


def test_images_behind_the_first_few_keep_their_order_and_have_no_score(town):
    rows = [[1, 2, 3, 0], [0, 1, 2, 3], [0, 1, 3, 2], [0, 1, 2, 3]]
    found = reranked(town, ranking(rows), SiftDetector(), Reranking(2))
    assert found.rows.tolist() == [[1, 2, 3, 0], [1, 0, 2, 3], [0, 1, 3, 2], [0, 1, 2, 3]]
    assert np.isnan(found.scores[:, 2:]).all()


def test_unreadable_images_are_passed_over(town):
    town.database.paths[0].write_bytes(b'no picture')
    town.queries.paths[3].write_bytes(b'no picture')
    rows = [[1, 2, 0, -1], [0, 1, -1, -1], [2, 1, 0, 3], [-1] * 4]
    found = reranked(town, ranking(rows), SiftDetector(), Reranking(3))
    assert found.rows[1].tolist() == [1, 0, -1, -1]
    assert found.rows[3].tolist() == [-1] * 4
