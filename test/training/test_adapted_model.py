# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An adapted model describes by its file as it was fitted, whatever network it is of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from foreign_networks import onnx_file, script_file
from pictures import blocks

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from vpr_ros.describe import Describer
from vpr_ros.describe.loading import card_for, load_network, resolve
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.maps.coder import ItqCoder
from vpr_ros.training.adapted_model import adapted_map, published, require_adaptable, write_adapted
from vpr_ros.training.adapting import Adaptation
from vpr_ros.training.held_out import AdaptationError

PICTURES = [blocks(seed) for seed in range(6)]


def _adaptation(dim, bits, *, centred=True, seed=2):
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal(dim) / dim**0.5 * centred
    axes = np.linalg.qr(rng.standard_normal((dim, bits)))[0].astype(np.float32)
    coder = ItqCoder(rng.standard_normal(dim).astype(np.float32) / dim, axes)
    return Adaptation(mean, rng.standard_normal((dim, dim)) / dim**0.5, coder, 1.0)


def _adapted(model, path, bits, **options):
    """Return the descriptions by a model, put behind it what was fitted, and by its file."""
    entry, before = resolve(model), Describer(model, threads=1, device='cpu', backend='auto')
    dim = before.model_info.descriptor_dim
    adaptation = _adaptation(dim, bits, **options)
    target = path.with_suffix(require_adaptable(entry))
    write_adapted(entry, load_network(entry)[0], adaptation, target, {'recall': 0.9})
    old = np.array([each.descriptor for each in before.describe(PICTURES)], np.float64)
    return adaptation, adaptation.projected(old), Describer(str(target), threads=1, device='cpu')


def _same(adaptation, wanted, describer, bits):
    found = describer.describe(PICTURES)
    values = np.array([each.descriptor for each in found])
    assert values == pytest.approx(wanted, abs=1e-4)
    weight, bias = adaptation.head
    logits = values @ weight.T + bias
    sure = np.abs(logits) > 1e-4
    codes = np.unpackbits([each.code for each in found], axis=1)
    assert codes.shape == (len(PICTURES), bits)
    assert (codes[sure] == (logits >= 0)[sure]).all()
    assert (describer.model_info.name, describer.model_info.code_bits) == ('own', bits)


@pytest.mark.parametrize('name', ['hog', 'd2vpr-pico'])
def test_written_model_describes_as_it_was_fitted(name, tmp_path):
    adaptation, wanted, describer = _adapted(name, tmp_path / 'own', 64)
    _same(adaptation, wanted, describer, 64)


@pytest.mark.parametrize('kind', ['onnx', 'one by one', 'torchscript'])
def test_adapted_network_of_others_is_one_of_others(kind, tmp_path):
    theirs = tmp_path / ('theirs.ts' if kind == 'torchscript' else 'theirs.onnx')
    if kind == 'torchscript':
        model = script_file(theirs)
    else:
        model = onnx_file(theirs, batch=kind == 'onnx', codes='logits')
    adaptation, wanted, describer = _adapted(model, tmp_path / 'own', 16)
    _same(adaptation, wanted, describer, 16)
    card = card_for(resolve(str(tmp_path / f'own{theirs.suffix}')))
    assert (card.licence, card.figures, card.descriptor_dim) == ('MIT', {'recall': 0.9}, 16)


@pytest.mark.parametrize('kind', ['hog', 'onnx', 'torchscript'])
def test_adapted_model_can_be_adapted_again(kind, tmp_path):
    model = {
        'hog': lambda: 'hog',
        'onnx': lambda: onnx_file(tmp_path / 'theirs.onnx'),
        'torchscript': lambda: script_file(tmp_path / 'theirs.ts'),
    }[kind]()
    _adapted(model, tmp_path / 'first', 16)
    (first,) = (p for p in tmp_path.glob('first*') if p.suffix != '.yaml')
    adaptation, wanted, describer = _adapted(
        str(first), tmp_path / 'own', 16, centred=kind != 'hog', seed=3
    )
    _same(adaptation, wanted, describer, 16)


def test_map_of_the_adapted_model_needs_no_images(tmp_path):
    before = Describer('hog', threads=1)
    with MapWriter.create(tmp_path / 'day.vprmap', before.model_info) as place_map:
        session = place_map.begin_session('day', 0)
        described = before.describe(PICTURES)
        place_map.add(
            [NewPlace(d, session, i, Pose.of((i, 0, 0))) for i, d in enumerate(described)]
        )
    adaptation, _, describer = _adapted('hog', tmp_path / 'own', 64)
    target = tmp_path / 'own.vprmap'
    adapted_map(tmp_path / 'day.vprmap', target, adaptation, describer.model_info)
    with PlaceMap.open(target, model=describer.model_info) as place_map:
        stored = place_map.descriptors(np.arange(len(PICTURES)))
    wanted = [each.descriptor for each in describer.describe(PICTURES)]
    assert stored == pytest.approx(np.array(wanted), abs=2e-3)  # of float16, twice


def test_exported_network_is_refused_with_what_to_do():
    exported = replace(resolve('d2vpr-pico'), file=Path('pico.onnx'))
    with pytest.raises(AdaptationError, match='adapt the model that it was exported from'):
        require_adaptable(exported)


def test_network_whose_descriptors_depend_on_the_batch_is_refused():
    with pytest.raises(AdaptationError, match='depend on the others of a batch'):
        require_adaptable(resolve('cricavpr'))


@pytest.mark.parametrize('killed_at', range(3))
def test_network_is_never_there_without_its_own_card_and_calibration(
    killed_at, tmp_path, monkeypatch
):
    folders = tmp_path / 'older', tmp_path / 'newer', tmp_path / 'place'
    names = 'own.onnx', 'own.yaml', 'own.calibration.yaml'
    for folder in folders:
        folder.mkdir()
        for name in names:
            (folder / name).write_text(folder.name)
    *_, newer, place = folders
    replaced, move = [], Path.replace

    def replace_or_die(file, target):
        if len(replaced) == killed_at:
            raise KeyboardInterrupt
        replaced.append(target)
        return move(file, target)

    monkeypatch.setattr(Path, 'replace', replace_or_die)
    with pytest.raises(KeyboardInterrupt):
        published(newer / 'own.onnx', place / 'own.onnx')
    assert not (place / 'own.onnx').exists()
    monkeypatch.undo()
    published(newer / 'own.onnx', place / 'own.onnx')
    assert {path.name: path.read_text() for path in place.iterdir()} == dict.fromkeys(
        names, 'newer'
    )


def test_model_that_a_full_disk_does_not_take_is_named_and_leaves_the_older_one(
    tmp_path, files_limited_to
):
    newer, place = tmp_path / 'newer', tmp_path / 'place'
    for folder, size in ((newer, 100_000), (place, 10)):
        folder.mkdir()
        (folder / 'own.safetensors').write_bytes(bytes(size))
    target = place / 'own.safetensors'
    with files_limited_to(1000), pytest.raises(OSError, match=str(target)):
        published(newer / 'own.safetensors', target)
    assert target.stat().st_size == 10
    assert list(place.iterdir()) == [target]


def test_torchscript_that_a_full_disk_does_not_take_is_named(tmp_path, files_limited_to):
    entry = resolve(script_file(tmp_path / 'theirs.pt'))
    net, _ = load_network(entry)
    path = tmp_path / 'own.pt'
    with files_limited_to(1000), pytest.raises(OSError, match=str(path)):
        write_adapted(entry, net, _adaptation(16, 16), path, {})
    assert not path.exists()
