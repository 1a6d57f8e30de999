# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every published network runs everywhere, shown by small ones with weights of their own."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from pictures import blocks
from PIL import Image
from torch.nn.functional import cosine_similarity

from vpr_ros import models
from vpr_ros.cli.main import main
from vpr_ros.describe import Describer, backend_choice, optimise
from vpr_ros.describe.explanation import Explainer
from vpr_ros.describe.optimise import inference_form
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.models import Preprocessing
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.weights_file import save_weights
from vpr_ros.search import Retriever
from vpr_ros.training.recipe import ModelRecipe, TeacherRecipe
from vpr_ros.training.teacher import open_teacher
from vpr_ros.training.trainable_network import initial_network

VIT = {'width': 64, 'depth': 3, 'heads': 2, 'native_grid': 5}
RESNET = {'blocks': [1, 1, 1, 1], 'width': 8}
TRANSPORT = {'vit': VIT, 'clusters': 4, 'cluster_dim': 8, 'token_dim': 8, 'hidden': 16}
QUERIES = {'width': 64, 'queries': 4, 'rows': 3}
NETWORKS = {
    'megaloc': (TRANSPORT | {'descriptor_dim': 48}, 56),
    'salad': (TRANSPORT, 56),
    'boq-resnet50': (QUERIES | {'resnet': RESNET}, 64),
    'boq-dinov2': (QUERIES | {'vit': VIT}, 56),
    'image-gsv': ({'vit': VIT | {'registers': 4}, 'tokens': 2, 'after': 2}, 56),
    'cosplace-resnet18': ({'resnet': RESNET | {'bottleneck': False}, 'descriptor_dim': 32}, 64),
    'eigenplaces-resnet50': ({'resnet': RESNET, 'descriptor_dim': 32}, 64),
    'mixvpr': ({'resnet': RESNET, 'grid': 4, 'channels': 16, 'rows': 2}, 64),
}


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """Let no other weights be there, and nothing be exported only to see whether it is faster."""
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path / 'weights'))
    monkeypatch.setattr(backend_choice, '_MOST_PARAMETERS', 0)


@pytest.fixture(scope='module', params=NETWORKS)
def network(request, tmp_path_factory):
    """Return a small network, its registered name, and its file."""
    options, size = NETWORKS[request.param]
    registered = models.spec(request.param)
    entry = replace(
        registered, options=registered.options | options, preprocessing=Preprocessing(size)
    )
    net = models.network_of(entry)
    net.load_state_dict(models.initial_state(net, 1), assign=True)
    generator = torch.Generator().manual_seed(0)
    for key, value in net.state_dict().items():
        if value.is_floating_point() and not key.endswith(('.p', 'running_var')):
            value.add_(torch.rand(value.shape, generator=generator) - 0.5, alpha=0.2)
    path = tmp_path_factory.mktemp('zoo') / f'{request.param}.safetensors'
    save_weights(path, net.state_dict(), card_of(entry, net, ModelCard(request.param)))
    return net, request.param, str(path)


@torch.inference_mode()
def test_form_that_only_runs_equals_the_network(network):
    net, name, _ = network
    size = NETWORKS[name][1]
    batch = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    expected = net(batch).descriptor
    form = inference_form(net)

    assert (form(batch).descriptor - expected).abs().max() < 1e-5
    assert not {type(m) for m in form.modules()} & set(optimise._REPLACEMENTS)
    reduced = inference_form(net, 'bf16')(batch).descriptor
    assert cosine_similarity(reduced, expected).min() > 0.99


def test_network_makes_a_map_that_is_searched(network, tmp_path):
    describer = Describer(network[2], device='cpu', threads=1)
    pictures = [blocks(seed) for seed in range(6)]
    described = describer.describe(pictures)
    with MapWriter.create(tmp_path / 'm.vprmap', describer.model_info) as place_map:
        session = place_map.begin_session('run', 0)
        places = [NewPlace(d, session, i, Pose.of((i, 0, 0))) for i, d in enumerate(described)]
        ids = place_map.add(places)
        found = Retriever(place_map).search(describer.describe([pictures[4]])[0], k=1)
    assert found.ids[0] == ids[4]


def test_network_is_evaluated_exported_taught_with_trained_and_explained(
    network, tmp_path, capsys
):
    net, name, path = network
    for folder, shift in (('database', 0), ('queries', 3)):
        (tmp_path / 'street' / folder).mkdir(parents=True)
        for i in range(4):
            file = f'@{500000 + 100 * i + shift}@5000000@{i}.png'
            Image.fromarray(blocks(i)).save(tmp_path / 'street' / folder / file)
    report = tmp_path / 'result.json'
    street = str(tmp_path / 'street')
    words = ['evaluate', 'dataset', street, '--model', path, '--output', str(report), '--json']
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0
    assert json.loads(report.read_text())['setup']['model']['name'] == name

    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    with pytest.raises(SystemExit) as end:
        main(['export', path, '--output', str(tmp_path / 'x.onnx'), '--json'])
    assert end.value.code == 0
    one, other = (Describer(p, 'cpu', threads=1) for p in (path, str(tmp_path / 'x.onnx')))
    pairs = zip(*(each.describe([blocks(9)]) for each in (one, other)), strict=True)
    assert all(np.abs(a.descriptor - b.descriptor).max() < 1e-5 for a, b in pairs)

    teacher = open_teacher(TeacherRecipe('model', name=path))
    assert teacher.describe(torch.rand(1, 3, 70, 70)).shape[1] == len(
        one.describe([blocks(9)])[0].descriptor
    )
    trained = initial_network(ModelRecipe(path), 0).train()
    size = NETWORKS[name][1]
    trained(torch.randn(2, 3, size, size)).descriptor.sum().backward()
    reached = [key for key, value in trained.named_parameters() if value.grad is not None]
    assert len(reached) > len(list(net.parameters())) / 2
    if name == 'salad':  # all are explained in one way
        assert Explainer(path).explain(blocks(9)).weight.sum() == pytest.approx(1, abs=1e-4)
