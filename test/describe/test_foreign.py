# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks of others: an ONNX or TorchScript file and a card are a model like any other."""

import json
import warnings

import cv2
import numpy as np
import pytest
import torch
from commands import run
from foreign_networks import Theirs, odd_file, onnx_file, script_file, write_card
from pictures import blocks
from torch import nn

from vpr_ros.cli.main import main
from vpr_ros.describe import Describer, DeviceError
from vpr_ros.describe.explanation import Explainer
from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.errors import ImageError, MapError, ModelError
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.mapping.redescribing import redescribe
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.models import Preprocessing
from vpr_ros.search import Retriever
from vpr_ros.training.recipe import ModelRecipe, TeacherRecipe
from vpr_ros.training.teacher import open_teacher
from vpr_ros.training.trainable_network import initial_network

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')


@pytest.fixture(params=['onnx', 'one by one', 'torchscript'])
def theirs(request, tmp_path):
    if request.param == 'torchscript':
        return script_file(tmp_path / 'theirs.pt')
    return onnx_file(tmp_path / 'theirs.onnx', batch=request.param == 'onnx')


def test_network_of_others_makes_a_map_that_is_searched(theirs, tmp_path):
    describer = Describer(theirs, threads=1, device='cpu')
    pictures = [blocks(seed) for seed in range(12)]
    rule = Preprocessing(24, 32, fit='crop', mean=(0.5,) * 3, std=(1,) * 3)
    with torch.no_grad():
        expected = Theirs()(preprocess(pictures, rule))[0].flatten(1)
    described = describer.describe(pictures)
    for found, wanted in zip(described, nn.functional.normalize(expected), strict=True):
        assert np.abs(found.descriptor - wanted.numpy()).max() < 1e-5

    info = describer.model_info
    assert (info.name, info.descriptor_dim, info.code_bits) == ('theirs', 16, 0)
    assert info.preprocessing == rule.id
    with MapWriter.create(tmp_path / 'm.vprmap', info) as place_map:
        session = place_map.begin_session('run', 0)
        places = [NewPlace(d, session, i, Pose.of((i, 0, 0))) for i, d in enumerate(described)]
        ids = place_map.add(places)
        found = Retriever(place_map).search(describer.describe([pictures[3]])[0], k=1)
    assert found.ids[0] == ids[3]  # by codes that the map made itself


def test_few_pictures_are_searched_and_explained_by_its_file(theirs, tmp_path, capsys):
    describer = Describer(theirs, threads=1, device='cpu')
    path, photo = tmp_path / 'm.vprmap', tmp_path / 'photo.png'
    pictures = [blocks(seed) for seed in range(12)]
    with MapWriter.create(path, describer.model_info) as place_map:
        session = place_map.begin_session('run', 0)
        described = enumerate(describer.describe(pictures))
        places = [NewPlace(d, session, i, Pose.of((i, 0, 0))) for i, d in described]
        place_map.add(places)
    cv2.imwrite(str(photo), pictures[3][..., ::-1])
    named = '--model', theirs, '--device', 'cpu'
    assert run('query', path, photo, *named, '--verify', 'none', '--json') == 0
    assert '"candidates"' in capsys.readouterr().out
    drawn = tmp_path / 'drawn.png'
    assert run('explain', path, photo, *named, '--output', drawn) == 0
    assert drawn.is_file()


def test_network_of_others_teaches_and_is_explained_but_not_trained_or_exported(
    theirs, tmp_path, capsys
):
    Explainer(theirs)
    with pytest.raises(ModelError, match='square inputs'):
        open_teacher(TeacherRecipe('model', name=theirs))
    from vpr_ros.training.overriding import RecipeError

    with pytest.raises(RecipeError, match='nothing to train'):
        initial_network(ModelRecipe(theirs), 0)
    assert main(['export', theirs, '--output', str(tmp_path / 'x.onnx')]) == 1
    assert 'is no network with weights of ours' in capsys.readouterr().err


def test_network_of_others_computes_with_the_threads_asked_for(tmp_path, monkeypatch):
    from vpr_ros.describe import onnx_export

    given, opened = [], onnx_export.cpu_session

    def noted(source, threads):
        given.append(threads)
        return opened(source, threads)

    monkeypatch.setattr(onnx_export, 'cpu_session', noted)
    Describer(onnx_file(tmp_path / 'theirs.onnx'), threads=3)
    assert given == [3]


def test_output_of_the_card_is_the_code(tmp_path):
    path = onnx_file(tmp_path / 'coded.onnx', codes='logits')
    image = blocks(1)
    describer = Describer(path, threads=1)
    assert describer.model_info.code_bits == 24
    with torch.no_grad():
        logits = Theirs()(preprocess([image], resolve(path).preprocessing))[1][0]
    assert np.array_equal(describer.describe([image])[0].code, np.packbits(logits.numpy() >= 0))


def test_card_or_name_leads_to_the_file_too(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('VPR_WEIGHTS', str(tmp_path))
    path = onnx_file(tmp_path / 'theirs.onnx')
    info = Describer(path, threads=1).model_info
    assert Describer('theirs', threads=1).model_info == info
    assert Describer(str(tmp_path / 'theirs.yaml'), threads=1).model_info == info
    with pytest.raises(SystemExit) as end:
        main(['weights', 'show', 'theirs', '--json'])
    assert end.value.code == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown['name'], shown['descriptor_dim'], shown['licence']) == ('theirs', 16, 'MIT')


@pytest.mark.parametrize(
    ('kind', 'changes', 'reason'),
    [
        ('', {'descriptor_dim': 17}, 'have the length 16, not 17'),
        ('', {'preprocessing': {'height': 32}}, 'does not do what its card says'),
        ('', {'codes': 'none'}, "outputs are feature, logits: .* 'none' for codes"),
        ('', {'codes': 'logits', 'code_bits': 512}, 'have 24 bits, not 512'),
        ('', {'code_bits': 24}, 'no output is named for codes'),
        ('', {'projection': [16, 8]}, 'projection of its card belongs to'),
        ('', {'options': {'depth': 3}}, 'options of its card belongs to'),
        ('code of the batch', {'codes': 'logits'}, 'code of an image depends on the others'),
        ('constant code', {'codes': 'logits'}, 'the same code'),
        ('code without numbers', {'codes': 'logits'}, 'is not finite'),
        ('one code', {'codes': 'logits'}, '2 images have 1 codes'),
        ('no code', {'codes': 'logits'}, 'codes have 0 bits'),
        ('', {'licence': ''}, 'must say preprocessing, descriptor_dim, licence'),
        ('', {'model': 'd2vpr'}, 'must be onnx, not d2vpr'),
        ('batch', {}, 'depends on the others'),
        ('constant', {}, 'the same descriptor'),
        ('nan', {}, 'not finite'),
    ],
)
def test_network_that_does_not_do_what_its_card_says_is_refused(tmp_path, kind, changes, reason):
    path = onnx_file(tmp_path / 'theirs.onnx', kind, **changes)
    with pytest.raises(ModelError, match=reason):
        load_network(resolve(path))


@pytest.mark.parametrize(
    ('kind', 'said'),
    [
        ('nan', 'is not finite'),
        ('shorter', 'odd.pt fails on an image: descriptors have the length 8, not 16'),
        ('two', '1 images have 2 descriptors'),
        ('none', '1 images have 0 descriptors'),
        ('error', r'odd.pt fails on an image: .*shape .*\[3, 7\]'),
    ],
)
def test_image_that_a_network_of_others_fails_on_is_refused_alone(kind, said, tmp_path):
    describer = Describer(odd_file(tmp_path / 'odd.pt', kind), device='cpu', threads=1)
    usual, white = blocks(1), np.full((24, 32, 3), 255, np.uint8)
    with pytest.raises(ImageError, match=said):
        describer.describe([usual, white])
    (expected,), (found,) = (describer.describe([usual]) for _ in range(2))
    assert np.array_equal(found.descriptor, expected.descriptor)


def test_places_whose_image_a_network_fails_on_lack_one(tmp_path):
    describer = Describer(odd_file(tmp_path / 'odd.pt', 'nan'), device='cpu', threads=1)
    pictures = [blocks(1), np.full((24, 32, 3), 255, np.uint8), blocks(2)]
    before = Describer('hog', threads=1)
    path = tmp_path / 'm.vprmap'
    with MapWriter.create(path, before.model_info) as place_map:
        session = place_map.begin_session('run', 0)
        for i, (picture, description) in enumerate(
            zip(pictures, before.describe(pictures), strict=True)
        ):
            thumbnail = encode_thumbnail(picture, 320)
            pose = Pose.of((i, 0, 0))
            place_map.add([NewPlace(description, session, i, pose, thumbnail=thumbnail)])
        with pytest.raises(MapError, match='1 of 3 places'):
            redescribe(place_map, describer, [])
        done = redescribe(place_map, describer, [], drop_missing=True)
        assert (done.from_thumbnails, done.dropped) == (2, 1)
        assert place_map.snapshot.columns.stamps.tolist() == [0, 2]


def test_output_that_is_the_code_is_part_of_the_identity(tmp_path):
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 32, 16))
    heads = nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 16)])

    class Three(nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.heads = net, heads

        def forward(self, images):
            found = self.net(images)
            return found, self.heads[0](found), self.heads[1](found)

    path = tmp_path / 'three.pt'
    identities = []
    for codes in ('', '1', '2'):
        script_file(path, Three())
        write_card(path, model='torchscript', codes=codes)
        identities.append(load_network(resolve(str(path)))[1])
    assert len({*identities}) == 3


def test_file_of_others_without_a_card_is_said_to_need_one(tmp_path):
    path = tmp_path / 'theirs.onnx'
    onnx_file(path)
    path.with_suffix('.yaml').unlink()
    with pytest.raises(
        ModelError, match=r'A network of others needs a model card, .*theirs\.yaml'
    ):
        resolve(str(path))


def test_only_output_cannot_be_the_code(tmp_path):
    path = tmp_path / 'theirs.onnx'
    onnx_file(path)
    import onnx

    graph = onnx.load(path)
    del graph.graph.output[1:]
    onnx.save(graph, path)
    Describer(str(path), threads=1)
    write_card(path, codes='feature')
    with pytest.raises(ModelError, match='outputs are feature: there must be one of descriptors'):
        load_network(resolve(str(path)))


def test_weights_beside_an_onnx_file_are_part_of_its_identity(tmp_path):
    import onnx

    path, beside = tmp_path / 'theirs.onnx', tmp_path / 'weights.bin'
    onnx_file(path)
    options = {'save_as_external_data': True, 'location': beside.name, 'size_threshold': 0}
    onnx.save(onnx.load(path), path, **options)
    first = load_network(resolve(str(path)))[1]
    assert load_network(resolve(str(path)))[1] == first
    beside.write_bytes(beside.read_bytes()[:-4] + np.float32(0.25).tobytes())
    assert load_network(resolve(str(path)))[1] != first


def test_file_that_is_damaged_or_has_no_card_is_refused_with_its_name(tmp_path):
    for name in ('a.onnx', 'a.pt'):
        path = tmp_path / name
        path.write_bytes(b'\x08\x07nonsense')
        with pytest.raises(ModelError, match=name):
            resolve(str(path))
        write_card(path, model='onnx' if name == 'a.onnx' else 'torchscript')
        with pytest.raises(ModelError, match=f'{name} cannot be used'):
            load_network(resolve(str(path)))
        path.with_suffix('.yaml').unlink()
    alone = write_card(tmp_path / 'b.onnx').replace('.onnx', '.yaml')
    with pytest.raises(ModelError, match='a card without a network'):
        resolve(alone)


class _Reads(nn.Module):
    def forward(self, images):
        return images.flatten(1) + torch.from_file('/etc/passwd', False, 1)


class _OnLoad(nn.Module):
    def forward(self, images):
        return images.flatten(1)

    @torch.jit.export
    def __getstate__(self):
        return 1, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[int, bool]):
        self.training = state[1]


class _Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = _Reads()

    def forward(self, images):
        if images.shape[0] > 1:
            return self.inner(images)
        return images.flatten(1)


def _scripted(net, path):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.jit.script(net).save(path)
    return resolve(write_card(path, model='torchscript'))


def test_script_that_runs_code_while_it_is_loaded_is_not_loaded(tmp_path, monkeypatch):
    entry = _scripted(_OnLoad(), tmp_path / 'theirs.pt')
    monkeypatch.setattr(torch.jit, 'load', lambda *_, **__: pytest.fail('loaded'))
    with pytest.raises(ModelError, match='asks for more than numbers: __'):
        load_network(entry)


@pytest.mark.parametrize('net', [_Reads(), _Deep()], ids=['at once', 'deep inside'])
def test_script_that_reads_files_is_not_run(net, tmp_path):
    entry = _scripted(net, tmp_path / 'theirs.pt')
    with pytest.raises(ModelError, match='asks for more than numbers: aten::from_file'):
        load_network(entry)


def test_what_cannot_compute_it_is_said(tmp_path):
    path = onnx_file(tmp_path / 'theirs.onnx')
    for options in ({'backend': 'torch'}, {'precision': 'int8'}):
        with pytest.raises(DeviceError, match='is computed by onnx'):
            Describer(path, device='cpu', threads=1, **options)


@pytest.mark.parametrize(('model', 'codes'), [('d2vpr-pico', 'network'), ('hog', 'itq')])
def test_where_the_codes_of_our_own_models_come_from_is_shown(model, codes, capsys):
    with pytest.raises(SystemExit) as end:
        main(['weights', 'show', model, '--json'])
    assert end.value.code == 0
    assert json.loads(capsys.readouterr().out)['codes'] == codes
