# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from shared_data import DATA

from vpr_ros import models
from vpr_ros.errors import BagError
from vpr_ros.inputs.folders import FolderError
from vpr_ros.training import traverses
from vpr_ros.training.recipe import TraversePair
from vpr_ros.training.traverses import Described, TraverseRecall, open_traverse, rankings


def _recall(pair):
    return TraverseRecall([pair], 128).measure(models.create('hog'), torch.device('cpu'))


def test_a_tolerance_counts_images_of_a_folder(photographs, tmp_path):
    """Shifted by two, every image is two away from itself, but for two that are missing."""
    shifted = tmp_path / 'shifted'
    shifted.mkdir()
    for path in sorted(photographs.iterdir())[2:]:
        shutil.copy(path, shifted)
    assert _recall(TraversePair('p', str(photographs), str(shifted), 2))['p/float_r1'] == 100
    assert _recall(TraversePair('p', str(photographs), str(shifted), 1))['p/float_r1'] == 0


def test_names_with_positions_count_in_metres(photographs, tmp_path):
    for side, offset in (('map', 0.0), ('query', 20.0)):
        (tmp_path / side).mkdir()
        for i, path in enumerate(sorted(photographs.iterdir())):
            shutil.copy(path, tmp_path / side / f'@{500000 + 100 * i + offset}@4000000.0@x@.png')
    sides = str(tmp_path / 'map'), str(tmp_path / 'query')
    assert _recall(TraversePair('p', *sides, 25))['p/float_r1'] == 100
    assert _recall(TraversePair('p', *sides, 15))['p/float_r1'] == 0


def test_only_listed_queries_count(photographs, tmp_path):
    for side, offset in (('map', 0.0), ('query', 20.0)):
        (tmp_path / side).mkdir()
        for i, path in enumerate(sorted(photographs.iterdir())):
            wrong = 5000 if side == 'query' and i > 2 else 0
            name = f'@{500000 + 100 * i + offset + wrong}@4000000.0@x@key{i}@.png'
            shutil.copy(path, tmp_path / side / name)
    keys = tmp_path / 'keys.txt'
    keys.write_text('key0 key1 key3 key2')
    pair = TraversePair('p', str(tmp_path / 'map'), str(tmp_path / 'query'), 25)
    assert _recall(pair)['p/float_r1'] == pytest.approx(25)
    assert _recall(replace(pair, queries_list=str(keys)))['p/float_r1'] == pytest.approx(75)
    with pytest.raises(FolderError, match='cannot be read'):
        _recall(replace(pair, queries_list=str(tmp_path / 'none.txt')))
    keys.write_text('nobody')
    with pytest.raises(FolderError, match='none of the 12 queries'):
        _recall(replace(pair, queries_list=str(keys)))


def test_blocks_of_queries_change_nothing(photographs, monkeypatch):
    pair = TraversePair('p', str(photographs), str(photographs), 1)
    whole = _recall(pair)
    monkeypatch.setattr(traverses, '_BLOCK', 5)
    assert _recall(pair) == whole


def test_bags_count_in_metres():
    bag = DATA / 'bags' / 'campus_route_toshiki'
    if not bag.is_dir():
        pytest.skip(f'{bag} is not there')
    traverse = open_traverse(str(bag))
    assert len(traverse.images) == len(traverse.poses) == 72
    figures = _recall(TraversePair('p', str(bag), str(bag), 0))
    assert figures['p/float_r1'] == 100


def test_something_else_is_refused(tmp_path):
    with pytest.raises(BagError):
        open_traverse(str(tmp_path / 'nothing'))


def test_codes_choose_candidates_and_floats_rank_them():
    """Of 101 images, the one that is best by floats is last by code."""
    rng = np.random.default_rng(1)
    descriptors = rng.normal(size=(101, 8)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    codes = rng.integers(0, 256, (101, 4), np.uint8)
    query = Described(descriptors[:1], ~codes[:1])
    ranked = rankings(Described(descriptors, codes), query)
    assert ranked['float'][0, 0] == 0
    assert 0 not in ranked['binary'][0]
    by_floats = np.argsort(-(descriptors @ query.descriptors[0]))
    assert ranked['binary'][0].tolist() == [row for row in by_floats if row != 0][:10]
    assert set(rankings(Described(descriptors, None), query)) == {'float'}
