# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate dataset``, ``lint`` and ``compare`` from the command line to files."""

from __future__ import annotations

import csv
import json
import os

import cv2
import numpy as np
import pytest
from dataset_sample import CompanyDescriber, GreyDescriber, picture, street, write
from shared_data import DATA
from test_commands import run

from vpr_ros import models
from vpr_ros.evaluation.description_store import BatchDescriber

GARDENS = DATA / 'gardens_point'


@pytest.fixture
def town(tmp_path):
    return street(tmp_path / 'town')


@pytest.fixture
def grey(monkeypatch):
    monkeypatch.setattr('vpr_ros.describe.Describer', lambda *_, **__: GreyDescriber())


def test_figures_files_and_page(town, grey, tmp_path, capsys):
    found, page = tmp_path / 'f.json', tmp_path / 'f.html'
    code = run(
        *('evaluate', 'dataset', town, '--cache', tmp_path / 'c', '--output', found),
        *('--report', page),
    )
    assert code == 0
    shown = capsys.readouterr().out
    assert 'binary-then-float' in shown
    assert 'then-local-features' in shown
    assert '12 queries in 12 images' in shown
    data = json.loads(found.read_text('utf-8'))
    assert data['setup']['tolerance'] == {'distance': 25.0, 'angle': None}
    assert page.read_text(encoding='utf-8').startswith('<!doctype html>')


def test_names_that_are_no_utf8_are_evaluated_like_others(town, grey, tmp_path, capsys):
    for path in sorted(town.rglob('*.jpg')):
        os.rename(path, os.fsencode(path.with_suffix('')) + b'@caf\xe9.jpg')  # noqa: PTH104
    found, page = tmp_path / 'f.json', tmp_path / 'f.html'
    words = ('evaluate', 'dataset', town, '--cache', tmp_path / 'c', '--output', found)
    assert run(*words, '--report', page) == 0
    assert run(*words, '--json') == 0
    assert run('evaluate', 'compare', found, found, '--report', tmp_path / 'c.html') == 0
    assert 'caf' in page.read_text(encoding='utf-8')
    capsys.readouterr()


def test_json_to_standard_output_is_nothing_but_json(town, grey, tmp_path, capsys):
    words = ('evaluate', 'dataset', town, '--cache', tmp_path / 'c', '--json')
    assert run(*words, '--tolerance', 5) == 0
    assert json.loads(capsys.readouterr().out)['setup']['tolerance']['distance'] == 5.0


@pytest.fixture
def far(tmp_path):
    """A street whose last three queries are taken where nothing of the database is."""
    return street(tmp_path / 'far', 9, 12, gap=30.0)


def test_predictions_are_written_as_json_csv_and_for_the_challenge(far, grey, tmp_path, capsys):
    words = ('evaluate', 'dataset', far, '--cache', tmp_path / 'c', '--verify', 'none')
    files = [tmp_path / f'p{ending}' for ending in ('.json', '.csv', '.txt')]
    for file in files:
        assert run(*words, '--predictions', file, '--top', 3) == 0
    assert '12 queries' in capsys.readouterr().err
    content = json.loads(files[0].read_text())
    names = sorted(path.name for path in (far / 'images' / 'test' / 'queries').iterdir())
    assert sorted(each['query'] for each in content['predictions']) == names
    assert {len(each['found']) for each in content['predictions']} == {3}
    first = [each['found'][0]['correct'] for each in content['predictions']]
    assert first.count(True) == 9
    rows = list(csv.DictReader(files[1].open()))
    assert len(rows) == 36
    flat = [f | {'query': p['query']} for p in content['predictions'] for f in p['found']]
    assert [(r['query'], r['image'], r['rank'], r['correct']) for r in rows] == [
        (f['query'], f['image'], str(f['rank']), str(f['correct'])) for f in flat
    ]
    lines = files[2].read_text().splitlines()
    assert [len(line.split()) for line in lines] == [4] * 12

    assert run(*words, '--predictions', files[0], '--wrong-only', '--by', 'binary') == 0
    wrong = json.loads(files[0].read_text())
    assert wrong['method'] == 'binary'
    assert not any(each['found'][0]['correct'] for each in wrong['predictions'])
    assert 3 <= len(wrong['predictions']) < 12


def test_pictures_show_what_was_found_in_green_and_red(far, grey, tmp_path, capsys):
    words = ('evaluate', 'dataset', far, '--cache', tmp_path / 'c', '--verify', 'none')
    unreadable = next((far / 'images' / 'test' / 'database').iterdir())
    unreadable.write_bytes(b'no picture')
    assert run(*words, '--pictures', tmp_path / 'p', '--top', 2) == 0
    assert '12 pictures' in capsys.readouterr().err
    assert run(*words, '--pictures', tmp_path / 'wrong', '--top', 2, '--wrong-only') == 0
    drawn = {path.name: cv2.imread(str(path)) for path in (tmp_path / 'p').iterdir()}
    names = {path.name for path in (far / 'images' / 'test' / 'queries').iterdir()}
    assert set(drawn) == {f'{name}.jpg' for name in names}
    wrong = {path.name for path in (tmp_path / 'wrong').iterdir()}
    assert 3 <= len(wrong) < 12
    for name, image in drawn.items():
        third = image.shape[1] // 3
        blue, green, red = image[2, third + third // 2].tolist()
        assert (red > green) is (name in wrong), 'the frame of the first image found'
        assert blue < max(red, green)


def test_without_labels_any_two_folders_are_searched(tmp_path, grey, capsys):
    for folder, seeds in (('database', range(5)), ('queries', range(3))):
        write(tmp_path / 'own' / folder, {f'{seed}.jpg': picture(seed) for seed in seeds})
    file = tmp_path / 'p.csv'
    words = ('evaluate', 'dataset', tmp_path / 'own', '--cache', tmp_path / 'c', '--no-labels')
    assert run(*words, '--predictions', file, '--verify', 'none', '--top', 1) == 0
    assert file.read_text().splitlines()[0] == 'query,rank,image,score'
    found = {row['query']: row['image'] for row in csv.DictReader(file.open())}
    assert found == {f'{seed}.jpg': f'{seed}.jpg' for seed in range(3)}


@pytest.mark.parametrize(
    ('words', 'reason'),
    [
        (('--top', 3), 'no effect without --predictions or --pictures'),
        (('--no-labels',), 'nothing to print'),
        (('--predictions', 'p.xml'), 'must end in .json'),
        (('--no-labels', '--predictions', 'p.csv', '--wrong-only'), 'no effect with --no-labels'),
    ],
)
def test_options_of_predictions_that_mean_nothing_are_refused(town, grey, words, reason, capsys):
    assert run('evaluate', 'dataset', town, *words) == 2
    assert reason in ' '.join(capsys.readouterr().err.split())


def test_unknown_search_method_is_refused_with_those_there_are(town, grey, tmp_path, capsys):
    words = ('--predictions', tmp_path / 'p.csv', '--by', 'luck', '--cache', tmp_path / 'c')
    assert run('evaluate', 'dataset', town, *words) == 2
    assert 'binary-then-float' in capsys.readouterr().err
    assert not (tmp_path / 'p.csv').exists()


def test_a_list_chooses_the_queries_and_says_which_keys_fit_none(town, grey, tmp_path, capsys):
    keys = tmp_path / 'keys.txt'
    keys.write_text('q0 q3\nq77', 'utf-8-sig')  # as some editors write it
    words = ('--queries-list', keys, '--cache', tmp_path / 'c')
    assert run('evaluate', 'dataset', town, *words) == 0
    out, err = capsys.readouterr()
    assert '2 queries (keys.txt) in 12 images' in out
    assert '1 of the 3 keys' in err
    assert 'q77' in err
    for damage in (lambda: keys.write_bytes(b'\xff\xfe\x00q'), keys.unlink):
        damage()
        assert run('evaluate', 'dataset', town, *words) == 1
        assert f'the list of queries {keys} cannot be read' in capsys.readouterr().err


def test_models_that_depend_on_the_batch_want_to_be_told_it(town, tmp_path, capsys, monkeypatch):
    words = ('evaluate', 'dataset', town, '--cache', tmp_path / 'c')
    assert run(*words, '--model', 'cricavpr') == 2
    assert '--batch-size' in capsys.readouterr().err
    assert run(*words, '--batch-size', 4) == 2
    assert 'do not depend on the batch' in ' '.join(capsys.readouterr().err.split())
    monkeypatch.setattr(
        'vpr_ros.evaluation.description_store.BatchDescriber', lambda *_: CompanyDescriber()
    )
    assert run(*words, '--model', 'cricavpr', '--batch-size', 4) == 0
    assert 'depends on the 4 images of its batch' in ' '.join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    ('words', 'status', 'answer'),
    [
        (('--format', 'frames'), 2, '--tolerance 2'),
        (('--format', 'csv'), 2, '--database-poses'),
        (('--bits', '12'), 2, 'multiple of 8'),
        (('--predictions', 'p.csv', '--by', 'luck'), 2, 'binary-then-float'),
        (
            ('--predictions', 'p.csv', '--by', 'then-local-features', '--verify', 'none'),
            2,
            'is none of',
        ),
        (('--split', 'val', '--database', 'map'), 1, 'no two folders map and queries'),
        (('--output', '/no/such/folder/x.json'), 1, 'no folder'),
        (('--report', '/no/such/folder/x.html'), 1, 'no folder'),
    ],
)
def test_mistakes_are_told_before_the_work(town, tmp_path, capsys, words, status, answer):
    assert run('evaluate', 'dataset', town, '--cache', tmp_path / 'c', *words) == status
    assert answer in ' '.join(capsys.readouterr().err.split())
    assert not (tmp_path / 'c').exists()


def test_lint_answers_by_its_exit_code_and_in_json(town, capsys):
    assert run('evaluate', 'lint', town) == 0
    assert 'nothing known to go wrong' in capsys.readouterr().out
    write(town / 'images/test/queries', {'IMG_1.jpg': picture(0)})
    assert run('evaluate', 'lint', town, '--json') == 1
    (finding, *_) = json.loads(capsys.readouterr().out)['findings']
    assert finding['code'] == 'name-without-coordinates'
    assert run('evaluate', 'lint', town) == 1
    assert 'such as IMG_1.jpg' in capsys.readouterr().out


def test_compare_two_ways_of_searching(town, grey, tmp_path, capsys):
    found, page = tmp_path / 'f.json', tmp_path / 'c.html'
    run('evaluate', 'dataset', town, '--cache', tmp_path / 'c', '--output', found)
    capsys.readouterr()
    words = ('evaluate', 'compare', found, found, '--first-method', 'binary')
    assert run(*words, '--report', page) == 0
    assert 'recall at 100 % precision' in capsys.readouterr().out
    assert 'side by side' in page.read_text(encoding='utf-8')
    assert run(*words, '--json') == 0
    assert json.loads(capsys.readouterr().out)['queries'] == 12
    assert run('evaluate', 'compare', found, found, '--first-method', 'guess') == 1
    assert "no method 'guess'" in capsys.readouterr().err


def test_traverses_of_a_folder_by_index(tmp_path, grey, capsys):
    for side, noise in (('day', 0), ('night', 30)):
        write(tmp_path / side, {f'Image{i:03}.jpg': picture(i, noise) for i in range(10)})
    words = ('--database', 'day', '--queries', 'night', '--cache', tmp_path / 'c')
    assert (
        run('evaluate', 'dataset', tmp_path, '--format', 'frames', '--tolerance', 0, *words) == 0
    )
    assert 'within 0 frames' in ' '.join(capsys.readouterr().out.split())


@pytest.mark.skipif(not GARDENS.is_dir(), reason=f'no Gardens Point in {GARDENS.parent}')
@pytest.mark.parametrize('form', ['frames', pytest.param('utm', marks=pytest.mark.slow)])
def test_gardens_point_gives_the_figures_of_the_bags(tmp_path, form):
    """As `vpr evaluate bag` has it for the default settings: 81.0 / 90.5 / 96.5 %."""
    found = tmp_path / 'f.json'
    words = ['evaluate', 'dataset', GARDENS, '--format', 'frames', '--tolerance', 2]
    words += ['--database', 'day_right', '--queries', 'night_right']
    if form == 'utm':
        for side, traverse in (('database', 'day_right'), ('queries', 'night_right')):
            folder = tmp_path / 'images/test' / side
            folder.mkdir(parents=True)
            for i, path in enumerate(sorted((GARDENS / traverse).glob('*.jpg'))):
                (folder / f'@0@{10 * i:07.1f}@@@@@{i}@@@@@@@@.jpg').symlink_to(path)
        words = ['evaluate', 'dataset', tmp_path]
    words += ['--model', 'hog', '--verify', 'none', '--cache', tmp_path / 'c']
    assert run(*words, '--output', found) == 0
    recall = json.loads(found.read_text('utf-8'))['summary']['binary-then-float']['recall']
    assert [recall[n] for n in ('1', '5', '10')] == pytest.approx([0.81, 0.905, 0.965])


def test_batch_describer_sees_the_batch_and_nothing_else(monkeypatch):
    """The encoder mixes exactly the images given: order apart, company matters."""
    small = models.ModelSpec(
        'd2vpr-tiny',
        models.spec('d2vpr').make,
        models.Preprocessing(56),
        options={
            'vit': models.vit.ViTConfig(width=48, depth=12, heads=3, patch=14, native_grid=4),
            'cross_image': True,
        },
        batch_dependent=True,
        untrained=True,
    )
    monkeypatch.setitem(models.registry._BY_NAME, 'd2vpr-tiny', small)
    describer = BatchDescriber('d2vpr-tiny', 'cpu')
    images = [picture(i) for i in range(3)]
    three = [d.descriptor for d in describer.describe(images)]
    turned = [d.descriptor for d in describer.describe(images[::-1])][::-1]
    np.testing.assert_allclose(three, turned, atol=1e-5)
    alone = describer.describe(images[:1])[0].descriptor
    assert np.abs(alone - three[0]).max() > 1e-4
    assert describer.describe([]) == []
