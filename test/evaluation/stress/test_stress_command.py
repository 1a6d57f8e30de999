# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate stress`` from the command line to the files it writes."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest
from evaluation_bags import look, write_traverse

from vpr_ros.cli import main as cli
from vpr_ros.describe import Describer
from vpr_ros.evaluation.stress.stress_results import StressEvaluation
from vpr_ros.localize import calibration_for

STATES = 'as-it-is', 'beyond-the-end', 'look-alikes', 'black', 'carried-away', 'odometry-absurd'


def run(*words):
    """Return the exit code of the command line."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:
        return end.code or 0


@pytest.fixture(scope='module')
def streets(tmp_path_factory):
    """A folder with a map, a drive through the same places, and one through others."""
    folder = tmp_path_factory.mktemp('streets')
    for name, first, noise in (('day', 0, 0), ('again', 0, 8), ('other', 100, 0)):
        pictures = [look(first + i, noise) for i in range(24)]
        write_traverse(folder / name, pictures, [4.0 * i for i in range(24)])
    assert run('map', 'build', folder / 'day.vprmap', folder / 'day', '--model', 'hog') == 0
    # hog has no calibration of its own; this one lends it the meaning of another's figures.
    lent = calibration_for(Describer('d2vpr-nano').model_info)
    stages = {
        stage: dataclasses.replace(one, threshold=0.6)
        for stage, one in lent.stages.items()
        if '/' not in stage
    }
    hog = dataclasses.replace(lent, model=Describer('hog').model_info, stages=stages)
    hog.save(folder / 'hog.yaml')
    return folder


@pytest.fixture
def command(streets):
    states = [word for name in STATES for word in ('--state', name)]
    drive = streets / 'day.vprmap', streets / 'again'
    lent = '--calibration', streets / 'hog.yaml'
    return ('evaluate', 'stress', *drive, '--verify', 'none', *lent, *states)


def test_states_and_modes_come_as_table_file_and_page(command, streets, tmp_path, capsys):
    found, page = tmp_path / 's.json', tmp_path / 's.html'
    code = run(*command, '--foreign', streets / 'other', '-o', found, '--report', page)
    assert code == 0
    shown = capsys.readouterr().out
    assert 'carried-away' in shown
    result = StressEvaluation.load(found)
    rows = {(row.state, row.mode): row for row in result.rows}
    assert set(result.setup.states) == {*STATES, 'foreign: other'}
    assert {mode for _, mode in rows} == set(result.setup.modes) > {'single frames'}
    black, whole = (rows[name, 'single frames'] for name in ('black', 'as-it-is'))
    assert black.right == 0
    assert whole.frames == result.setup.frames
    assert rows['carried-away', 'single frames'].carried == 4
    assert ('odometry-absurd', 'single frames') not in rows
    assert rows['foreign: other', 'single frames'].right == 0
    assert len(result.wrong) == sum(row.wrong for row in result.rows)
    text = page.read_text(encoding='utf-8')
    assert 'beyond-the-end' in text
    assert ('data:image/jpeg' in text) == bool(result.wrong)


def test_the_same_inputs_give_the_same_results(command, capsys):
    results = []
    for _ in range(2):
        assert run(*command[:8], '--state', 'frozen-noisy', '--limit', 12, '--json') == 0
        data = json.loads(capsys.readouterr().out)
        data['setup'].pop('created')
        results.append(data)
    assert results[0] == results[1]


def test_without_a_calibration_single_frames_are_judged(command, capsys):
    code = run(*command[:6], '--state', 'black', '--calibration', 'none', '--json')
    assert code == 0
    result = StressEvaluation.from_json(json.loads(capsys.readouterr().out))
    assert result.setup.modes == ['single frames']
    assert all('no calibration' in why for why in result.setup.left_out.values())
    assert math.isnan(result.rows[0].ece)


def test_wrong_answers_are_shown_with_their_pictures(command, tmp_path, capsys):
    page = tmp_path / 's.html'
    # Nobody is that exact: every accepted answer is wrong.
    code = run(*command[:8], '--state', 'as-it-is', '--tolerance', 0.001, '--report', page)
    assert code == 0
    assert page.read_text(encoding='utf-8').count('data:image/jpeg') > 2


def test_a_state_that_there_is_not_is_refused_with_the_names(command, capsys):
    assert run(*command[:6], '--state', 'drunk') == 2
    assert 'as-it-is' in capsys.readouterr().err
