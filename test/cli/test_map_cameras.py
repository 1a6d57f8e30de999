# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map build`` with several cameras."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pictures import blocks

from vpr_ros.cli.main import main
from vpr_ros.geometry.mounts import parse_extrinsics
from vpr_ros.maps import PlaceMap

sys.path.insert(0, str(Path(__file__).parents[1]))
from camera_bags import write_drive

FRONT, REAR = '/front/image_raw', '/rear/image_raw'
EXTRINSICS = '0.3 0 1.2; -0.3 0 1.2 0 0 3.14159'


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    return write_drive(tmp_path_factory.mktemp('drive') / 'drive')


def run(*words):
    try:
        return main([str(word) for word in words])
    except SystemExit as end:
        return end.code


def build(path, drive, *words):
    return run('map', 'build', path, drive, '--model', 'hog', *words)


def places_of(path):
    with PlaceMap.open(path) as place_map:
        return [
            (place.camera, place.stamp, *place.pose.position.round(6), place.mount)
            for place in place_map.places(place_map.ids)
        ]


def test_each_camera_is_mapped_as_if_it_were_alone(tmp_path, drive):
    cameras = '--image-topic', FRONT, '--image-topic', REAR
    assert build(tmp_path / 'both.vprmap', drive, *cameras) == 0
    both = places_of(tmp_path / 'both.vprmap')
    assert {camera for camera, *_ in both} == {'front', 'rear'}
    for camera, topic in (('front', FRONT), ('rear', REAR)):
        path = tmp_path / f'{camera}.vprmap'
        assert build(path, drive, '--image-topic', f'{camera}={topic}') == 0
        alone = places_of(path)
        assert alone == [place for place in both if place[0] == camera]
        # Keyframes every 0.5 m, of which every 0.2 m has an image.
        np.testing.assert_allclose(np.diff([x for _, _, x, *_ in alone]), 0.6, atol=1e-6)
    with PlaceMap.open(tmp_path / 'both.vprmap') as place_map:
        assert len(place_map.session_list()) == 1


def test_each_place_has_the_mount_of_its_camera(tmp_path, drive):
    words = '--image-topic', REAR, '--image-topic', f'ahead={FRONT}'
    assert build(tmp_path / 'a.vprmap', drive, *words, '--camera-extrinsics', EXTRINSICS) == 0
    wanted = parse_extrinsics(EXTRINSICS, ('rear', 'ahead'))
    for camera, *_, mount in places_of(tmp_path / 'a.vprmap'):
        np.testing.assert_allclose(mount.as_array(), wanted[camera].as_array(), atol=1e-6)


def test_mounts_of_several_cameras_are_taken_from_tf(tmp_path):
    wanted = parse_extrinsics(EXTRINSICS, ('front', 'rear'))
    drive = write_drive(tmp_path / 'drive', mounts=list(wanted.values()))
    assert build(tmp_path / 'a.vprmap', drive, '--image-topic', FRONT, '--image-topic', REAR) == 0
    for camera, *_, mount in places_of(tmp_path / 'a.vprmap'):
        np.testing.assert_allclose(mount.as_array(), wanted[camera].as_array(), atol=1e-6)


def test_several_cameras_become_a_map_without_poses(tmp_path, drive):
    words = '--image-topic', FRONT, '--image-topic', REAR, '--no-poses', '--interval', '1'
    assert build(tmp_path / 'a.vprmap', drive, *words) == 0
    with PlaceMap.open(tmp_path / 'a.vprmap') as place_map:
        cameras = [place.camera for place in place_map.places(place_map.ids)]
    assert sorted(cameras) == ['front'] * 3 + ['rear'] * 3


def test_an_answer_names_the_camera_that_saw_the_place(tmp_path, drive, capsys):
    path, photo = tmp_path / 'a.vprmap', tmp_path / 'photo.png'
    assert build(path, drive, '--image-topic', FRONT, '--image-topic', REAR) == 0
    cv2.imwrite(str(photo), blocks(1))
    capsys.readouterr()
    assert run('query', path, photo) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = {line.split()[1] for line in lines[3:]}
    assert lines[2].split()[:2] == ['place', 'camera']
    assert cells <= {'front', 'rear'}
    assert run('query', path, photo, '--json') == 0
    (answer,) = json.loads(capsys.readouterr().out)['answers']
    assert {found['camera'] for found in answer['candidates']} == cells


def test_mistakes_are_told(tmp_path, drive, capsys):
    path = tmp_path / 'a.vprmap'
    assert build(path, drive) == 1
    assert 'images on several topics, name one as the image topic' in capsys.readouterr().err
    cameras = '--image-topic', FRONT, '--image-topic', REAR
    assert build(path, drive, *cameras, '--camera-extrinsics', '0 0 1') == 1
    assert '1 pose for 2 cameras' in capsys.readouterr().err
    assert not path.exists()
