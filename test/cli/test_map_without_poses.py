# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import run
from pictures import blocks

from vpr_ros.maps import PlaceMap

sys.path.insert(0, str(Path(__file__).parent.parent / 'evaluation'))

from evaluation_bags import look, write_traverse

MODEL = ('--model', 'patchnorm', '--device', 'cpu')


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('data') / 'photos'
    folder.mkdir()
    for i in range(1, 31):
        cv2.imwrite(str(folder / f'{i}.png'), blocks(i))
    return folder


@pytest.fixture(scope='module')
def town(photos):
    path = photos.parent / 'town.vprmap'
    assert run('map', 'import', path, photos, '--no-poses', *MODEL) == 0
    return path


def test_a_query_names_the_place_and_its_picture_and_no_pose(town, photos, capsys):
    assert run('query', town, photos / '12.png', '--json') == 0
    (answer,) = json.loads(capsys.readouterr().out)['answers']
    first = answer['candidates'][0]
    assert (answer['status'], answer['pose'], first['pose']) == ('ACCEPTED', None, None)
    assert (first['place_id'], first['session'], first['stamp'], first['picture']) == (
        12,
        'photos',
        11 * 10**9,
        'photos/12.png',
    )
    assert run('query', town, photos / '12.png') == 0
    shown = capsys.readouterr().out
    assert 'photos/12.png' in shown
    assert 'the place has no pose' in shown
    assert 'yaw' not in shown


def test_what_needs_poses_says_so_and_the_rest_works(town, tmp_path, capsys):
    assert run('map', 'export', town, '--format', 'tum', '--output', tmp_path / 'p.txt') == 1
    assert 'no place has a pose' in capsys.readouterr().err
    assert not (tmp_path / 'p.txt').exists()
    assert run('map', 'export', town, '--format', 'csv', '--output', tmp_path / 'p.csv') == 0
    capsys.readouterr()
    assert run('map', 'info', town, '--health', '--json') == 0
    health = json.loads(capsys.readouterr().out)['health']
    assert (health['poseless'], health['gaps']) == (30, [])


def test_poses_may_come_later(photos, tmp_path, capsys):
    path, poses = tmp_path / 'town.vprmap', tmp_path / 'poses.txt'
    assert run('map', 'import', path, photos, '--no-poses', *MODEL) == 0
    poses.write_text('\n'.join(f'{i} {2 * i} 0 0 0 0 0 1' for i in range(30)))
    assert run('map', 'update-poses', path, poses, '--by', 'stamp') == 0
    capsys.readouterr()
    assert run('query', path, photos / '12.png', '--json') == 0
    (answer,) = json.loads(capsys.readouterr().out)['answers']
    assert answer['candidates'][0]['pose'][:2] == [22, 0]


def test_poses_are_not_taken_where_none_are_wanted(photos, tmp_path, capsys):
    table = tmp_path / 'table.csv'
    table.write_text('file,stamp,x,y\n3.png,5,1,2\n4.png,6,,\n')
    path = tmp_path / 'town.vprmap'
    options = '--format', 'csv', '--poses', table, '--no-poses', '--json', *MODEL
    assert run('map', 'import', path, photos, *options) == 0
    assert json.loads(capsys.readouterr().out)['added'] == 2
    with PlaceMap.open(path) as place_map:
        assert np.isnan(place_map.positions).all()
        assert place_map.stamps.tolist() == [5 * 10**9, 6 * 10**9]


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ([], '--no-poses makes a map without poses'),
        (['--no-poses', '--mount', '1 0 0'], '--mount has no effect with --no-poses'),
        (['--no-poses', '--poses', 'p.txt'], '--poses has no effect'),
        (['--no-poses', '--keyframe-distance', '1'], '--keyframe-distance has no effect'),
    ],
)
def test_options_that_do_not_fit_are_refused(photos, tmp_path, capsys, options, said):
    assert run('map', 'import', tmp_path / 'm.vprmap', photos, *options, *MODEL) == 2
    assert said in ' '.join(capsys.readouterr().err.replace('│', ' ').split())


def test_a_bag_without_poses_becomes_a_map_with_a_place_a_second(tmp_path, capsys):
    bag = write_traverse(tmp_path / 'day', [look(i) for i in range(6)], range(6))
    path = tmp_path / 'town.vprmap'
    assert run('map', 'build', path, bag, '--no-poses', *MODEL, '--json') == 0
    assert json.loads(capsys.readouterr().out)['added'] == 6
    thin = '--no-poses', '--interval', 2, '--session-name', 'thin'
    assert run('map', 'build', path, bag, *thin, *MODEL, '--json') == 0
    assert json.loads(capsys.readouterr().out)['added'] == 3
    with PlaceMap.open(path) as place_map:
        assert np.isnan(place_map.positions).all()
        assert {place.distance for place in place_map.places(place_map.ids)} == {None}
        assert place_map.info().bounds is None


def test_answers_are_judged_by_the_bag_that_the_map_was_built_from(tmp_path, capsys):
    day = write_traverse(tmp_path / 'day', [look(i) for i in range(6)], range(0, 60, 10))
    pictures = [look(i, noise=8) for i in range(6)]
    evening = write_traverse(tmp_path / 'evening', pictures, range(0, 60, 10))
    path = tmp_path / 'town.vprmap'
    assert run('map', 'build', path, day, '--no-poses', *MODEL) == 0
    judged = '--calibration', 'none', '--verify', 'none', '--json'
    assert run('evaluate', 'bag', path, evening, *judged) == 1
    assert 'has no poses to judge answers by' in ' '.join(capsys.readouterr().err.split())
    assert run('evaluate', 'stress', path, evening) == 1
    assert 'has no poses to judge answers by' in ' '.join(capsys.readouterr().err.split())
    assert run('evaluate', 'bag', path, evening, '--map-bag', day, *judged) == 0
    summary = json.loads(capsys.readouterr().out)['summary']
    assert (summary['judged'], summary['localisable'], summary['recall']['1']) == (6, 6, 1.0)
