# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
import json

import pytest
from evaluation_bags import PLACES, SampleDescriber, build_map, look, write_traverse

from vpr_ros.cli.main import main
from vpr_ros.localize import Calibration


@pytest.fixture(scope='module')
def drives(tmp_path_factory):
    """A map of 12 places, two drives of which every other frame is a picture of nothing."""
    folder = tmp_path_factory.mktemp('drives')
    day = write_traverse(folder / 'day', [look(i) for i in range(PLACES)], range(0, 96, 8))
    build_map(folder / 'day.vprmap', day)
    for seed in (1, 2):
        pictures = [look(i % PLACES if i % 2 else 100 * seed + i, noise=8) for i in range(80)]
        positions = [8.0 * (i % PLACES) for i in range(80)]
        write_traverse(folder / f'drive{seed}', pictures, positions)
    return folder


@pytest.fixture(autouse=True)
def _sample_describer(monkeypatch):
    monkeypatch.setattr('vpr_ros.describe.Describer', SampleDescriber)


def run(*arguments):
    try:
        return main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code


def test_map_and_bags_give_a_calibration_that_commands_take(drives, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')  # standard output is not cut to it
    path, figure = tmp_path / 'sample.yaml', tmp_path / 'figure.png'
    code = run(
        'calibrate',
        drives / 'day.vprmap',
        drives / 'drive1',
        drives / 'drive2',
        '-o',
        path,
        '--figure',
        figure,
    )
    assert code == 0
    shown = capsys.readouterr().out
    assert 'ECE' in shown
    assert 'sequence without odometry' in shown
    assert figure.read_bytes().startswith(b'\x89PNG')
    assert Calibration.load(path).quality['frame']['precision'] >= 0.99

    run('evaluate', 'bag', drives / 'day.vprmap', drives / 'drive1', '--calibration', path)
    capsys.readouterr()
    code = run(
        'evaluate',
        'bag',
        drives / 'day.vprmap',
        drives / 'drive1',
        '--calibration',
        path,
        '--temporal',
        'sequence',
        '--odometry',
        '--json',
    )
    assert code == 0
    result = json.loads(capsys.readouterr().out)
    assert result['setup']['mode'] == 'sequence with odometry'
    assert result['summary']['score'] == 'probability'


def test_results_alone_give_the_calibration_of_their_bags(drives, tmp_path):
    results = tmp_path / '1.json', tmp_path / '2.json'
    for bag, result in zip(('drive1', 'drive2'), results, strict=True):
        arguments = drives / 'day.vprmap', drives / bag, '-k', '100', '--output', result
        assert run('evaluate', 'bag', *arguments) == 0
    bags = drives / 'day.vprmap', drives / 'drive1', drives / 'drive2'
    calibrations = []
    for name, inputs in (('results', results), ('bags', bags)):
        assert run('calibrate', *inputs, '-o', tmp_path / name) == 0
        calibrations.append(Calibration.load(tmp_path / name))
    assert calibrations[0].stages == calibrations[1].stages


def test_filter_without_a_calibration_is_refused(drives, capsys):
    arguments = ('evaluate', 'bag', drives / 'day.vprmap', drives / 'drive1')
    assert run(*arguments, '--temporal', 'sequence') == 1
    assert 'vpr calibrate' in capsys.readouterr().err


def test_bag_without_a_map_before_it_is_refused(drives, tmp_path, capsys):
    assert run('calibrate', drives / 'drive1', '-o', tmp_path / 'x.yaml') == 2
    assert 'no map' in capsys.readouterr().err


def test_a_single_drive_is_refused_before_the_work(drives, tmp_path, capsys):
    code = run('calibrate', drives / 'day.vprmap', drives / 'drive1', '-o', tmp_path / 'c.yaml')
    assert code == 2
    assert 'one traverse is too few' in capsys.readouterr().err


def test_figures_of_a_calibration_that_are_not_known_are_not_called_nan(drives, tmp_path, capsys):
    inputs = drives / 'day.vprmap', drives / 'drive1'
    elsewhere = '--elsewhere', drives / 'drive2'
    assert run('calibrate', *inputs, *elsewhere, '-o', tmp_path / 'c.yaml') == 0
    assert 'nan' not in capsys.readouterr().out
