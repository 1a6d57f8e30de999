# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The published tree of MSLS is read as its own code reads it."""

from __future__ import annotations

import csv
import json

import cv2
import numpy as np
import pytest
from dataset_sample import GreyDescriber, picture
from test_commands import run

from vpr_ros.evaluation.mapillary import mapillary_pair
from vpr_ros.inputs.folders import FolderError


def table(path, titles, rows):
    with path.open('w', newline='') as file:
        csv.writer(file).writerows([['', *titles], *([i, *row] for i, row in enumerate(rows))])


def city(root, part, name, side, places, north=6_000_000.0):
    """Write a side of a city; each place is (key, metres east, panorama, of a task)."""
    folder = root / part / name / side
    (folder / 'images').mkdir(parents=True)
    for key, _, _, _ in places:
        image = picture(sum(map(ord, key[1:])))
        (folder / 'images' / f'{key}.jpg').write_bytes(cv2.imencode('.jpg', image)[1].tobytes())
    table(folder / 'seq_info.csv', ['key', 'sequence_key', 'frame_number'],
          [(key, 's', i) for i, (key, *_) in enumerate(places)])  # fmt: skip
    table(folder / 'subtask_index.csv', ['all', 's2w'], [(of, False) for *_, of in places])
    if part == 'test':
        return
    table(folder / 'raw.csv', ['key', 'lon', 'lat', 'ca', 'captured_at', 'pano'],
          [(key, 0, 0, 90, '2020-01-01', pano) for key, _, pano, _ in places])  # fmt: skip
    table(folder / 'postprocessed.csv', ['key', 'easting', 'northing', 'night'],
          [(key, 500_000 + east, north, False) for key, east, *_ in places])  # fmt: skip


@pytest.fixture
def tree(tmp_path):
    root = tmp_path / 'published'
    for number, name in enumerate(('cph', 'sf')):
        north = 6_000_000.0 - 1e6 * number
        letters = name[0]
        mapped = [(f'd{letters}{i}', 30.0 * i, False, True) for i in range(5)]
        city(root, 'train_val', name, 'database', [*mapped, ('pano', 0.0, True, True)], north)
        asked = [(f'q{letters}{i}', 30.0 * i + 25, False, True) for i in range(3)]
        more = [
            ('nopositive' + letters, 900.0, False, True),
            ('notask' + letters, 0, False, False),
        ]
        city(root, 'train_val', name, 'query', [*more, *asked], north)
    city(root, 'train_val', 'oslo', 'database', [('do', 0, False, False)])
    city(root, 'train_val', 'oslo', 'query', [('qo', 0, False, False)])
    city(root, 'test', 'miami', 'database', [(f'dm{i}', 0, False, True) for i in range(3)])
    city(root, 'test', 'miami', 'query', [(f'qm{i}', 0, False, i > 0) for i in range(3)])
    return root


def test_validation_has_images_of_tasks_that_are_no_panoramas_and_have_a_positive(tree, caplog):
    database, queries = mapillary_pair(tree, 'val')
    assert [path.stem for path in database.paths] == [f'd{c}{i}' for c in 'cs' for i in range(5)]
    assert [path.stem for path in queries.paths] == [f'q{c}{i}' for c in 'cs' for i in range(3)]
    assert database.names[0] == 'train_val/cph/database/images/dc0.jpg'
    assert '2 queries left out' in caplog.text
    assert np.allclose(queries.poses[0, :3], (500_025, 6_000_000, 0))
    assert np.allclose(queries.poses[0, 3:], (0, 0, 0, 1)), 'a compass angle of 90° looks east'
    (tree / 'train_val/cph/query/images/qc0.jpg').unlink()
    assert len(mapillary_pair(tree, 'cph')[1].paths) == 2
    assert '1 image of the tables not in' in caplog.text


def test_training_cities_are_taken_whole_and_the_challenge_has_no_positions(tree):
    assert [path.stem for path in mapillary_pair(tree, 'train')[1].paths] == ['qo']
    database, queries = mapillary_pair(tree, 'test', labelled=False)
    assert ([p.stem for p in queries.paths], len(database.paths)) == (['qm1', 'qm2'], 3)
    with pytest.raises(FolderError, match='searched without labels'):
        mapillary_pair(tree, 'test')


@pytest.mark.parametrize(
    ('change', 'split', 'reason'),
    [
        (lambda root: None, 'paris', 'it has cph, oslo, sf, miami'),
        (lambda root: (root / 'train_val/sf').rename(root / 'sf'), 'val', 'not the cities of val'),
        (
            lambda root: (root / 'train_val/sf/query/raw.csv').write_text('key,pano\n'),
            'val',
            'lacks the columns ca',
        ),
        (lambda root: (root / 'train_val/sf/query/seq_info.csv').unlink(), 'sf', 'cannot be read'),
        (lambda root: root.rename(root.parent / 'x') and root.mkdir(), 'val', 'it is not MSLS'),
    ],
)  # fmt: skip
def test_what_is_no_such_tree_is_told(tree, change, split, reason):
    change(tree)
    with pytest.raises(FolderError, match=reason):
        mapillary_pair(tree, split)


def test_the_commands_take_the_tree_and_write_a_file_for_the_challenge(
    tree, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr('vpr_ros.describe.Describer', lambda *_, **__: GreyDescriber())
    assert run('evaluate', 'lint', tree, '--format', 'msls', '--split', 'val') == 0
    words = ('evaluate', 'dataset', tree, '--format', 'msls', '--cache', tmp_path / 'c')
    capsys.readouterr()
    assert run(*words, '--split', 'val', '--verify', 'none', '--json') == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result['queries']['names']) == 6
    file = tmp_path / 'challenge.txt'
    challenge = ('--no-labels', '--predictions', file, '--verify', 'none', '--top', 3)
    assert run(*words, *challenge) == 0
    lines = [line.split() for line in file.read_text().splitlines()]
    assert [line[0] for line in lines] == ['qm1', 'qm2']
    assert all(sorted(line[1:]) == ['dm0', 'dm1', 'dm2'] for line in lines)
    assert run(*words, '--database', 'other') == 2
    assert 'has no effect with --format msls' in capsys.readouterr().err
