# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights from files: what is accepted, and that nothing else gets in."""

import contextlib
import os
import pickle
import zipfile

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models.vit import ViTConfig
from vpr_ros.models.weights_file import whole_file


@pytest.fixture(scope='module')
def state():
    return {'weight': torch.randn(2, 3), 'bias': torch.randn(2)}


class _Bomb:
    def __init__(self, target):
        self.target = str(target)

    def __reduce__(self):
        return os.mkdir, (self.target,)


def _equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


@pytest.mark.parametrize('wrapper', [None, 'model_state_dict', 'state_dict'])
@pytest.mark.parametrize('prefix', ['', 'module.'])
def test_published_forms_of_a_state_dict_load(state, wrapper, prefix):
    net = nn.Linear(3, 2)
    published = {prefix + key: value for key, value in state.items()}

    models.load_published(net, {wrapper: published} if wrapper else published)

    assert _equal(net.state_dict(), state)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
def test_weights_files_load(tmp_path, state, suffix):
    path = tmp_path / f'weights{suffix}'
    if suffix == '.pth':
        torch.save({'model_state_dict': state, 'epoch': 3}, path)
    else:
        safetensors.torch.save_file(state, path)

    assert _equal(models.load_weights(path), state)


def test_training_checkpoint_with_numpy_numbers_loads(tmp_path, state):
    path = tmp_path / 'best.pth'
    recalls = {'recalls': np.array([91.7, 95.8]), 'best_r5': np.float64(95.8)}
    torch.save({'model_state_dict': state, 'optimizer': {}, **recalls}, path)

    assert _equal(models.load_weights(path), state)


def test_half_precision_weights_become_single(state):
    net = nn.Linear(3, 2)
    models.load_published(net, {key: value.half() for key, value in state.items()})

    assert net.weight.dtype == torch.float32


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        (lambda s: s.pop('bias'), r'1 missing \(bias\)'),
        (lambda s: s.update(scale=torch.ones(2)), r'1 not of this network \(scale\)'),
        (lambda s: s.update(bias=torch.ones(3)), r'bias \(3,\) instead of \(2,\)'),
        (lambda s: s.update(bias=torch.tensor([1, np.nan])), 'bias contains NaN'),
        (lambda s: s.update(bias=torch.ones(2, dtype=torch.complex64)), 'not a plain real'),
        (lambda s: s.update(bias=torch.ones(2).to_sparse()), 'not a plain real'),
        (lambda s: s.update(bias=[1.0, 2.0]), 'is a list'),
        (lambda s: s.update({'module.bias': torch.ones(2)}), 'with and without'),
        (lambda s: s.clear(), 'no tensors'),
        (
            lambda s: s.update(bias=torch.ones(2, dtype=torch.int32)),
            r'1 of whole numbers \(bias\)',
        ),
        (lambda s: s.update(bias=torch.ones(2, dtype=torch.bool)), r'1 of whole numbers \(bias\)'),
    ],
)
def test_other_state_dicts_are_refused_with_the_reason(state, change, reason):
    net, changed = nn.Linear(3, 2), dict(state)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    change(changed)

    with pytest.raises(ModelError, match=reason):
        models.load_published(net, changed)
    assert _equal(net.state_dict(), before)


def test_weights_of_another_network_are_refused_with_a_short_list():
    small = {'vit': ViTConfig(width=96, depth=1, heads=3), 'taps': (1,)}
    with_encoder = models.create('d2vpr-encoder', **small).state_dict()

    with pytest.raises(ModelError, match=r'24 not of this network \(encoder.*and 16 more\)'):
        models.load_published(models.build('d2vpr', **small), with_encoder)


@pytest.mark.parametrize('form', ['torch', 'pickle', 'nested'])
def test_hostile_checkpoint_runs_no_code(tmp_path, state, form):
    trace, path = tmp_path / 'executed', tmp_path / 'weights.pth'
    if form == 'pickle':
        path.write_bytes(pickle.dumps(_Bomb(trace)))
    else:
        torch.save(_Bomb(trace) if form == 'torch' else {**state, 'x': _Bomb(trace)}, path)

    with pytest.raises(ModelError, match='cannot be read as weights'):
        models.load_weights(path)
    assert not trace.exists()


class _Call:
    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_bytes_never_become_numpy_arrays_of_objects(tmp_path, state):
    """Such an array takes the bytes for addresses; even to look at it would crash or worse."""
    path = tmp_path / 'weights.pth'
    torch.save(
        {'model_state_dict': state, 'recalls': _Call(np.ndarray, (1,), 'O', bytes(8))}, path
    )

    assert _equal(models.load_weights(path), state)
    torch.save({**state, 'x': _Call(np.ndarray, (1,), 'O', bytes(8))}, path)
    with pytest.raises(ModelError, match="entry 'x' is a"):
        models.load_weights(path)


def test_tensor_larger_than_what_is_stored_is_refused(tmp_path, state):
    path = tmp_path / 'weights.pth'
    torch.save({**state, 'bias': torch.zeros(1).expand(10**12)}, path)

    with pytest.raises(ModelError, match='bias claims 1000000000000 values'):
        models.load_weights(path)


@pytest.mark.skipif(not hasattr(torch, 'float4_e2m1fn_x2'), reason='this torch has no float4')
def test_numbers_that_torch_cannot_convert_are_refused(tmp_path):
    path = tmp_path / 'weights.safetensors'
    header = b'{"bias":{"dtype":"F4","shape":[8],"data_offsets":[0,4]}}'
    path.write_bytes(len(header).to_bytes(8, 'little') + header + bytes(4))
    with pytest.raises(ModelError, match='weights'):
        models.load_weights(path)


def test_archive_that_unpacks_to_more_than_it_holds_is_refused(tmp_path, state):
    plain, path = tmp_path / 'plain.pth', tmp_path / 'weights.pth'
    torch.save({**state, 'bias': torch.zeros(10**6)}, plain)
    with (
        zipfile.ZipFile(plain) as source,
        zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as zip_,
    ):
        for entry in source.infolist():
            zip_.writestr(entry.filename, source.read(entry))

    with pytest.raises(ModelError, match='unpacks to'):
        models.load_weights(path)


@pytest.mark.parametrize('suffix', ['.pth', '.safetensors'])
@settings(max_examples=60)
@given(data=st.data())
def test_damaged_files_are_refused_or_yield_finite_tensors(tmp_path_factory, state, suffix, data):
    path = tmp_path_factory.mktemp('damaged') / f'weights{suffix}'
    if suffix == '.pth':
        torch.save(state, path)
    else:
        safetensors.torch.save_file(state, path)
    content = bytearray(path.read_bytes())
    how = data.draw(st.sampled_from(['cut off', 'altered', 'no numbers']))
    at = st.integers(0, len(content) - 1)
    if how == 'cut off':
        del content[data.draw(at) :]
    elif how == 'no numbers':
        at = data.draw(at)
        content[at : at + 8] = b'\xff' * len(content[at : at + 8])  # One of them is NaN, then.
    else:
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(at)] = data.draw(st.integers(0, 255))
    path.write_bytes(content)

    loaded = {}
    with contextlib.suppress(ModelError):
        loaded = models.load_weights(path)
    assert all(torch.isfinite(value).all() for value in loaded.values())


@settings(max_examples=60)
@given(content=st.binary(max_size=300), suffix=st.sampled_from(['.pth', '.safetensors', '']))
def test_arbitrary_bytes_are_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.mktemp('bytes') / f'weights{suffix}'
    path.write_bytes(content)

    with pytest.raises(ModelError):
        models.load_weights(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r'there is no weights file .*absent\.pth'):
        models.load_weights(tmp_path / 'absent.pth')


def test_fingerprint_is_of_the_weights_not_of_the_file(state):
    one, other = nn.Linear(3, 2), nn.Linear(3, 2)
    models.load_published(one, state)
    models.load_published(
        other, {'model_state_dict': {f'module.{k}': v for k, v in state.items()}}
    )

    assert models.fingerprint(one) == models.fingerprint(other)
    other.bias.data[0] += 1
    assert models.fingerprint(one) != models.fingerprint(other)


@pytest.mark.parametrize('kind', ['bytes', 'safetensors'])
def test_file_that_a_full_disk_does_not_take_is_named(tmp_path, files_limited_to, kind):
    path = tmp_path / 'new.file'

    def write():
        with whole_file(path) as new:
            if kind == 'bytes':
                new.write_bytes(bytes(100_000))
            else:
                safetensors.torch.save_file({'x': torch.zeros(100_000)}, new)

    with files_limited_to(1000), pytest.raises(OSError, match=str(path)):
        write()
    assert not list(tmp_path.iterdir())
