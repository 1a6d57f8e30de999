# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps of other programs become place maps in one command."""

from __future__ import annotations

import csv
import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest
from commands import run
from pictures import blocks
from shared_data import DATA

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.trajectory_file import tum_line
from vpr_ros.inputs.folders.rtabmap_blobs import pose_of
from vpr_ros.maps import PlaceMap

sys.path.insert(0, str(Path(__file__).parent.parent / 'inputs' / 'folders'))

from colmap_sample import write_binary
from rtabmap_sample import SampleNode, matrix, write_database

MODEL = ('--model', 'patchnorm', '--device', 'cpu')


@pytest.fixture
def ask(tmp_path, capsys):
    """Import a map, and return what was said and the answer to a picture."""

    def asked(picture, *arguments):
        path = tmp_path / 'site.vprmap'
        capsys.readouterr()
        assert run('map', 'import', path, *arguments, *MODEL, '--json') == 0
        said = json.loads(capsys.readouterr().out)
        file = tmp_path / 'query.png'
        cv2.imwrite(str(file), picture[..., ::-1])
        assert run('query', path, file, '--json') == 0
        (answer,) = json.loads(capsys.readouterr().out)['answers']
        return said, answer

    return asked


def photos(folder, names):
    folder.mkdir()
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), blocks(i)[..., ::-1])
    return folder


def drive(i):
    return Pose.of((20.0 * i, 0, 0))


def test_a_database_of_rtabmap(tmp_path, ask):
    nodes = [SampleNode(i, drive(i), session=i // 6) for i in range(1, 12)]
    nodes += [SampleNode(12, drive(12), weight=-9), SampleNode(13, None, session=1)]
    graph = {i: drive(i) for i in range(1, 10)}
    database = write_database(tmp_path / 'rtabmap.db', nodes, graph)
    before = database.read_bytes()
    said, answer = ask(blocks(7), database, '--format', 'rtabmap')
    assert said['added'] == 10
    assert sorted(said['left_out'].values()) == [1, 2]
    first = answer['candidates'][0]
    assert (first['pose'][0], first['session']) == (140, 'rtabmap map1')
    assert first['picture'] == 'rtabmap.db/node 7'
    assert database.read_bytes() == before
    with PlaceMap.open(tmp_path / 'site.vprmap') as place_map:
        assert [session.places for session in place_map.session_list()] == [5, 5]
        assert place_map.info().cameras[0].mount is not None
    said, answer = ask(blocks(12), database, '--format', 'rtabmap', '--no-poses')
    assert (said['added'], said['places']) == (12, 22)


def test_a_model_of_colmap(tmp_path, ask):
    names = [f'{i}.png' for i in range(12)]
    images = [(name, 1, (drive(i) @ OPTICAL_ROTATION).inverse()) for i, name in enumerate(names)]
    model = write_binary(tmp_path / 'sparse' / '0', images)
    folder = photos(tmp_path / 'images', [*names, 'other.png'])
    said, answer = ask(blocks(4), folder, '--format', 'colmap', '--poses', model)
    assert said == {
        'images': 12,
        'added': 12,
        'places': 12,
        'left_out': {'COLMAP did not register them': 1},
    }
    assert answer['candidates'][0]['pose'][:3] == pytest.approx([80, 0, 0])


def test_keyframes_of_orbslam(tmp_path, ask):
    names = [f'170000000{i}.000000' for i in range(8)]
    folder = photos(tmp_path / 'rgb', [f'{name}.png' for name in names])
    poses = tmp_path / 'KeyFrameTrajectory.txt'
    back = OPTICAL_ROTATION.inverse()
    lines = [
        tum_line(name, (back @ drive(i) @ OPTICAL_ROTATION).as_array())
        for i, name in enumerate(names)
    ]
    poses.write_text('\n'.join(lines[::2]))
    said, answer = ask(blocks(4), folder, '--format', 'orbslam', '--poses', poses)
    assert said['added'] == 4
    assert answer['candidates'][0]['pose'][:3] == pytest.approx([80, 0, 0])


def test_a_folder_in_the_place_of_a_database_is_a_clear_error(tmp_path, capsys):
    arguments = tmp_path / 'm.vprmap', tmp_path, '--format', 'rtabmap', *MODEL
    assert run('map', 'import', *arguments) == 1
    assert 'is no file: an RTAB-Map database is one' in capsys.readouterr().err
    assert not (tmp_path / 'm.vprmap').exists()


def test_poses_of_another_frame_are_not_mixed_into_a_map(tmp_path, capsys):
    path = tmp_path / 'm.vprmap'
    nodes = [SampleNode(i, drive(i)) for i in range(1, 4)]
    database = write_database(tmp_path / 'r.db', nodes, {node.id: node.odometry for node in nodes})
    arguments = 'map', 'import', path, database, '--format', 'rtabmap', *MODEL
    assert run(*arguments) == 0
    assert run(*arguments) == 1
    assert 'nobody knows how the two are related' in capsys.readouterr().err
    assert run(*arguments, '--no-poses') == 0
    assert run(*arguments, '--anchored') == 0
    with PlaceMap.open(path) as place_map:
        assert [session.places for session in place_map.session_list()] == [3, 3, 3]
    assert run(*arguments, '--no-poses', '--anchored') == 2


def colmap_model(tmp_path, count=4):
    """Return a folder of photographs, and that of their model."""
    names = [f'{i}.png' for i in range(count)]
    images = [(name, 1, (drive(i) @ OPTICAL_ROTATION).inverse()) for i, name in enumerate(names)]
    return photos(tmp_path / 'images', names), write_binary(tmp_path / 'sparse' / '0', images)


def test_no_session_in_the_map_frame_is_mixed_into_a_map_of_another_program(tmp_path, capsys):
    path = tmp_path / 'm.vprmap'
    folder, model = colmap_model(tmp_path)
    begun = 'map', 'import', path, folder, '--format', 'colmap', '--poses', model, *MODEL
    assert run(*begun) == 0
    with PlaceMap.open(path) as place_map:
        assert [session.frame for session in place_map.session_list()] == ['colmap']
    table = tmp_path / 'poses.csv'
    table.write_text('file,x,y\n0.png,1,2\n')
    later = 'map', 'import', path, folder, '--format', 'csv', '--poses', table, *MODEL
    assert run(*later) == 1
    assert "of the map are in 'colmap'" in capsys.readouterr().err
    assert run(*later, '--no-poses') == 0
    path.unlink()
    assert run(*begun, '--anchored') == 0
    assert run(*later) == 0


def test_a_sequence_of_kitti_begins_its_own_frame(tmp_path, capsys):
    path, folder = tmp_path / 'm.vprmap', photos(tmp_path / 'image_2', ['0.png', '1.png'])
    rows = [f'1 0 0 {x} 0 1 0 0 0 0 1 {z}' for x, z in ((0, 0), (0, 5))]
    for name, lines in (('04.txt', rows), ('part.txt', rows[::-1])):
        (tmp_path / name).write_text('\n'.join(lines))
    sequence = 'map', 'import', path, folder, '--format', 'kitti', *MODEL
    assert run(*sequence, '--poses', tmp_path / '04.txt') == 0
    with PlaceMap.open(path) as place_map:
        assert place_map.session_list()[0].frame == 'kitti'
    assert run(*sequence, '--poses', tmp_path / '04.txt') == 1
    assert 'nobody knows how the two are related' in capsys.readouterr().err
    path.unlink()
    for _ in range(2):
        assert run(*sequence, '--poses', tmp_path / 'part.txt') == 0


def test_sessions_of_one_database_are_in_one_frame(tmp_path):
    path = tmp_path / 'm.vprmap'
    nodes = [SampleNode(1, None), *(SampleNode(i, drive(i), session=i // 3) for i in range(2, 8))]
    database = write_database(tmp_path / 'r.db', nodes, {i: drive(i) for i in range(2, 8)})
    assert run('map', 'import', path, database, '--format', 'rtabmap', *MODEL) == 0
    with PlaceMap.open(path) as place_map:
        frames = [session.frame for session in place_map.session_list()]
        assert frames == ['rtabmap'] * 3


def test_an_import_of_which_nothing_becomes_a_place_fails_and_leaves_no_map(tmp_path, capsys):
    path, folder = tmp_path / 'm.vprmap', tmp_path / 'dark'
    folder.mkdir()
    cv2.imwrite(str(folder / '1.png'), np.zeros((48, 64, 3), np.uint8))
    (folder / '2.jpg').write_bytes(b'no image')
    assert run('map', 'import', path, folder, '--no-poses', *MODEL) == 1
    said = capsys.readouterr().err
    assert 'no place was added of the 2 images' in said
    assert '1: they show nothing' in said
    assert not path.exists()


def test_odometry_of_a_killed_recorder_begins_the_frame_of_a_map(tmp_path, capsys):
    path = tmp_path / 'm.vprmap'
    nodes = [SampleNode(i, drive(i)) for i in range(1, 4)]
    database = write_database(tmp_path / 'killed.db', nodes)
    arguments = 'map', 'import', path, database, '--format', 'rtabmap', *MODEL
    assert run(*arguments) == 0
    with PlaceMap.open(path) as place_map:
        (session,) = place_map.session_list()
        assert session.frame == 'odom'
    assert run(*arguments) == 1
    assert 'vpr map register' in capsys.readouterr().err
    assert run(*arguments, '--anchored') == 0


def test_sessions_are_registered_of_rtabmap_only(tmp_path, capsys):
    arguments = 'map', 'import', tmp_path / 'm.vprmap', tmp_path, '--register', *MODEL
    assert run(*arguments, '--format', 'exif') == 2
    assert '--register has no effect with --format exif' in capsys.readouterr().err
    assert run(*arguments, '--format', 'rtabmap', '--no-poses') == 2


def test_sessions_whose_pictures_show_other_places_are_not_registered(tmp_path, ask):
    nodes = [SampleNode(i, drive(i), session=i // 13) for i in range(1, 25)]
    graph = {i: drive(i) for i in range(1, 13)}
    database = write_database(tmp_path / 'r.db', nodes, graph)
    said, _ = ask(blocks(3), database, '--format', 'rtabmap', '--register')
    assert said['places'] == 12
    ((why, count),) = said['left_out'].items()
    assert (why.startswith('session map1: '), count) == (True, 12)


@pytest.mark.slow
def test_a_session_that_nothing_relates_is_registered_by_its_pictures(tmp_path, capsys):
    source = DATA / 'rtabmap_db' / 'airsim60.db'
    if not source.is_file():
        pytest.skip(f'{source} is not there')
    database, path = tmp_path / 'two.db', tmp_path / 'two.vprmap'
    database.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(database)) as db:
        poses = {key: pose_of(blob) for key, blob in db.execute('SELECT id, pose FROM Node')}
        # The second lap becomes a session of its own, whose odometry begins anew.
        first = poses[31].inverse()
        changed = [(matrix(first @ poses[key]), key) for key in range(31, 61)]
        db.executemany('UPDATE Node SET pose = ?, map_id = 1 WHERE id = ?', changed)
        db.execute('UPDATE Admin SET opt_ids = NULL, opt_poses = NULL')
        db.commit()
    arguments = 'map', 'import', path, database, '--format', 'rtabmap', '--device', 'cpu'
    assert run(*arguments, '--register') == 0
    assert 'recognised places agree' in capsys.readouterr().err
    with (DATA / 'rtabmap_db' / 'airsim60_nodes.csv').open(newline='') as file:
        truth = [[float(row[f'gt_{axis}']) for axis in 'xyz'] for row in csv.DictReader(file)]
    with PlaceMap.open(path) as place_map:
        off = np.linalg.norm(place_map.positions - truth, axis=1)
        # The drift of the first session, which makes the frame, is 3.1 m in the mean.
        assert len(off) == 60
        assert off[30:].mean() < off[:30].mean() + 1.5
