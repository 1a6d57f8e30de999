# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model is a name or a file, and a file says by itself what it is."""

import dataclasses
import json

import numpy as np
import pytest
import safetensors.torch
import torch
from commands import run
from pictures import blocks

from vpr_ros import models
from vpr_ros.cli.main import main
from vpr_ros.cli.model_names import require_model
from vpr_ros.describe import Describer
from vpr_ros.describe.explanation import Explainer
from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.errors import ModelError
from vpr_ros.maps.coder import PcaReducer
from vpr_ros.models import Preprocessing
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.weights_file import convert, described_by, save_weights
from vpr_ros.training.pca import PcaRecipe, fit_pca, project_model
from vpr_ros.training.recipe import ModelRecipe, TeacherRecipe
from vpr_ros.training.teacher import open_teacher
from vpr_ros.training.trainable_network import initial_network

TINY_VIT = {'width': 48, 'depth': 4, 'heads': 3, 'native_grid': 4}
VARIANTS = {
    'taps': ('d2vpr', {'vit': TINY_VIT, 'taps': [2, 4], 'code_bits': 16}, 112),
    'no taps': ('d2vpr', {'vit': TINY_VIT, 'taps': []}, 112),
    'plain regions': ('d2vpr', {'vit': TINY_VIT, 'taps': [4], 'regions': 'plain'}, 224),
    'every-2': ('selavprpp-base', {'vit': TINY_VIT, 'adapters': 'every-2'}, 112),
    'float': ('selavprpp-base', {'vit': TINY_VIT, 'branches': 'float'}, 56),
    'hash': ('selavprpp-base', {'vit': TINY_VIT, 'branches': 'hash', 'code_bits': 32}, 56),
    'nano': ('d2vpr-nano', {'region_dim': 16, 'whole_dim': 8, 'grid': 4, 'code_bits': 24}, 64),
    'pico': ('d2vpr-pico', {'region_dim': 16, 'depth': 1, 'grid': 4}, 64),
}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    folder = tmp_path / 'weights'
    folder.mkdir()
    monkeypatch.setenv('VPR_WEIGHTS', str(folder))
    return folder


def write(path, name, options, size, own_name='', seed=3):
    """Write a variant of a model with random weights; return its network."""
    registered = models.spec(name)
    entry = dataclasses.replace(
        registered,
        options={**registered.options, **options},
        preprocessing=Preprocessing(size),
    )
    net = models.network_of(entry)
    net.load_state_dict(models.initial_state(net, seed), assign=True)
    card = card_of(entry, net, ModelCard(name, own_name, licence='MIT'))
    save_weights(path, net.state_dict(), card)
    return net


@pytest.mark.parametrize('kind', VARIANTS)
def test_variant_is_described_explained_and_trained_by_its_file_alone(kind, tmp_path):
    name, options, size = VARIANTS[kind]
    path = tmp_path / 'mine.safetensors'
    net = write(path, name, options, size)

    describer = Describer(str(path), device='cpu', threads=1, backend='torch')
    assert describer.model_info.weights_id == models.fingerprint(net)
    assert describer.model_info.preprocessing == Preprocessing(size).id
    with torch.inference_mode():
        assert describer.describe([blocks(0)])[0].descriptor.shape == (
            net(torch.zeros(1, 3, size, size)).descriptor.shape[1],
        )
    if kind != 'pico':
        assert Explainer(str(path)).explain(blocks(0)).weight.sum() == pytest.approx(1, abs=1e-4)
    again = initial_network(ModelRecipe(str(path)), seed=0)
    assert models.fingerprint(again) == models.fingerprint(net)
    assert open_teacher(TeacherRecipe('model', name=str(path))).size == size
    # The name of the network and the file, as before.
    assert Describer(name, 'cpu', path, 1, backend='torch').model_info == describer.model_info


def test_own_model_is_found_by_its_name_in_the_weights_folder(folder, tmp_path):
    write(folder / 'mine-16.safetensors', *VARIANTS['nano'], own_name='mine-16')

    info = Describer('mine-16', device='cpu', threads=1, backend='torch').model_info
    assert info.name == 'mine-16'
    with pytest.raises(ModelError, match='its own weights'):
        Describer('mine-16', 'cpu', tmp_path / 'x.safetensors')


def test_own_models_are_listed_with_what_their_files_say(folder, capsys):
    write(folder / 'mine-16.safetensors', *VARIANTS['nano'], own_name='mine-16')
    (folder / 'broken.safetensors').write_bytes(b'nothing')
    (folder / 'alone.yaml').write_text('model: onnx')
    with pytest.raises(SystemExit) as end:
        main(['weights', 'list', '--json'])
    assert end.value.code == 0
    listed = {e['name']: e for e in json.loads(capsys.readouterr().out)['weights']}
    assert (listed['mine-16']['state'], listed['mine-16']['licence']) == ('yes, your own', 'MIT')
    assert listed['mine-16']['origin']['model'] == 'd2vpr-nano'
    assert listed['broken']['state'].startswith('cannot be used')
    assert 'a card without a network' in listed['alone']['state']
    with pytest.raises(SystemExit) as end:
        main(['weights', 'list'])
    assert end.value.code == 0


def _shown(capsys, model):
    assert run('weights', 'show', model, '--json') == 0
    return json.loads(capsys.readouterr().out)


def test_codes_of_a_model_are_shown_as_its_network_makes_them(tmp_path, capsys):
    for name in ('nano', 'no taps'):
        write(tmp_path / f'{name}.safetensors', *VARIANTS[name])
    shown = [
        _shown(capsys, model)
        for model in (
            'd2vpr-nano',
            tmp_path / 'nano.safetensors',
            tmp_path / 'no taps.safetensors',
        )
    ]
    codes = [(each['codes'], each['code_bits']) for each in shown]
    assert codes == [('network', 512), ('network', 24), ('itq', 0)]


@pytest.mark.parametrize('backend', ['torch', 'auto'])
def test_weights_with_which_nothing_is_described_are_refused_when_loaded(
    tmp_path, capsys, backend
):
    path, card = tmp_path / 'huge.safetensors', ModelCard('d2vpr-pico')
    state = models.create('d2vpr-pico').state_dict()
    for value in state.values():
        if value.is_floating_point():
            value.fill_(1e30)
    save_weights(path, state, card)
    said = 'huge.safetensors describes nothing: its descriptors are not finite'
    with pytest.raises(ModelError, match=said):
        Describer(str(path), device='cpu', threads=1, backend=backend)
    assert run('weights', 'show', path) == 1
    assert said in ' '.join(capsys.readouterr().err.split())


@pytest.mark.parametrize('name', ['here', 'here.safetensors'])
def test_folder_in_the_place_of_a_model_is_called_one(name, tmp_path, capsys):
    (tmp_path / name).mkdir()
    with pytest.raises(ModelError, match='is a folder'):
        resolve(str(tmp_path / name))
    given = 'map', 'build', tmp_path / 'm.vprmap', tmp_path / 'bag', '--model', tmp_path / name
    assert run(*given) == 2
    assert 'is a folder' in ' '.join(capsys.readouterr().err.split())


def test_folder_with_the_name_of_a_model_does_not_hide_it(tmp_path, monkeypatch):
    (tmp_path / 'd2vpr-pico').mkdir()
    monkeypatch.chdir(tmp_path)
    assert resolve('d2vpr-pico').name == 'd2vpr-pico'
    require_model('d2vpr-pico')


@pytest.mark.parametrize('name', ['../mine', '/etc/passwd', '', 'mine/..', 'x' * 400])
def test_what_is_no_name_leads_to_no_file(name):
    with pytest.raises(ModelError, match='there is no model'):
        resolve(name)


def test_weights_of_another_network_are_named(tmp_path):
    path = tmp_path / 'a.safetensors'
    write(path, *VARIANTS['nano'])
    for use in (lambda: resolve('d2vpr', path), lambda: convert(path, 'd2vpr')):
        with pytest.raises(ModelError, match='holds weights of d2vpr-nano, not of d2vpr'):
            use()


def test_file_without_a_card_wants_the_name_of_its_network(tmp_path):
    path = tmp_path / 'a.safetensors'
    state = models.create('d2vpr-nano', grid=4).state_dict()
    safetensors.torch.save_file(state, path)
    with pytest.raises(ModelError, match='has no model card: name the network'):
        resolve(str(path))
    with pytest.raises(ModelError, match='there is no model file'):
        resolve(str(tmp_path / 'b.safetensors'))


def test_card_that_does_not_fit_its_weights_is_refused(tmp_path):
    path = tmp_path / 'a.safetensors'
    write(path, *VARIANTS['nano'])
    card, state = described_by(path), models.load_weights(path)
    save_weights(path, state, dataclasses.replace(card, options=card.options | {'grid': 14}))
    load_network(resolve(str(path)))  # weights do not depend on the grid: nothing to refuse yet
    wrong = card.options | {'region_dim': 17}
    save_weights(path, state, dataclasses.replace(card, options=wrong))
    with pytest.raises(ModelError, match='of another shape'):
        load_network(resolve(str(path)))


def test_published_file_with_the_float_branch_only_is_converted_and_used(tmp_path, monkeypatch):
    entry = models.spec('selavprpp-base')
    small = dataclasses.replace(entry, options={'vit': TINY_VIT}, preprocessing=Preprocessing(56))
    monkeypatch.setitem(models.registry._BY_NAME, entry.name, small)
    for branches, bits in (('float', 0), ('hash', 40), ('both', 40)):
        net = models.create(entry.name, branches=branches, descriptor_dim=96, code_bits=40)
        path = tmp_path / f'{branches}.pth'
        torch.save({f'module.{key}': v for key, v in net.state_dict().items()}, path)

        written = convert(path, entry.name, tmp_path / f'{branches}.safetensors')
        info = Describer(str(written), device='cpu', threads=1, backend='torch').model_info
        assert info.code_bits == bits
        assert info.weights_id == models.fingerprint(net)
        assert Describer(entry.name, 'cpu', path, 1, backend='torch').model_info == info


def pictures(folder, count=24):
    from PIL import Image

    folder.mkdir()
    for seed in range(count):
        Image.fromarray(blocks(seed)).save(folder / f'{seed:02d}.png')
    return folder


def test_projection_becomes_part_of_a_model(tmp_path, folder):
    path, pca = tmp_path / 'nano.safetensors', tmp_path / 'pca.safetensors'
    write(path, *VARIANTS['nano'])
    source = {'kind': 'photos', 'folder': str(pictures(tmp_path / 'photos'))}
    recipe = PcaRecipe('pca', str(path), source, dim=12)
    reducer = fit_pca(recipe, pca, lambda *_: None)

    arguments = ['weights', 'project', str(path), '--pca', str(pca), '--dim', '8']
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    assert [file.name for file in folder.iterdir()] == ['d2vpr-nano-8.safetensors']

    image = blocks(99)
    whole = Describer(str(path), device='cpu', threads=1, backend='torch').describe([image])[0]
    projected = Describer('d2vpr-nano-8', device='cpu', threads=1, backend='torch')
    found = projected.describe([image])[0]
    shorter = PcaReducer(reducer.mean, reducer.projection[:, :8])
    assert np.abs(found.descriptor - shorter.reduce(whole.descriptor[None])[0]).max() < 1e-6
    assert np.array_equal(found.code, whole.code)
    assert projected.model_info.name == 'd2vpr-nano-8'
    assert described_by(folder / 'd2vpr-nano-8.safetensors').licence == 'MIT'

    again = tmp_path / 'again.safetensors'
    project_model(str(path), None, pca, 8, again)
    assert again.read_bytes() == (folder / 'd2vpr-nano-8.safetensors').read_bytes()
    for model, dim, reason in (
        ('d2vpr-nano-8', 4, 'cannot be projected'),
        (str(path), 13, 'has 12 components'),
        ('hog', 4, 'cannot be projected'),
    ):
        with pytest.raises(ModelError, match=reason):
            project_model(model, None, pca, dim, again)
    write(path, *VARIANTS['nano'], seed=4)
    with pytest.raises(ModelError, match='fitted with other weights'):
        project_model(str(path), None, pca, 4, again)
    pca.write_bytes(pca.read_bytes()[:-100])
    with pytest.raises(ModelError, match='is no file of'):
        project_model(str(path), None, pca, 4, again)


def test_weights_without_a_card_are_projected_and_get_one(tmp_path):
    path, pca = tmp_path / 'pico.pth', tmp_path / 'pca.safetensors'
    torch.save(models.create('d2vpr-pico', seed=5).state_dict(), path)
    source = {'kind': 'photos', 'folder': str(pictures(tmp_path / 'photos', 8))}
    recipe = PcaRecipe('pca', 'd2vpr-pico', source, dim=6, weights=str(path))
    fit_pca(recipe, pca, lambda *_: None)

    written = tmp_path / 'short.safetensors'
    card = project_model('d2vpr-pico', path, pca, 4, written)
    assert (card.model, card.name, card.projection) == ('d2vpr-pico', 'd2vpr-pico-4', (512, 4))
    info = Describer(str(written), device='cpu', threads=1, backend='torch').model_info
    assert (info.name, info.descriptor_dim) == ('d2vpr-pico-4', 4)


def test_exported_file_is_a_model_by_itself(tmp_path):
    pytest.importorskip('onnx')
    pytest.importorskip('onnxruntime')
    path, exported = tmp_path / 'nano.safetensors', tmp_path / 'nano.onnx'
    write(path, *VARIANTS['nano'], own_name='mine')
    with pytest.raises(SystemExit) as end:
        main(['export', str(path), '--output', str(exported)])
    assert end.value.code == 0

    one = Describer(str(path), device='cpu', threads=1, backend='torch')
    other = Describer(str(exported), threads=1)
    assert (other.backend, other.model_info) == ('onnx', one.model_info)
    with pytest.raises(ModelError, match='cannot be projected'):
        project_model(str(exported), None, tmp_path / 'pca.safetensors', 4, path)
