# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`vpr train adapt`, and what its files are for: maps, queries, evaluation, calibration."""

from __future__ import annotations

import json
from contextlib import redirect_stdout
from io import StringIO

import cv2
import pytest
from adapted_drives import HELD, NEAR, adapt, elsewhere, seen, write_drives
from camera_bags import write_drive
from commands import run

from vpr_ros.describe import Describer
from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.localize import Calibration


@pytest.fixture(scope='module')
def drives(tmp_path_factory):
    return write_drives(tmp_path_factory.mktemp('drives'))


@pytest.fixture(scope='module')
def adapted(drives):
    with redirect_stdout(StringIO()) as said:
        assert adapt(drives, drives / 'own.safetensors', *elsewhere(drives), '--json') == 0
    (drives / 'said.json').write_text(said.getvalue())
    given = drives / 'day.vprmap', '--model', drives / 'own.safetensors', '--bag', drives / 'day'
    assert run('map', 'redescribe', *given, '-o', drives / 'own.vprmap') == 0
    return drives


def _recall(capsys, place_map, bag, *more):
    capsys.readouterr()
    assert run('evaluate', 'bag', place_map, bag, *NEAR, *more, '--json') == 0
    return json.loads(capsys.readouterr().out)


def test_adapted_model_recognises_more_in_its_map(adapted, capsys):
    before = _recall(capsys, adapted / 'day.vprmap', adapted / 'night')
    own = '--model', adapted / 'own.safetensors'
    after = _recall(capsys, adapted / 'own.vprmap', adapted / 'night', *own)
    recalls = [each['summary']['recall']['1'] for each in (before, after)]
    assert recalls[1] > recalls[0] + 0.3


def test_map_built_by_the_adapted_model_is_that_described_anew(adapted, tmp_path, capsys):
    built = tmp_path / 'built.vprmap'
    options = '--model', adapted / 'own.safetensors', '--keyframe-distance', 1
    assert run('map', 'build', built, adapted / 'day', *options) == 0
    capsys.readouterr()
    infos = []
    for path in (built, adapted / 'own.vprmap'):
        assert run('map', 'info', path, '--json') == 0
        infos.append(json.loads(capsys.readouterr().out))
    assert infos[0]['model'] == infos[1]['model']
    assert infos[0]['places'] == infos[1]['places']


def test_photo_is_found_in_the_map_of_the_adapted_model(adapted, tmp_path, capsys):
    cv2.imwrite(str(tmp_path / 'photo.png'), seen(50, 7))
    own = '--model', adapted / 'own.safetensors'
    calibrated = '--calibration', adapted / 'own.calibration.yaml'
    place_map, photo = adapted / 'own.vprmap', tmp_path / 'photo.png'
    capsys.readouterr()
    assert run('query', place_map, photo, *own, *calibrated, '--json') == 0
    answer = json.loads(capsys.readouterr().out)
    (found,) = answer['answers']
    assert found['candidates'][0]['pose'][0] == 100.0


def test_calibration_is_of_the_adapted_model_and_judges_drives(adapted, capsys):
    path = adapted / 'own.calibration.yaml'
    calibration = Calibration.load(path)
    calibration.require(Describer(str(adapted / 'own.safetensors')).model_info)
    assert calibration.precision == 0.995
    own = '--model', adapted / 'own.safetensors', '--calibration', path
    found = _recall(
        capsys, adapted / 'own.vprmap', adapted / 'night', *own, '--temporal', 'sequence'
    )
    assert found['summary']['score'] == 'probability'
    lost = _recall(capsys, adapted / 'own.vprmap', adapted / 'elsewhere0', *own)
    assert not [q for q in lost['queries'] if q['status'] == 'LOCALIZED']


def test_precision_that_the_held_out_images_prove_is_told(adapted):
    said = json.loads((adapted / 'said.json').read_text())
    found = said['own']
    assert 60 <= found['images'] <= 64  # a filter has no answer to some of the first
    assert (found['wrong'], said['won'] >= 5) == (0, True)
    # None wrong of so many: 0.05 ** (1 / n), Clopper and Pearson.
    assert found['precision'] == pytest.approx(0.05 ** (1 / found['accepted']))


def test_calibration_is_not_taken_for_the_model_before(adapted, capsys):
    path = adapted / 'own.calibration.yaml'
    given = adapted / 'day.vprmap', adapted / 'night', '--calibration', path
    assert run('evaluate', 'bag', *given) == 1
    assert 'another model' in capsys.readouterr().err


def test_too_few_worlds_are_said_to_be_too_few_and_an_older_calibration_goes(drives, capsys):
    output = drives / 'alone.safetensors'
    old = output.with_suffix('.calibration.yaml')
    old.write_text('of a model of this name before')
    capsys.readouterr()
    one = '--elsewhere', drives / 'elsewhere0'
    assert adapt(drives, output, *one, '--json') == 0
    answer = json.loads(capsys.readouterr().out)
    assert output.exists()
    assert not old.exists()
    assert answer['calibration'] is None
    assert 'too few worlds' in answer['why_not']
    assert '2 of drives in known places and 1 of drives elsewhere' in answer['why_not']
    assert answer['after'] > answer['before']


def test_model_that_is_there_is_replaced_only_by_force(drives, tmp_path, capsys):
    output = tmp_path / 'own.safetensors'
    output.write_text('a model')
    assert adapt(drives, output) == 1
    assert f'{output} is already there; --force replaces it' in capsys.readouterr().err
    assert output.read_text() == 'a model'
    assert adapt(drives, output, '--force') == 0
    assert resolve(str(output)).name == 'own'


def test_model_is_not_there_without_its_calibration(drives, tmp_path, monkeypatch):
    """Stopped while it calibrates, the command has written nothing."""
    found = []

    def stopped(*_, **means):
        found.append(resolve(means['model']).name)
        raise KeyboardInterrupt

    monkeypatch.setattr('vpr_ros.cli.recalibrating.recalibrate', stopped)
    older = tmp_path / 'own.calibration.yaml'
    older.write_text('of a model of this name before')
    adapt(drives, tmp_path / 'own.safetensors')
    assert found == ['own']
    assert list(tmp_path.iterdir()) == [older]


@pytest.mark.parametrize('command', ['calibrate', 'train adapt'])
def test_bag_that_the_map_was_made_from_is_not_elsewhere(command, drives, tmp_path, capsys):
    elsewhere = '--elsewhere', drives / 'day'
    output = tmp_path / 'own.safetensors'
    if command == 'calibrate':
        given = drives / 'day.vprmap', drives / 'night', *elsewhere, '-o', tmp_path / 'c.yaml'
        assert run('calibrate', *given) == 1
    else:
        assert adapt(drives, output, *elsewhere) == 1
    error = ' '.join(capsys.readouterr().err.split())
    assert 'day.vprmap was made from day: a bag from elsewhere shows none' in error
    assert not list(tmp_path.iterdir())


def test_what_was_held_out_of_the_drives_calibrates_and_nothing_else(adapted):
    data = Calibration.load(adapted / 'own.calibration.yaml').data
    assert [(each['query'], each['frames']) for each in data] == [
        ('evening', 32),
        ('night', 32),
        ('elsewhere0', 40),
        ('elsewhere1', 40),
    ]


def test_bag_from_elsewhere_that_is_not_there_is_told_before_anything_is_written(
    drives, tmp_path, capsys
):
    output = tmp_path / 'own.safetensors'
    assert adapt(drives, output, '--elsewhere', tmp_path / 'nowhere') == 1
    assert 'nowhere' in capsys.readouterr().err
    assert not output.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_one_drive_is_calibrated_by_simulated_worlds(drives, tmp_path, capsys):
    output = tmp_path / 'simulated.safetensors'
    given = drives / 'day.vprmap', '--bag', drives / 'night', '--hold-out', *HELD, *NEAR
    capsys.readouterr()
    assert run('train', 'adapt', *given, '-o', output, '--json') == 0
    own = json.loads(capsys.readouterr().out)['own']
    assert own['images'] <= 32  # not what the drive is answered in simulated maps
    calibration = Calibration.load(output.with_suffix('.calibration.yaml'))
    calibration.require(Describer(str(output)).model_info)
    known = {each['map'] for each in calibration.data}
    assert known >= {'day.vprmap', 'simulated-town.vprmap', 'simulated-building.vprmap'}


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (('--hold-out', '0.5', '0.2'), 'two rising shares'),
        (('--hold-out', '0', '1'), 'two rising shares'),
        (('-o', 'd2vpr-nano.safetensors'), 'a file of its own'),
        (('--bag', './no-bag'), 'given twice'),
        (('--elsewhere', 'no-bag'), 'given twice'),
        (('-o', 'my model.safetensors'), 'is no name'),
        (('-o', 'n' * 65 + '.safetensors'), 'is no name'),
        (('-o', 'own.pt'), 'ends in .safetensors'),
    ],
)
def test_wrong_options_are_told_before_the_work(words, said, drives, tmp_path, capsys):
    output = () if '-o' in words else ('-o', tmp_path / 'own.safetensors')
    given = drives / 'day.vprmap', '--bag', 'no-bag'
    assert run('train', 'adapt', *given, *output, *words) == 2
    assert said in ' '.join(capsys.readouterr().err.split())


def test_bag_that_is_recognised_already_adapts_nothing(tmp_path, capsys):
    bag, place_map = write_drive(tmp_path / 'drive', seconds=20), tmp_path / 'day.vprmap'
    topics = '--image-topic', '/front/image_raw'
    spacing = '--keyframe-distance', '0.1'
    assert run('map', 'build', place_map, bag, '--model', 'hog', *topics, *spacing) == 0
    target = tmp_path / 'own.safetensors'
    given = '--bag', bag, '-o', target, '--tolerance', 0.15
    assert run('train', 'adapt', place_map, *given, *topics) == 1
    error = ' '.join(capsys.readouterr().err.split())
    assert 'nothing is written: of 30 held-out images 100.0% were recognised before' in error
    assert not target.exists()


def test_side_adapters_are_trained_if_asked(drives, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr('vpr_ros.training.side_adapters._STEPS', 2)
    day, own = tmp_path / 'day.vprmap', tmp_path / 'own.safetensors'
    spacing = '--keyframe-distance', 1
    assert run('map', 'build', day, drives / 'day', '--model', 'd2vpr-pico', *spacing) == 0
    bags = '--bag', drives / 'evening', '--bag', drives / 'night', '--hold-out', *HELD, *NEAR
    capsys.readouterr()
    given = *bags, '--no-simulate', '--adapters', '-o', own, '--json'
    assert run('train', 'adapt', day, *given) == 0
    assert json.loads(capsys.readouterr().out)['won'] >= 5
    network = load_network(resolve(str(own)))[0]
    assert network.net.refinement.blocks[0].adapter.D_fc2.weight.any()
