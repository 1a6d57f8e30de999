# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest
from foreign_networks import script_file
from safetensors import safe_open
from safetensors.numpy import save_file

from vpr_ros.describe import Describer
from vpr_ros.errors import ModelError
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.maps.coder import PcaReducer
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.pca import PcaRecipe, draw, fit_pca, project_model, read_pca

MODEL = 'd2vpr-pico'


def _recipe(photographs, **changes):
    source = {'kind': 'photos', 'folder': str(photographs)}
    return PcaRecipe(**{'recipe': 'pca', 'model': MODEL, 'source': source, 'dim': 4, **changes})


@pytest.fixture
def fitted(photographs, tmp_path):
    """Return the file of four components, its arrays and its metadata."""
    path = tmp_path / 'pca.safetensors'
    fit_pca(_recipe(photographs), path, lambda *_: None)
    with safe_open(path, 'numpy') as file:
        arrays = {name: file.get_tensor(name) for name in ('mean', 'projection')}
        return path, arrays, file.metadata()


def test_components_are_fitted_on_descriptors_and_come_with_their_model(photographs, tmp_path):
    told = []
    path = tmp_path / 'pca.safetensors'
    fit_pca(_recipe(photographs), path, lambda *done: told.append(done))
    with safe_open(path, 'numpy') as file:
        metadata = json.loads(file.metadata()['vpr_ros'])
        reducer = PcaReducer(file.get_tensor('mean'), file.get_tensor('projection'))
    assert (metadata['model'], metadata['id']) == (MODEL, reducer.id)
    assert told[-1] == (12, 12)
    images = [ImageFile(p).rgb for p in sorted(photographs.iterdir())]
    describer = Describer(MODEL, 'cpu', threads=1, backend='torch')
    rows = np.stack([d.descriptor for d in describer.describe(images)])
    _, values, _ = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    kept = np.linalg.norm((rows - reducer.mean) @ reducer.projection, axis=0)
    assert kept == pytest.approx(values[:4], rel=1e-3)


@pytest.mark.parametrize('value', [np.inf, np.nan, 1e30, 3e38, 9.0])
@pytest.mark.parametrize('damaged', ['mean', 'projection'])
def test_components_that_no_fit_gives_are_refused(fitted, damaged, value):
    path, arrays, metadata = fitted
    arrays[damaged][3] = value
    save_file(arrays, path, metadata)
    with pytest.raises(ModelError, match='is no file of `vpr train pca`'):
        read_pca(path)


def test_components_that_are_zero_are_refused_and_nothing_is_written(fitted, tmp_path):
    path, arrays, metadata = fitted
    arrays['projection'][:] = 0
    save_file(arrays, path, metadata)
    target = tmp_path / 'short.safetensors'
    with pytest.raises(ModelError, match='not of unit length'):
        project_model(MODEL, None, path, 2, target)
    assert not target.exists()


def test_components_of_another_length_are_refused_and_nothing_is_written(fitted, tmp_path):
    path, arrays, metadata = fitted
    shorter = {
        'mean': arrays['mean'][:40],
        'projection': np.eye(40, 4, dtype=np.float32),
    }
    save_file(shorter, path, metadata)
    target = tmp_path / 'short.safetensors'
    with pytest.raises(ModelError, match=f'is for 40 values, and {MODEL} gives 512'):
        project_model(MODEL, None, path, 2, target)
    assert not target.exists()


def test_too_few_images_are_refused(photographs, tmp_path):
    with pytest.raises(RecipeError, match='the source has 12'):
        fit_pca(_recipe(photographs, dim=13), tmp_path / 'pca.safetensors', lambda *_: None)


@pytest.mark.parametrize('kind', ['formula', 'of others'])
def test_components_of_what_cannot_be_projected_are_not_fitted(photographs, tmp_path, kind):
    model = 'hog' if kind == 'formula' else script_file(tmp_path / 'theirs.pt')
    path, told = tmp_path / 'pca.safetensors', []
    with pytest.raises(ModelError, match='cannot be projected'):
        fit_pca(_recipe(photographs, model=model), path, lambda *done: told.append(done))
    assert not told
    assert not path.exists()


def test_views_are_drawn_once_each():
    class Source:
        areas = ((0, 1), (7,))

        def views(self, place):
            return 3 if place == 7 else 1

    assert sorted(draw(Source(), 99, 0)) == [(0, 0), (1, 0), (7, 0), (7, 1), (7, 2)]
    assert len(draw(Source(), 2, 0)) == 2
