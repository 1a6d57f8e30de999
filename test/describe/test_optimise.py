# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from contextlib import nullcontext
from functools import lru_cache

import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vpr_ros import models
from vpr_ros.describe import Describer, optimise
from vpr_ros.describe.optimise import CudaNetwork, graph_size, inference_form
from vpr_ros.describe.preprocess import _resize_in_floating_point, preprocess
from vpr_ros.models import Preprocessing
from vpr_ros.models.vit import ViTConfig

SMALL_VIT = ViTConfig(width=96, depth=4, heads=3)
NETWORKS = {
    'd2vpr': {'vit': SMALL_VIT, 'taps': (1, 2, 3, 4)},
    'd2vpr-encoder': {'vit': SMALL_VIT, 'taps': (1, 4), 'compat': 'paper'},
    'd2vpr-nano': {},
    'cricavpr': {'vit': SMALL_VIT},
    'selavprpp-base': {'vit': SMALL_VIT, 'descriptor_dim': 64, 'code_bits': 64},
}


@pytest.fixture(scope='module', params=NETWORKS)
def network(request):
    """Return a network none of whose weights and statistics is trivial."""
    net = models.create(request.param, **NETWORKS[request.param])
    generator = torch.Generator().manual_seed(0)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.add_(torch.rand(value.shape, generator=generator) - 0.5, alpha=0.2)
    return net


@pytest.fixture(scope='module')
def batch():
    return torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=['packed', 'plain'])
def _linear(request, monkeypatch):
    """With oneDNN and, as on machines that lack it, without."""
    if request.param == 'plain':
        monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: False)


@torch.inference_mode()
@pytest.mark.usefixtures('_linear')
def test_inference_form_equals_the_network(network, batch):
    expected = network(batch)
    found = inference_form(network)(batch)

    assert (found.descriptor - expected.descriptor).abs().max() < 1e-5
    if expected.code is not None:
        clear = expected.logits.abs() > 1e-4
        assert torch.equal(found.code[clear], expected.code[clear])


@torch.inference_mode()
@pytest.mark.usefixtures('_linear')
def test_bfloat16_form_stays_close(network, batch):
    expected = network(batch).descriptor
    found = inference_form(network, 'bf16')(batch).descriptor

    assert found.dtype == torch.float32
    assert cosine_similarity(found, expected).min() > 0.999


@torch.inference_mode()
def test_half_precision_form_for_gpus_stays_close(network, batch, monkeypatch):
    # Few processors multiply in it; oneDNN refuses on the others, and torch alone does not.
    monkeypatch.setattr(torch.backends.mkldnn, 'is_available', lambda: False)
    expected = network(batch[:1]).descriptor
    found = inference_form(network, 'fp16')(batch[:1]).descriptor

    assert found.dtype == torch.float32
    assert cosine_similarity(found, expected).min() > 0.9999


def test_network_itself_is_unchanged(network):
    before = models.fingerprint(network)
    inference_form(network)

    assert models.fingerprint(network) == before


def test_everything_with_a_faster_form_is_replaced(network):
    kinds = {type(module) for module in inference_form(network).modules()}

    remaining = kinds & set(optimise._REPLACEMENTS)
    assert remaining <= ({torch.nn.Linear} if network.__class__.__name__ == 'CricaVPR' else set())


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')


def _image(seed=0, height=120, width=160):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def test_few_graphs_serve_all_batches():
    sizes = [graph_size(count) for count in range(1, 33)]

    assert all(size >= count for count, size in enumerate(sizes, 1))
    assert sorted(set(sizes)) == [1, 2, 4, 8, 16, 32]


@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
@pytest.mark.parametrize('name', ['d2vpr-nano', 'd2vpr', 'selavprpp-base'])
def test_form_for_another_device_mixes_no_devices(name, precision):
    net = models.build(name)
    form = inference_form(net, precision, 'meta')
    form.to('meta')

    assert {value.device.type for value in form.state_dict().values()} == {'meta'}


class _Transfers(TorchDispatchMode):
    """Notes the operations that read from the host's memory or write to it."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        result = operation(*args, **kwargs or {})
        seen = tree_leaves((args, kwargs, result))
        if any(isinstance(value, torch.Tensor) and value.device.type == 'cpu' for value in seen):
            self.found.append(str(operation))
        return result


@pytest.mark.parametrize(
    'name', [name for name in models.names() if not models.spec(name).batch_dependent]
)
@torch.inference_mode()
def test_nothing_keeps_a_form_from_being_captured_in_a_graph(name, monkeypatch):
    """A graph holds no transfer to or from the host; the meta device has no values to wait for."""
    # There is no autocast for the meta device, and none in use.
    monkeypatch.setattr(torch, 'autocast', lambda *_kind, **_options: nullcontext())
    entry = models.spec(name)
    form = inference_form(models.build(name), 'fp16', 'meta').to('meta')
    with _Transfers() as transfers:
        form(torch.zeros(2, 3, *entry.preprocessing.shape, device='meta'))

    assert transfers.found == []


@pytest.mark.parametrize('shape', [(7, 300), (480, 640), (224, 224), (50, 60)])
def test_resize_elsewhere_is_within_a_grey_level(shape):
    image = _image(0, *shape)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]

    found = _resize_in_floating_point(planes, Preprocessing(224))
    expected = torch.nn.functional.interpolate(
        planes, size=(224, 224), mode='bilinear', antialias=True
    )
    assert (found - expected.float()).abs().max() <= 1
    assert torch.equal(found, found.round())


GRAPHS = (
    'd2vpr-nano',
    'd2vpr',
    'selavprpp-base',
    'megaloc',
    'boq-resnet50',
    'mixvpr',
    'eigenplaces-resnet50',
)
"""One of each trunk and each aggregation."""


@lru_cache(maxsize=1)
def _described(name):
    net = models.create(name)
    batch = preprocess([_image(seed) for seed in range(5)], models.spec(name).preprocessing)
    return net, batch, net(batch).descriptor


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize('precision', ['fp32', 'bf16', 'fp16'])
@pytest.mark.parametrize('name', GRAPHS)
@torch.inference_mode()
def test_graphs_give_what_the_network_gives_in_any_batch(name, precision):
    net, batch, expected = _described(name)
    network = CudaNetwork(net, torch.device('cuda'), precision)

    for count in (1, 3, 5, 1):
        found = network(batch[:count].cuda()).descriptor
        assert found.dtype == torch.float32
        assert found.device.type == 'cpu'
        if precision == 'fp32':
            assert (found - expected[:count]).abs().max() < 1e-5
        assert torch.cosine_similarity(found, expected[:count]).min() > 0.999


@pytest.mark.gpu
@needs_gpu
@pytest.mark.parametrize('shape', [(7, 300), (480, 640), (1080, 1920)])
def test_images_on_the_gpu_are_those_on_the_cpu_within_a_grey_level(shape):
    image = _image(0, *shape)
    difference = preprocess([image], 224, 'cuda').cpu() - preprocess([image], 224)

    assert difference.abs().max() * 255 * 0.229 < 1.01


@pytest.mark.gpu
@needs_gpu
def test_cpu_goes_on_where_the_gpu_fails(monkeypatch):
    describer = Describer('d2vpr-nano', device='cuda')

    def lost(batch):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(describer, '_run', lost)
    assert len(describer.describe([_image(seed) for seed in range(40)])) == 40
    assert describer.device.type == 'cpu'
