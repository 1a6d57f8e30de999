# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Published files to safetensors: what is kept, what is refused, and never half a file."""

import hashlib
import os
import pathlib
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from vpr_ros import models
from vpr_ros.describe import Describer
from vpr_ros.errors import ModelError
from vpr_ros.models.vit import ViTConfig
from vpr_ros.models.weights_file import convert, converted_path, described_by

NAME = 'dinov2-vits14'
SMALL = ViTConfig(width=96, depth=2, heads=3)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path / 'cache' / 'weights'))
    small = replace(models.registration(NAME), options=asdict(SMALL))
    monkeypatch.setitem(models.registry._BY_NAME, NAME, small)
    return tmp_path / 'cache' / 'weights'


@pytest.fixture(scope='module')
def weights():
    """Return the weights of a small backbone."""
    state = models.create('cricavpr', vit=SMALL).backbone.state_dict()
    return {key: value for key, value in state.items() if 'adapter' not in key}


def save(path, state):
    """Write a file as the authors' training does."""
    state = {f'module.{key}': value for key, value in state.items()}
    recalls = {'recalls': np.array([91.7, 95.8]), 'best_r5': np.float64(95.8)}
    torch.save({'model_state_dict': state, 'optimizer': {}, **recalls}, path)
    return path


def test_converted_weights_are_those_of_the_file(tmp_path, folder, weights):
    written = convert(save(tmp_path / 'last.pth', weights), NAME)

    assert written == folder / f'{NAME}.safetensors'
    assert [file.name for file in folder.iterdir()] == [written.name]
    loaded = models.load_weights(written)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[key], value) for key, value in weights.items())


def test_describer_takes_converted_weights(tmp_path):
    state = models.create('d2vpr-nano', seed=5).state_dict()
    written = convert(save(tmp_path / 'last.pth', state), 'd2vpr-nano')

    assert Describer('d2vpr-nano', device='cpu', weights=written).model_info.trained


def test_where_weights_came_from_is_kept(tmp_path, weights):
    path = save(tmp_path / 'last.pth', weights)
    notes = described_by(convert(path, NAME)).origin()

    assert notes['model'] == NAME
    assert notes['source_file'] == 'last.pth'
    assert notes['source_sha256'] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert 'licence' not in notes


def test_licence_is_noted_only_for_the_file_that_has_it(tmp_path, weights, monkeypatch):
    path = save(tmp_path / 'file.pth', weights)
    assert 'licence' not in described_by(convert(path, NAME)).origin()

    entry = models.registration(NAME)
    known = replace(entry.weights, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.setitem(models.registry._BY_NAME, NAME, replace(entry, weights=known))
    notes = described_by(convert(path, NAME)).origin()
    assert (notes['licence'], notes['source']) == ('Apache-2.0', known.source)


def test_every_published_file_can_be_converted_and_checked():
    files = [models.registration(name).weights for name in models.registered()]
    assert sum(file is not None for file in files) == 23
    for file in filter(None, files):
        assert bool(file.urls) != bool(file.page)
        assert len(file.sha256) in (0, 64)
        assert all(url.startswith('https://') for url in file.urls)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda s: s.popitem(), r'1 missing \(norm.bias\)'),
        (lambda s: s.update(extra=torch.ones(1)), r'1 not of this network \(extra\)'),
        (lambda s: s.update(blocks=torch.ones(1)), 'not of this network'),
        (lambda s: s.update({'norm.bias': torch.ones(2)}), r'norm.bias \(2,\) instead of \(96,\)'),
        (lambda s: s.update({'norm.bias': torch.tensor([np.nan])}), 'NaN'),
        (lambda s: s.update({'norm.bias': torch.ones(1).expand(10**12)}), 'more than are'),
    ],
)
def test_wrong_weights_are_refused_and_nothing_is_written(
    tmp_path, folder, weights, change, reason
):
    state = dict(weights)
    change(state)
    path = save(tmp_path / 'wrong.pth', state)

    with pytest.raises(ModelError, match=reason) as caught:
        convert(path, NAME)
    assert str(path) in str(caught.value)
    assert not folder.exists()


class _Bomb:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


def test_pickle_bomb_runs_no_code(tmp_path, folder, weights):
    trace, path = tmp_path / 'executed', tmp_path / 'bomb.pth'
    torch.save({'model_state_dict': dict(weights), 'epoch': _Bomb(f'touch {trace}')}, path)

    with pytest.raises(ModelError, match='cannot be read as weights'):
        convert(path, NAME)
    assert not trace.exists()
    assert not folder.exists()


def test_truncated_file_is_refused(tmp_path, weights):
    path = save(tmp_path / 'last.pth', weights)
    os.truncate(path, path.stat().st_size // 2)

    with pytest.raises(ModelError, match='a damaged download must be fetched again'):
        convert(path, NAME)


def test_parameters_that_share_memory_are_written_one_by_one(tmp_path, weights):
    state = dict(weights)
    keys = [key for key, value in state.items() if value.shape == (96,)]
    state.update(dict.fromkeys(keys, state[keys[0]]))
    written = models.load_weights(convert(save(tmp_path / 'last.pth', state), NAME))

    assert all(torch.equal(written[key], state[keys[0]]) for key in keys)


def test_earlier_weights_survive_a_write_that_fails(tmp_path, folder, weights, monkeypatch):
    path = save(tmp_path / 'last.pth', weights)
    convert(path, NAME)
    before = converted_path(NAME).read_bytes()

    def fail(self, target):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(pathlib.Path, 'replace', fail)
    with pytest.raises(OSError, match='No space left'):
        convert(path, NAME)
    assert [file.name for file in folder.iterdir()] == [f'{NAME}.safetensors']
    assert converted_path(NAME).read_bytes() == before


def test_unknown_model_is_named(tmp_path):
    with pytest.raises(ModelError, match="no model 'd3vpr'; there are d2vpr"):
        convert(tmp_path / 'x.pth', 'd3vpr')


def test_file_without_notes_has_none_and_no_file_is_said(tmp_path):
    with pytest.raises(ModelError, match='cannot be read'):
        described_by(tmp_path / 'absent.safetensors')
