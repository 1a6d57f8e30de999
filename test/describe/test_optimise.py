# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.nn.functional import cosine_similarity

from vpr_ros import models
from vpr_ros.describe import optimise
from vpr_ros.describe.optimise import inference_form
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


def test_network_itself_is_unchanged(network):
    before = models.fingerprint(network)
    inference_form(network)

    assert models.fingerprint(network) == before


def test_everything_with_a_faster_form_is_replaced(network):
    kinds = {type(module) for module in inference_form(network).modules()}

    remaining = kinds & set(optimise._REPLACEMENTS)
    assert remaining <= ({torch.nn.Linear} if network.__class__.__name__ == 'CricaVPR' else set())
