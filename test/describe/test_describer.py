# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import json
import logging
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros import describe, models
from vpr_ros.describe.loading import load_described, resolve
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.errors import ImageError, ModelError
from vpr_ros.models.model_card import KEY
from vpr_ros.models.vit import ViTConfig

Describer = partial(describe.Describer, backend='torch')


@pytest.fixture(scope='module')
def describer():
    return Describer('d2vpr-nano', device='cpu')


@pytest.fixture(autouse=True)
def _no_user_weights(monkeypatch, tmp_path):
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path))


def _image(height=90, width=160, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _same(left, right):
    return np.array_equal(left.descriptor, right.descriptor) and np.array_equal(
        left.code, right.code
    )


def test_description_has_the_form_the_map_expects(describer):
    info = describer.model_info
    (description,) = describer.describe([_image()])

    assert description.descriptor.shape == (info.descriptor_dim,)
    assert description.descriptor.dtype == np.float32
    assert np.linalg.norm(description.descriptor) == pytest.approx(1, abs=1e-6)
    assert description.code.shape == (info.code_bits // 8,)
    assert description.code.dtype == np.uint8


@pytest.mark.parametrize('rule', [{'std': [1e-300] * 3}, {'mean': [1e308] * 3}], ids=str)
def test_weights_that_compute_no_numbers_are_refused(tmp_path, rule):
    card = {'model': 'd2vpr-nano', 'preprocessing': {'height': 224, **rule}}
    weights = models.create('d2vpr-nano', seed=7).state_dict()
    path = tmp_path / 'weights.safetensors'
    safetensors.torch.save_file(weights, path, {KEY: json.dumps(card)})
    with pytest.raises(ModelError, match='mean must be 0 to 1'):
        Describer(str(path), device='cpu', backend='torch').describe([_image()])


def test_model_info_says_what_is_untrained(describer):
    info = describer.model_info

    assert info.name == 'd2vpr-nano'
    assert (info.descriptor_dim, info.code_bits) == (1024, 512)
    assert info.trained is (not info.weights_id.startswith('untrained'))


def test_bits_are_the_signs_most_significant_first(describer):
    image = _image()
    net = models.create('d2vpr-nano')
    if describer.model_info.trained:
        pytest.skip('compares with the seeded weights')
    with torch.no_grad():
        code = net(preprocess([image], 224)).code[0]
    first = describer.describe([image])[0].code[0]

    assert [bool(first >> (7 - bit) & 1) for bit in range(8)] == [bool(v > 0) for v in code[:8]]


@settings(max_examples=6)
@given(
    sizes=st.lists(st.tuples(st.integers(1, 300), st.integers(1, 300)), min_size=1, max_size=4),
    data=st.data(),
)
def test_description_is_exactly_that_of_the_image_alone(describer, sizes, data):
    images = [_image(*size, seed) for seed, size in enumerate(sizes)]
    order = data.draw(st.permutations(range(len(images))))
    together = describer.describe([images[index] for index in order])

    chosen = data.draw(st.integers(0, len(images) - 1))
    assert _same(together[chosen], describer.describe([images[order[chosen]]])[0])


def test_nothing_is_described_as_nothing(describer):
    assert describer.describe([]) == []


def test_bad_image_is_refused_and_the_next_one_described(describer):
    with pytest.raises(ImageError):
        describer.describe([np.zeros((4, 4), np.uint8)])
    assert len(describer.describe([_image()])) == 1


def test_untrained_weights_are_announced(caplog):
    with caplog.at_level(logging.WARNING):
        info = Describer('d2vpr-nano', device='cpu').model_info

    assert ('no trained weights' in caplog.text) is (not info.trained)


def test_weights_file_is_used_and_identified(tmp_path):
    net = models.create('d2vpr-nano', seed=7)
    path = tmp_path / 'own.safetensors'
    safetensors.torch.save_file(net.state_dict(), path)

    describer = Describer('d2vpr-nano', weights=path, device='cpu')

    assert describer.model_info.trained
    assert describer.model_info.weights_id == models.fingerprint(net)
    assert not _same(
        describer.describe([_image()])[0],
        Describer('d2vpr-nano', device='cpu').describe([_image()])[0],
    )


def test_weights_in_the_users_folder_are_found(tmp_path):
    net = models.create('d2vpr', seed=7)
    safetensors.torch.save_file(net.state_dict(), tmp_path / 'd2vpr.safetensors')

    describer = Describer('d2vpr', device='cpu')

    assert describer.model_info.trained
    assert describer.model_info.code_bits == 0
    assert describer.describe([_image()])[0].code is None


def test_missing_weights_say_how_to_get_them():
    with pytest.raises(
        ModelError, match=r'selavprpp-base are not on this machine: run .vpr weights fetch'
    ):
        Describer('selavprpp-base', device='cpu')


@pytest.mark.parametrize('model', ['d2vpr-encoder', 'cricavpr'])
def test_models_whose_descriptors_depend_on_the_batch_are_refused(model):
    with pytest.raises(ModelError, match='depend on the other images'):
        Describer(model, device='cpu')


def test_work_goes_on_on_the_cpu_when_the_gpu_is_lost(describer, monkeypatch, caplog):
    expected = describer.describe([_image()])
    failing = Describer('d2vpr-nano', device='cpu')

    def lost(batch):
        raise torch.OutOfMemoryError

    monkeypatch.setattr(failing, '_run', lost)
    monkeypatch.setattr(failing, '_net', load_described(resolve('d2vpr-nano'))[0])
    monkeypatch.setattr(failing, 'device', torch.device('meta'))

    assert _same(failing.describe([_image()])[0], expected[0])
    assert failing.device.type == 'cpu'
    assert 'going on on the CPU' in caplog.text


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')
def test_gpu_agrees_with_the_cpu(describer):
    images = [_image(seed=seed) for seed in range(5)]
    pairs = zip(
        describer.describe(images),
        Describer('d2vpr-nano', device='cuda').describe(images),
        strict=True,
    )

    for cpu, gpu in pairs:
        assert np.abs(cpu.descriptor - gpu.descriptor).max() < 1e-3


def test_input_of_another_size_is_part_of_the_identity(tmp_path, monkeypatch):
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path))
    vit = ViTConfig(width=96, depth=2, heads=3)
    entry = replace(models.spec('d2vpr'), options={'vit': vit, 'taps': (1, 2)}, untrained=True)
    monkeypatch.setitem(models.registry._BY_NAME, 'd2vpr', entry)
    small, usual = (Describer('d2vpr', 'cpu', threads=1, size=size) for size in (112, 0))
    assert 'resize=112x112' in small.model_info.preprocessing
    assert 'resize=224x224' in usual.model_info.preprocessing
    assert small.describe([_image()])[0].descriptor.shape == (14 * 192,)
    with pytest.raises(ModelError, match='sides must be'):
        Describer('d2vpr', 'cpu', size=3)
