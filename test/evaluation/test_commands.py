# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate bag`` and ``vpr query`` from the command line to the files they write."""

from __future__ import annotations

import json
from types import SimpleNamespace

import cv2
import pytest
from evaluation_bags import PLACES, SampleDescriber, look

from vpr_ros.cli import main as cli
from vpr_ros.evaluation import Evaluation


@pytest.fixture(autouse=True)
def _describer(monkeypatch):
    monkeypatch.setattr('vpr_ros.describe.Describer', SampleDescriber)
    monkeypatch.setattr(
        'vpr_ros.describe.loading.resolve', lambda *_: SimpleNamespace(onnx_file=None)
    )


def run(*words):
    """Return the exit code of the command line."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as end:
        return end.code or 0


def test_evaluate_bag_writes_figures_and_page(town, day, evening, tmp_path, capsys):
    found, page = tmp_path / 'e.json', tmp_path / 'e.html'
    code = run(
        *('evaluate', 'bag', town, evening, '--map-bag', day, '--tolerance', 0.5, '-k', 5),
        *('--output', found, '--report', page),
    )
    assert code == 0
    shown = capsys.readouterr().out
    assert 'never trained' in shown
    assert 'recall@5' in shown
    assert Evaluation.load(found).summary.recall_localisable[1] == 1.0
    assert page.read_text(encoding='utf-8').count('data:image/jpeg') > 2


def test_json_to_standard_output_is_nothing_but_json(town, evening, capsys):
    assert run('evaluate', 'bag', town, evening, '--json', '--limit', 2, '--angle', 30) == 0
    data = json.loads(capsys.readouterr().out)
    assert data['summary']['frames'] == 2
    assert data['setup']['tolerance'] == {
        'distance': 5.0,
        'angle': pytest.approx(0.5236, abs=1e-4),
    }


@pytest.mark.parametrize('option', ['--output', '--report'])
def test_missing_folder_is_told_before_the_work(town, evening, tmp_path, capsys, option):
    code = run('evaluate', 'bag', town, evening, option, tmp_path / 'no' / 'file')
    assert code == 1
    assert 'no folder' in capsys.readouterr().err


@pytest.mark.parametrize('words', [('--map-bag', 'none'), ('--report', '.'), ('--output', '.')])
def test_a_failure_is_the_only_json(town, evening, capsys, words):
    assert run(
        'evaluate', 'bag', town, evening, '--limit', 2, '--report', 'r.html', '--json', *words
    )
    assert set(json.loads(capsys.readouterr().out)) == {'error'}


def test_query_shows_the_place_of_an_image(town, tmp_path, capsys):
    image = tmp_path / 'seen.png'
    cv2.imwrite(str(image), look(4))
    assert run('query', town, image, '--json', '-k', 2) == 0
    data = json.loads(capsys.readouterr().out)
    (answer,) = data['answers']
    assert data['trained'] is False
    assert answer['status'] == 'ACCEPTED'
    assert answer['pose'][0] == pytest.approx(4.0)
    assert len(answer['candidates']) == 2
    assert answer['candidates'][0]['hamming'] == 0
    assert run('query', town, image) == 0
    assert 'ACCEPTED' in capsys.readouterr().out


def test_unreadable_images_are_named_and_the_others_answered(town, tmp_path, capsys):
    good, cut = tmp_path / 'good.png', tmp_path / 'cut.png'
    cv2.imwrite(str(good), look(PLACES - 1))
    cut.write_bytes(good.read_bytes()[:60])
    assert run('query', town, cut, tmp_path / 'none.jpg', good) == 1
    out, err = capsys.readouterr()
    assert 'good.png: ACCEPTED' in out
    assert 'cut.png' in err
    assert 'none.jpg: it cannot be read: No such file' in err


def test_query_of_a_missing_map_is_one_line(tmp_path, capsys):
    assert run('query', tmp_path / 'none.vprmap', tmp_path / 'a.png') == 1
    assert capsys.readouterr().err.count('\n') == 1
