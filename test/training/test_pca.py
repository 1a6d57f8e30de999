# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from vpr_ros.describe import Describer
from vpr_ros.errors import ModelError
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.maps.coder import PcaReducer
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.pca import PcaRecipe, draw, fit_pca, read_pca


def test_components_are_fitted_on_descriptors_and_come_with_their_model(photographs, tmp_path):
    recipe = PcaRecipe('pca', 'hog', {'kind': 'photos', 'folder': str(photographs)}, dim=4)
    told = []
    path = tmp_path / 'pca.safetensors'
    fit_pca(recipe, path, lambda *done: told.append(done))
    with safe_open(path, 'numpy') as file:
        metadata = json.loads(file.metadata()['vpr_ros'])
        reducer = PcaReducer(file.get_tensor('mean'), file.get_tensor('projection'))
    assert (metadata['model'], metadata['id']) == ('hog', reducer.id)
    assert told[-1] == (12, 12)
    images = [ImageFile(p).rgb for p in sorted(photographs.iterdir())]
    rows = np.stack([d.descriptor for d in Describer('hog', threads=1).describe(images)])
    _, values, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    kept = np.linalg.norm((rows - reducer.mean) @ reducer.projection, axis=0)
    assert kept == pytest.approx(values[:4], rel=1e-3)


@pytest.mark.parametrize('damaged', ['mean', 'projection'])
def test_components_that_are_not_finite_are_refused(photographs, tmp_path, damaged):
    recipe = PcaRecipe('pca', 'hog', {'kind': 'photos', 'folder': str(photographs)}, dim=4)
    path = tmp_path / 'pca.safetensors'
    fit_pca(recipe, path, lambda *_: None)
    with safe_open(path, 'numpy') as file:
        arrays = {name: file.get_tensor(name) for name in ('mean', 'projection')}
        metadata = file.metadata()
    arrays[damaged][3] = np.inf
    save_file(arrays, path, metadata)
    with pytest.raises(ModelError, match='is no file of `vpr train pca`'):
        read_pca(path)


def test_too_few_images_are_refused(photographs, tmp_path):
    recipe = PcaRecipe('pca', 'hog', {'kind': 'photos', 'folder': str(photographs)}, dim=13)
    with pytest.raises(RecipeError, match='the source has 12'):
        fit_pca(recipe, tmp_path / 'pca.safetensors', lambda *_: None)


def test_views_are_drawn_once_each():
    class Source:
        areas = ((0, 1), (7,))

        def views(self, place):
            return 3 if place == 7 else 1

    assert sorted(draw(Source(), 99, 0)) == [(0, 0), (1, 0), (7, 0), (7, 1), (7, 2)]
    assert len(draw(Source(), 2, 0)) == 2
