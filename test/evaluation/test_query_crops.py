# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Crops of queries: where they lie, and what is made of their descriptions."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest
from dataset_sample import GreyDescriber, write
from test_commands import run

from vpr_ros.evaluation.dataset_search import Ranking
from vpr_ros.evaluation.datasets import bare_images
from vpr_ros.evaluation.description_store import describe_images
from vpr_ros.evaluation.query_crops import CROPS, CropMeans, Square, nearest_of_crops


def five_crops(rgb):
    """Return the corners and the centre, as torchvision cuts them."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    down, right = height - side, width - side
    middle = round(down / 2), round(right / 2)
    corners = [(0, 0), (0, right), (down, 0), (down, right), middle]
    return [rgb[y : y + side, x : x + side] for y, x in corners]


@pytest.mark.parametrize('shape', [(40, 61), (61, 40), (40, 40), (1, 9)])
def test_three_squares_of_which_two_count_twice_are_the_five_crops(shape):
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    first, last, centre = (cut(rgb) for cut in CROPS['five-crops'])
    wanted = sorted(crop.tobytes() for crop in five_crops(rgb))
    assert sorted(crop.tobytes() for crop in (first, last, first, last, centre)) == wanted
    assert np.array_equal(Square(0.5)(rgb), five_crops(rgb)[-1])


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(2)
    coarse = {f'{i}.png': rng.integers(0, 256, (4, 7, 3), np.uint8) for i in range(4)}
    return write(
        tmp_path / 'queries',
        {name: cv2.resize(value, (70, 40)) for name, value in coarse.items()},
    )


@pytest.mark.parametrize('bits', [0, 64])
def test_descriptions_of_five_crops_are_their_mean_and_the_bits_of_most(folder, tmp_path, bits):
    images, describer = bare_images(folder), GreyDescriber(code_bits=bits)
    crops = describe_images(images, describer, tmp_path / 'c', batch=5, cuts=CROPS['five-crops'])
    means = CropMeans(crops)
    assert len(means) == len(images.paths)
    for row, path in enumerate(images.paths):
        rgb = cv2.imread(str(path))[..., ::-1]
        each = describer.describe(five_crops(rgb))
        mean = np.mean([one.descriptor for one in each], axis=0)
        assert np.allclose(means.rows(slice(row, row + 1))[0], mean, atol=1e-6)
        if bits:
            votes = np.sum([np.unpackbits(one.code) for one in each], axis=0)
            assert np.array_equal(np.unpackbits(means.codes[row]), votes > 2)
    assert (means.codes is None) is (bits == 0)
    whole = describe_images(images, describer, tmp_path / 'c', batch=5)
    assert len(whole) == 4, 'kept in a file of their own'


def test_a_query_is_answered_by_its_nearest_crop_and_each_image_once():
    rows = np.array([[3, 1], [1, 2], [3, 0], [5, -1], [-1, -1], [5, 4]])
    scores = np.array(
        [[0.5, 0.4], [0.9, 0.1], [0.7, 0.2], [0.3, np.nan], [np.nan, np.nan], [0.2, 0.1]],
        np.float32,
    )
    found = nearest_of_crops(Ranking(rows, scores, 1.0))
    assert found.rows.tolist() == [[1, 3], [5, 4]]
    assert np.allclose(found.scores, [[0.9, 0.7], [0.3, 0.1]])
    assert found.seconds == 3.0


def test_the_command_finds_by_crops_what_the_whole_image_hides(tmp_path, monkeypatch, capsys):
    """Queries are wide, and the database has the left end of each."""
    monkeypatch.setattr('vpr_ros.describe.Describer', lambda *_, **__: GreyDescriber())
    rng = np.random.default_rng(5)
    wide = [cv2.resize(rng.integers(0, 256, (4, 12, 3), np.uint8), (180, 60)) for _ in range(6)]
    root = tmp_path / 'own'
    write(root / 'queries', {f'{i}.png': image for i, image in enumerate(wide)})
    write(root / 'database', {f'{i}.png': image[:, :60] for i, image in enumerate(wide)})
    words = ('evaluate', 'dataset', root, '--format', 'frames', '--tolerance', 0, '--json')
    recall = {}
    for method in ('hard-resize', 'central-crop', 'five-crops', 'nearest-crop'):
        kept = ('--cache', tmp_path / 'c', '--verify', 'none')
        assert run(*words, *kept, '--test-method', method) == 0
        result = json.loads(capsys.readouterr().out)
        assert result['setup']['test_method'] == method
        recall[method] = result['summary']['float']['recall']['1']
    assert recall['nearest-crop'] == 1.0
    assert recall['five-crops'] >= 0.8 > max(recall['hard-resize'], recall['central-crop'])
    assert run(*words, '--test-method', 'five-crops', '--batch-size', 4) == 2
    assert 'do not belong in batches' in capsys.readouterr().err
