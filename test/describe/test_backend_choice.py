# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The backend auto: the faster of torch and ONNX Runtime, and torch wherever the other fails."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional

from vpr_ros import models
from vpr_ros.describe import Describer, backend_choice
from vpr_ros.models import ModelOutput, registry
from vpr_ros.models.model_spec import ModelSpec, Preprocessing, sign_code

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from vpr_ros.describe import onnx_export


class Tiny(nn.Module):
    """A network of which torch and ONNX Runtime make the same."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2)
        self.head = nn.Linear(8, 16)

    def forward(self, images):
        values = self.head(torch.relu(self.stem(images)).mean(dim=(2, 3)))
        return ModelOutput(functional.normalize(values), sign_code(values), values)


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    """The user's weights folder, empty; and a registry that knows the tiny network."""
    entry = ModelSpec('tiny', Tiny, Preprocessing(32), untrained=True)
    monkeypatch.setitem(registry._BY_NAME, 'tiny', entry)
    folder = tmp_path / 'weights'
    monkeypatch.setenv('VPR_WEIGHTS', str(folder))
    return folder


@pytest.fixture
def speeds(monkeypatch):
    """Decide what is faster, and count the comparisons."""

    class Speeds:
        onnx_ms = 1.0
        compared = 0

        def __call__(self, *_):
            self.compared += 1
            return 2.0, self.onnx_ms

    speeds = Speeds()
    monkeypatch.setattr(backend_choice, '_compared', speeds)
    return speeds


@pytest.fixture
def exports(monkeypatch):
    """Count the exports."""
    made = []
    export = onnx_export.export_onnx

    def counted(*arguments, **options):
        made.append(1)
        return export(*arguments, **options)

    monkeypatch.setattr(onnx_export, 'export_onnx', counted)
    return made


def describer(**options):
    return Describer('tiny', **{'device': 'cpu', 'threads': 1, **options})


def image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)


def note(folder):
    (path,) = folder.glob('*-backend.json')
    return path


def test_faster_runtime_is_used_and_its_export_kept(folder, speeds, exports):
    first = describer()
    assert (first.backend, len(exports), speeds.compared) == ('onnx', 1, 1)
    assert json.loads(note(folder).read_text('utf-8'))['backend'] == 'onnx'
    again = describer()
    assert (again.backend, len(exports), speeds.compared) == ('onnx', 1, 1)
    plain = describer(backend='torch')
    assert plain.backend == 'torch'
    assert first.model_info == again.model_info == plain.model_info
    pictures = [image(seed) for seed in range(5)]
    for one, other in zip(again.describe(pictures), plain.describe(pictures), strict=True):
        assert np.abs(one.descriptor - other.descriptor).max() < 1e-5
        assert np.array_equal(one.code, other.code)


def test_slower_runtime_is_not_used_and_not_tried_again(folder, speeds, exports):
    speeds.onnx_ms = 3.0
    assert [describer().backend for _ in range(2)] == ['torch', 'torch']
    assert (len(exports), speeds.compared) == (1, 1)
    assert json.loads(note(folder).read_text('utf-8'))['onnx_ms'] == '3.00'


def test_speeds_are_really_compared():
    image_size = 32, 32
    slow, fast = (lambda _: torch.randn(700, 700) @ torch.randn(700, 700)), (lambda _: None)
    slower, faster = backend_choice._compared(slow, fast, image_size)
    assert slower > faster


def test_results_that_differ_are_said_once_and_not_used(
    folder, speeds, exports, monkeypatch, caplog
):
    monkeypatch.setattr(onnx_export, '_MOST_DIFFERENCE', -1.0)
    assert [describer().backend for _ in range(2)] == ['torch', 'torch']
    assert len(exports) == 1
    assert caplog.text.count('computing with torch: tiny was not exported in fp32') == 1
    assert 'the limit is' in json.loads(note(folder).read_text('utf-8'))['reason']


def test_other_versions_are_compared_again(folder, speeds, monkeypatch):
    describer()
    monkeypatch.setattr(onnx_export, 'RUNTIME_VERSION', '99')
    describer()
    assert speeds.compared == 2


@pytest.mark.parametrize('package', ['onnx', 'onnxruntime'])
def test_missing_package_leaves_torch(folder, package, monkeypatch, caplog):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        'find_spec',
        lambda name, *rest: None if name == package else find(name, *rest),
    )
    with caplog.at_level(logging.INFO):
        assert describer().backend == 'torch'
    assert f'computing with torch: {package} is not installed' in caplog.text
    assert not folder.exists()


def test_folder_that_cannot_be_written_leaves_torch_with_the_reason(folder, speeds, caplog):
    folder.write_text('in the way')
    assert describer().describe([image()])
    assert describer().backend == 'torch'
    assert 'ONNX Runtime cannot be used' in caplog.text
    assert str(folder) in caplog.text


def test_read_only_folder_with_an_export_serves_it(folder, speeds, monkeypatch):
    describer()

    def refused(*_):
        raise PermissionError

    monkeypatch.setattr(backend_choice, '_alone', refused)
    assert describer().backend == 'onnx'


@pytest.mark.parametrize('damage', ['cut', 'foreign', 'gone'])
def test_export_that_cannot_be_used_is_made_anew(folder, speeds, exports, damage, tmp_path):
    expected = describer().describe([image()])[0].descriptor
    (kept,) = folder.glob('*.onnx')
    if damage == 'cut':
        kept.write_bytes(kept.read_bytes()[:200])
    elif damage == 'gone':
        kept.unlink()
    else:
        other = tmp_path / 'other.safetensors'
        safetensors.torch.save_file(models.create('tiny', seed=9).state_dict(), other)
        describer(weights=other)
        (foreign,) = set(folder.glob('*.onnx')) - {kept}
        kept.write_bytes(foreign.read_bytes())
    count = len(exports)
    found = describer()
    assert (found.backend, len(exports)) == ('onnx', count + 1)
    assert np.array_equal(found.describe([image()])[0].descriptor, expected)


@pytest.mark.parametrize('text', ['', '{', '[]', '"onnx"', '{"backend": "onnx"}', '\ud83d'])
def test_damaged_note_is_made_anew(folder, speeds, text):
    describer()
    note(folder).write_bytes(text.encode('utf-8', 'surrogatepass'))
    assert describer().backend == 'onnx'
    assert speeds.compared == 2


@pytest.mark.parametrize(
    ('owner', 'name'),
    [(onnx_export.onnxruntime, 'InferenceSession'), (backend_choice, '_compared')],
)
def test_whatever_the_runtime_raises_leaves_torch(owner, name, speeds, monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError('no such instruction')

    monkeypatch.setattr(owner, name, broken)
    assert describer().backend == 'torch'
    assert 'no such instruction' in caplog.text


def test_those_who_start_together_make_one_export(speeds, exports):
    with ThreadPoolExecutor(4) as pool:
        made = [pool.submit(describer) for _ in range(4)]
        assert [each.result().backend for each in made] == ['onnx'] * 4
    assert (len(exports), speeds.compared) == (1, 1)


def test_large_networks_stay_with_torch(folder, speeds, monkeypatch):
    monkeypatch.setattr(backend_choice, '_MOST_PARAMETERS', 100)
    assert describer().backend == 'torch'
    assert not folder.exists()


@pytest.mark.parametrize(
    ('model', 'options', 'backend'),
    [
        ('hog', {}, 'torch'),
        ('tiny', {'precision': 'bf16'}, 'torch'),
        ('tiny', {'precision': 'int8'}, 'onnx'),
        ('tiny', {'backend': 'onnx'}, 'onnx'),
    ],
)
def test_what_leaves_no_choice_compares_nothing(speeds, model, options, backend, monkeypatch):
    # Processors without 8-bit dot products round more.
    monkeypatch.setattr(onnx_export, '_LEAST_COSINE', 0.9)
    assert Describer(model, device='cpu', **options).backend == backend
    assert speeds.compared == 0


def test_exported_file_is_computed_by_the_runtime(folder, speeds):
    describer(backend='onnx')
    (kept,) = folder.glob('*.onnx')
    assert Describer('tiny', weights=kept).backend == 'onnx'


def test_old_exports_of_the_model_are_removed(folder, speeds):
    folder.mkdir()
    old = [folder / f'tiny-{i:016x}-fp32.onnx' for i in range(6)]
    others = [folder / 'tiny-large-0000000000000000-fp32.onnx', folder / 'tiny.onnx']
    for age, path in enumerate([*old, *others]):
        path.touch()
        os.utime(path, ns=(age, age))
    describer()
    assert [path for path in old if path.exists()] == old[2:]
    assert all(path.exists() for path in others)
