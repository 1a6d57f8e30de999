# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from shared_data import DATA

from vpr_ros import models
from vpr_ros.cli.localizing import photographs
from vpr_ros.cli.main import main
from vpr_ros.describe import Describer, DeviceError
from vpr_ros.describe.loading import load_described, resolve
from vpr_ros.errors import ModelError
from vpr_ros.models import Preprocessing, registry
from vpr_ros.types import ModelInfo

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from vpr_ros.describe import onnx_export as export  # noqa: E402
from vpr_ros.describe.onnx_export import (  # noqa: E402
    METADATA,
    OnnxNetwork,
    export_onnx,
)
from vpr_ros.models.vit import ViTConfig  # noqa: E402

PHOTOGRAPHS = DATA / 'gardens_point'
SMALL_VIT = ViTConfig(width=96, depth=3, heads=3, native_grid=5)
NETWORKS = {
    'd2vpr': {'vit': SMALL_VIT, 'taps': (1, 2, 3)},
    'd2vpr-encoder': {'vit': SMALL_VIT, 'taps': (1, 3), 'cross_image': False, 'compat': 'paper'},
    'd2vpr-nano': {'grid': 7, 'depth': 1},
    'd2vpr-pico': {'grid': 7},
    'cricavpr': {'vit': SMALL_VIT, 'cross_image': False},
    'selavprpp-base': {'vit': SMALL_VIT, 'descriptor_dim': 64, 'code_bits': 64},
}
CPU = Path('/proc/cpuinfo')
DOT_PRODUCTS = pytest.mark.skipif(
    CPU.exists()
    and not {'avx512_vnni', 'avx_vnni', 'asimddp'} & set(CPU.read_text('utf-8').split()),
    reason='this processor has no 8-bit dot products: sums saturate, and the export is refused',
)
INFO = ModelInfo('d2vpr', 'some', 10752, 0, 'resize', trained=True)


@pytest.fixture(autouse=True)
def _small_network(monkeypatch, tmp_path):
    """Let the registry have a small network with random weights, and no others be there."""
    options = {**models.spec('d2vpr-nano').options, **NETWORKS['d2vpr-nano']}
    entry = dataclasses.replace(
        models.spec('d2vpr-nano'), name='small', preprocessing=Preprocessing(112), options=options
    )
    monkeypatch.setitem(registry._BY_NAME, 'small', entry)
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path))


@pytest.fixture
def exported(tmp_path_factory):
    """Return a file of the small network, made by the command."""
    path = tmp_path_factory.mktemp('exported') / 'small.onnx'
    with pytest.raises(SystemExit) as end:
        main(['export', 'small', '--output', str(path)])
    assert end.value.code == 0
    return path


def _network(name):
    """Return a small network none of whose weights is trivial."""
    net = models.create(name, **NETWORKS[name])
    generator = torch.Generator().manual_seed(0)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand(value.shape, generator=generator) - 0.5, alpha=0.2)
    return net


def _sized(size):
    """Return a model that reads squares of this side."""
    return dataclasses.replace(models.spec('d2vpr'), preprocessing=Preprocessing(size))


def _image(seed=0):
    return np.random.default_rng(seed).integers(0, 256, (90, 160, 3), np.uint8)


@pytest.mark.parametrize(('name', 'opset'), [*((name, 17) for name in NETWORKS), ('d2vpr', 18)])
@torch.inference_mode()
def test_exported_network_equals_torch_for_any_batch(name, opset):
    net = _network(name)
    size = 224 if name == 'cricavpr' else 112  # plain regions are cut from 16x16 positions
    contents, agreement = export_onnx(net, INFO, _sized(size), opset=opset)
    network = OnnxNetwork(contents, 2)

    assert agreement.difference < 1e-5
    assert onnx.load_from_string(contents).opset_import[0].version == opset
    for count in (1, 3, 5):
        generator = torch.Generator().manual_seed(count)
        batch = torch.randn(count, 3, size, size, generator=generator)
        found, expected = network(batch), net(batch)
        assert (found.descriptor - expected.descriptor).abs().max() < 1e-5
        if expected.code is not None:
            clear = expected.logits.abs() > 1e-5
            assert torch.equal(found.code[clear], expected.code[clear])


def test_positional_embedding_is_fixed():
    contents, _ = export_onnx(_network('d2vpr'), INFO, _sized(112))

    kinds = {node.op_type for node in onnx.load_from_string(contents).graph.node}
    assert 'Resize' not in kinds
    assert 'GridSample' in kinds


def test_file_says_what_it_is():
    contents, _ = export_onnx(_network('d2vpr'), INFO, _sized(112))

    stored = {entry.key: entry.value for entry in onnx.load_from_string(contents).metadata_props}
    assert json.loads(stored[METADATA])['weights_id'] == 'some'
    assert OnnxNetwork(contents, 1).info == INFO


def test_file_that_differs_from_torch_is_refused_with_the_difference(monkeypatch):
    net = _network('d2vpr')
    traced = export._traced

    def damaged(net, batch, opset):
        other = _network('d2vpr')
        other.backbone.up_norm.weight.data.add_(torch.linspace(0, 1e-3, 192))
        return traced(other, batch, opset)

    monkeypatch.setattr(export, '_traced', damaged)
    with pytest.raises(ModelError, match=r'not exported in fp32.* differ by \d.*limit is 1e-05'):
        export_onnx(net, INFO, _sized(112))


def test_newer_operators_and_formulas_are_refused():
    with pytest.raises(ModelError, match='opset must be one of 17, 18, not 20'):
        export_onnx(_network('d2vpr'), INFO, _sized(112), opset=20)
    with pytest.raises(ModelError, match='nothing to export'):
        export_onnx(models.create('hog'), INFO, models.spec('hog'))


def test_exported_file_describes_as_torch_does(exported):
    images = [_image(seed) for seed in range(3)]
    describer = Describer('small', weights=exported, backend='onnx')
    reference = Describer('small', device='cpu', backend='torch')

    assert describer.model_info == reference.model_info
    for found, expected in zip(
        describer.describe(images), reference.describe(images), strict=True
    ):
        assert np.abs(found.descriptor - expected.descriptor).max() < 1e-5
        assert np.array_equal(found.code, expected.code)


def test_export_that_a_full_disk_does_not_take_is_named(tmp_path, files_limited_to, capsys):
    path = tmp_path / 'out' / 'small.onnx'
    path.parent.mkdir()
    with files_limited_to(1000):
        assert main(['export', 'small', '--output', str(path)]) == 1
    assert str(path) in capsys.readouterr().err
    assert not list(path.parent.iterdir())


def test_export_is_kept_and_made_anew_when_damaged(tmp_path, caplog):
    def describer():
        return Describer('small', backend='onnx')

    expected = describer().describe([_image()])[0].descriptor
    (kept,) = tmp_path.glob('*.onnx')
    written = kept.stat().st_mtime_ns
    describer()
    assert kept.stat().st_mtime_ns == written

    kept.write_bytes(kept.read_bytes()[: 1 << 18])
    assert np.array_equal(describer().describe([_image()])[0].descriptor, expected)
    assert 'exporting it anew' in caplog.text
    assert kept.stat().st_size > 1 << 18


def test_int8_that_loses_too_much_is_refused():
    with pytest.raises(ModelError, match=r'small was not exported in int8.* cosine of 0\.\d+'):
        Describer('small', backend='onnx', precision='int8')


@DOT_PRODUCTS
def test_int8_is_smaller_and_close(exported, monkeypatch):
    monkeypatch.setattr(export, '_LEAST_COSINE', 0.99)  # few channels are rounded more coarsely
    images = [_image(seed) for seed in range(3)]
    int8 = Describer('small', backend='onnx', precision='int8')

    (kept,) = models.weights_folder().glob('*-int8.onnx')
    assert kept.stat().st_size < 0.7 * exported.stat().st_size  # convolutions stay as they are
    pairs = zip(
        int8.describe(images),
        Describer('small', device='cpu', backend='torch').describe(images),
        strict=True,
    )
    assert min(found.descriptor @ expected.descriptor for found, expected in pairs) > 0.99


def test_file_of_another_network_or_none_is_refused(exported, tmp_path):
    foreign = tmp_path / 'foreign.onnx'
    foreign.write_bytes(b'\x08\x07nonsense')

    with pytest.raises(ModelError, match='holds small'):
        Describer('d2vpr', weights=exported, backend='onnx')
    with pytest.raises(ModelError, match='damaged or not of `vpr export`'):
        Describer('d2vpr', weights=foreign, backend='onnx')
    with pytest.raises(ModelError, match='damaged or not of `vpr export`'):
        Describer('d2vpr', weights=tmp_path / 'none.onnx', backend='onnx')


def test_exported_file_is_a_model_that_torch_does_not_compute(exported):
    assert Describer(str(exported)).backend == 'onnx'
    with pytest.raises(DeviceError, match='computed by onnx on the CPU, not by torch'):
        Describer(str(exported), backend='torch')


@pytest.mark.parametrize(
    ('options', 'offer'),
    [
        ({'precision': 'int8'}, 'use fp32 or bf16'),
        ({'precision': 'fp16'}, 'use fp32 or bf16'),
        ({'backend': 'onnx', 'precision': 'bf16'}, 'use fp32 or int8'),
        ({'backend': 'none'}, 'none does not compute'),
    ],
)
def test_what_cannot_be_computed_is_refused_with_an_offer(options, offer):
    with pytest.raises(DeviceError, match=offer):
        Describer('small', **{'device': 'cpu', 'backend': 'torch', **options})


@pytest.mark.slow
@DOT_PRODUCTS
def test_int8_that_loses_too_much_of_the_whole_network_is_refused_with_the_figure():
    net, info = load_described(resolve('d2vpr-nano'))
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f'needs photographs in {PHOTOGRAPHS}')

    pictures = photographs(PHOTOGRAPHS, 12)
    with pytest.raises(ModelError, match=r'not exported in int8: .* a cosine of 0\.99'):
        export_onnx(net, info, resolve('d2vpr-nano'), precision='int8', images=pictures)


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize('name', ['d2vpr', 'selavprpp-base', 'd2vpr-nano', 'd2vpr-pico'])
def test_whole_network_on_photographs(name):
    if not PHOTOGRAPHS.is_dir():
        pytest.skip(f'needs photographs in {PHOTOGRAPHS}')
    net, size = models.create(name), models.spec(name).input_size

    _, agreement = export_onnx(net, INFO, _sized(size), images=photographs(PHOTOGRAPHS, 12))
    assert agreement.difference < 1e-5
    assert agreement.bits == 0
