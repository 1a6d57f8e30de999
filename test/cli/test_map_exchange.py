# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import csv
import io
import json

import cv2
import numpy as np
import pytest
from pictures import blocks

from vpr_ros.cli.main import main
from vpr_ros.geometry import Datum, Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)


@pytest.fixture
def make(tmp_path):
    def make(name, sessions=2, first=0):
        path = tmp_path / name
        with MapWriter.create(path, MODEL, datum=Datum(48, 11, 0)) as place_map:
            rng = np.random.default_rng(0)
            for number in range(sessions):
                session = place_map.begin_session(f'{name} {number}', 10**18)
                for i in range(10):
                    vector = rng.standard_normal(16).astype(np.float32)
                    x = first + 10 * number + i
                    place_map.add(
                        [
                            NewPlace(
                                Description(vector / np.linalg.norm(vector)),
                                session,
                                x * 10**9,
                                Pose.planar(x, 0, 0),
                            )
                        ]
                    )
        return path

    return make


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(['map', *map(str, arguments)])
    return end.value.code or 0


def test_maps_and_chosen_sessions_are_merged(make, tmp_path, capsys):
    a, b, out = make('a'), make('b', 3, first=100), tmp_path / 'out'
    assert run('merge', a, f'{b}:1,3', '--output', out, '--json') == 0
    said = json.loads(capsys.readouterr().out)
    assert (said['places'], [s['name'] for s in said['sessions']]) == (
        40,
        ['a 0', 'a 1', 'b 0', 'b 2'],
    )
    again = ['map', 'merge', str(out), str(a), '--output', str(tmp_path / 'again')]
    assert main(again) == 1
    assert 'is here already' in capsys.readouterr().err
    assert not (tmp_path / 'again').exists()


@pytest.mark.parametrize(
    ('what', 'deleted', 'sessions'),
    [
        (['--session', 2], 10, 1),
        (['--near', '5', '0', '0', '--radius', 2], 5, 2),
        (['--near', '-1', '0', '0', '--radius', 1], 1, 2),
        (['--near-geo', '48', '11', '--radius', 3.5], 4, 2),
        (['--near', '9.5', '0', '0', '--radius', 1, '--session', 2], 1, 2),
        (['--near', '0', '0', '99', '--radius', 1], 0, 2),
    ],
)
def test_sessions_and_areas_are_deleted(make, capsys, what, deleted, sessions):
    path = make('a')
    assert run('delete', path, *what, '--yes', '--json') == 0
    assert json.loads(capsys.readouterr().out) == {'deleted': deleted, 'places': 20 - deleted}
    with PlaceMap.open(path) as place_map:
        assert (len(place_map), len(place_map.session_list())) == (20 - deleted, sessions)
        assert place_map.verify() == []


def test_nothing_is_deleted_without_consent(make, monkeypatch, capsys):
    path = make('a')
    monkeypatch.setattr('sys.stdin', io.StringIO('n\n'))
    assert run('delete', path, '--session', 1) == 1
    assert 'Delete 10 of 20 places' in capsys.readouterr().err
    with PlaceMap.open(path) as place_map:
        assert len(place_map) == 20


@pytest.mark.parametrize('what', [[], ['--radius', 1], ['--near', 1, 2, 3]])
def test_half_an_area_is_a_usage_error(make, what):
    assert run('delete', make('a'), *what) == 2


def test_compact_says_what_it_freed(make, capsys):
    path = make('a', 50)
    size = path.stat().st_size
    run('delete', path, '--near', 0, 0, 0, '--radius', 480, '--yes')
    capsys.readouterr()
    assert run('compact', path, '--json') == 0
    said = json.loads(capsys.readouterr().out)
    assert said == {'freed': size - said['bytes'], 'bytes': path.stat().st_size}
    assert said['freed'] > size / 2


def test_poses_go_to_a_back_end_and_return(make, tmp_path, capsys):
    path, tum = make('a'), tmp_path / 'poses.txt'
    assert run('export', path, '--format', 'tum', '--output', tum) == 0
    assert capsys.readouterr().out == f'{tum}: 20 places\n'
    words = ('--format', 'tum', '--output', tum)
    lines = [line.split() for line in tum.read_text('utf-8').splitlines()[1:11]]
    tum.write_text('\n'.join(' '.join([*line[:2], '7', *line[3:]]) for line in lines))
    assert run('update-poses', path, tum, '--json', '--mount', '0 0 1') == 0
    assert json.loads(capsys.readouterr().out) == {'updated': 10, 'kept': 10}
    with PlaceMap.open(path) as place_map:
        assert place_map.positions[:, 1].tolist() == [7.0] * 10 + [0.0] * 10
        assert place_map.positions[:, 2].tolist() == [-1.0] * 10 + [0.0] * 10
    assert run('export', path, *words, '--ids', '--session', 2) == 0
    assert tum.read_text('utf-8').splitlines()[1].startswith('11 10.0 ')
    assert run('update-poses', path, tum, '--by', 'id', '--json') == 0


def test_places_are_exported_to_files_and_standard_output(make, tmp_path, capsys):
    path = make('a')
    for form, name in (('geojson', 'a.json'), ('csv', 'a.csv')):
        assert run('export', path, '--format', form, '--output', tmp_path / name) == 0
    features = json.loads((tmp_path / 'a.json').read_text('utf-8'))['features']
    rows = list(csv.DictReader((tmp_path / 'a.csv').open(newline='')))
    assert len(features) == len(rows) == 20
    assert features[5]['geometry']['coordinates'][:2] == [
        float(rows[5]['lon']),
        float(rows[5]['lat']),
    ]
    capsys.readouterr()
    assert run('export', path, '--format', 'csv', '--output', '-') == 0
    assert capsys.readouterr().out.count('\n') == 21
    assert run('export', path) == 2
    assert run('export', path, '--format', 'csv', '--output', '-', '--json') == 2
    assert sorted(file.name for file in tmp_path.iterdir()) == ['a', 'a.csv', 'a.json']


def test_folder_of_images_becomes_a_map_and_exports_again(tmp_path, capsys):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for i in range(10):
        name = f'@{500000 + 10 * i:.2f}@5316000.00@33@U@.png'
        cv2.imwrite(str(folder / name), blocks(i))
    path = tmp_path / 'town.vprmap'
    options = ['--format', 'utm', '--model', 'patchnorm', '--device', 'cpu']
    assert run('import', path, folder, *options, '--json') == 0
    assert json.loads(capsys.readouterr().out) == {
        'images': 10,
        'added': 10,
        'places': 10,
        'left_out': {},
    }
    assert (
        run('import', path, folder, *options, '--keyframe-distance', 25, '--session-name', 'thin')
        == 0
    )
    assert '4 places added of 10 images, 14 now' in capsys.readouterr().out
    with PlaceMap.open(path) as place_map:
        assert [session.name for session in place_map.session_list()] == ['photos', 'thin']
        assert place_map.positions[9] == pytest.approx([90.04, 0, 0], abs=0.02)


def test_poses_are_asked_for_where_they_are_needed(tmp_path, capsys):
    assert run('import', tmp_path / 'm', tmp_path, '--format', 'kitti') == 2
    assert '--format kitti needs --poses' in capsys.readouterr().err
    assert not (tmp_path / 'm').exists()
