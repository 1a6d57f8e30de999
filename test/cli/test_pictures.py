# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr query`` and ``vpr map import`` with images, folders and videos."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from vpr_ros.cli.main import main
from vpr_ros.maps import PlaceMap

sys.path.insert(0, str(Path(__file__).parents[1] / 'evaluation'))
from evaluation_bags import look

PICTURES = [cv2.cvtColor(look(i), cv2.COLOR_GRAY2BGR) for i in range(12)]


def film(path, rate=2.0):
    height, width = PICTURES[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*'MJPG'), rate, (width, height))
    for bgr in PICTURES:
        writer.write(bgr)
    writer.release()
    return path


def trajectory(path, start=0.0):
    """Write the poses of a drive along x, half a metre a second."""
    lines = [f'{start + i / 4:.6f} {i / 8} 0 0 0 0 0 1\n' for i in range(30)]
    path.write_text(''.join(lines))
    return path


@pytest.fixture(scope='module')
def drive(tmp_path_factory):
    folder = tmp_path_factory.mktemp('drive')
    film(folder / 'drive.avi')
    (folder / 'images').mkdir()
    for i, bgr in enumerate(PICTURES):
        cv2.imwrite(str(folder / 'images' / f'{i}.png'), bgr)
    trajectory(folder / 'poses.txt')
    words = ['map', 'import', folder / 'town.vprmap', folder / 'drive.avi', '--format', 'video']
    assert run(*words, '--poses', folder / 'poses.txt') == 0
    return folder


def run(*words):
    """Return the exit status of a command; maps are made by the model that needs no weights."""
    model = ('--model', 'hog') if words[0] == 'map' else ()
    try:
        return main([str(word) for word in (*words, *model)])
    except SystemExit as end:
        return end.code


def answers(capsys, *words):
    capsys.readouterr()
    status = run('query', *words, '--json', '-k', '1', '--verify', 'none')
    found = json.loads(capsys.readouterr().out)['answers']
    return status, found


def test_a_video_with_a_trajectory_becomes_a_map(drive):
    with PlaceMap.open(drive / 'town.vprmap') as place_map:
        positions = place_map.positions
        stamps = place_map.snapshot.columns.stamps
    np.testing.assert_allclose(positions[:, 0], np.arange(0, 3, 0.5), atol=1e-3)
    np.testing.assert_allclose(stamps / 1e9, np.arange(0, 6, 1.0), atol=1e-3)


def test_a_trajectory_with_the_time_of_day_needs_the_start_of_the_video(tmp_path, drive, capsys):
    poses = trajectory(tmp_path / 'poses.txt', start=1700000000.0)
    words = 'map', 'import', tmp_path / 'a.vprmap', drive / 'drive.avi', '--format', 'video'
    assert run(*words, '--poses', poses) == 1
    assert 'give the stamp of the first frame (start)' in capsys.readouterr().err
    assert run(*words, '--poses', poses, '--start', '1700000001') == 0
    with PlaceMap.open(tmp_path / 'a.vprmap') as place_map:
        assert place_map.positions[0, 0] == pytest.approx(0.5)
        assert place_map.snapshot.columns.stamps[0] == 1700000001 * 10**9
    assert run(*words, '--poses', poses, '--start', 'noon') == 2
    assert "'noon' is no stamp" in capsys.readouterr().err


@pytest.mark.parametrize(('more', 'count'), [((), 6), (('--interval', '2'), 3)])
def test_a_video_alone_becomes_a_map_without_poses(tmp_path, drive, more, count):
    out = tmp_path / 'a.vprmap'
    assert run('map', 'import', out, drive / 'drive.avi', '--no-poses', *more) == 0
    with PlaceMap.open(out) as place_map:
        assert len(place_map) == count
        assert np.isnan(place_map.positions).all()


def test_the_images_of_a_folder_are_answered_in_natural_order(drive, capsys):
    status, found = answers(capsys, drive / 'town.vprmap', drive / 'images')
    assert status == 0
    assert [Path(one['image']).name for one in found] == [f'{i}.png' for i in range(12)]
    assert [round(found[i]['candidates'][0]['pose'][0], 2) for i in (0, 4, 10)] == [0, 1, 2.5]


def test_the_frames_of_a_video_are_answered_with_their_times(drive, capsys):
    words = drive / 'town.vprmap', drive / 'drive.avi', '--interval', '2'
    status, found = answers(capsys, *words)
    assert status == 0
    names = [Path(one['image']).name for one in found]
    assert names == [f'drive.avi#t={seconds:.3f}' for seconds in (0, 2, 4)]
    assert [round(one['candidates'][0]['pose'][0], 2) for one in found] == [0, 1, 2]


def test_a_video_is_evaluated_by_its_trajectory(drive, capsys):
    capsys.readouterr()
    words = 'evaluate', 'bag', drive / 'town.vprmap', drive / 'drive.avi'
    more = '--tolerance', '0.3', '--calibration', 'none', '--verify', 'none', '--json'
    assert run(*words, '--poses', drive / 'poses.txt', *more) == 0
    found = json.loads(capsys.readouterr().out)['summary']
    assert found['frames'] == 12
    # Every second frame is a place of the map, and the others are 0.25 m from one.
    assert found['localisable'] == 12
    assert found['recall']['1'] >= 0.5
    assert run(*words) == 2
    assert 'give its trajectory (TUM) as --poses' in capsys.readouterr().err
    assert run(*words, '--poses', drive / 'poses.txt', '--image-topic', '/image') == 2
    assert 'has no effect on a video' in capsys.readouterr().err


def test_loops_of_a_video_are_compared_with_the_true_ones(tmp_path, drive, capsys):
    pairs = tmp_path / 'pairs.txt'
    pairs.write_text('query,match\n12,1\n')
    words = 'evaluate', 'loops', drive / 'drive.avi', '--model', 'hog', '--verify', 'none'
    capsys.readouterr()
    assert run(*words, '--pairs', pairs, '--json') == 0
    assert json.loads(capsys.readouterr().out)['summary']['keyframes'] == 12
    assert run(*words) == 2
    assert 'for a folder or a video' in capsys.readouterr().err


def test_what_cannot_be_read_is_named_and_the_rest_is_answered(tmp_path, drive, capsys):
    (tmp_path / 'empty').mkdir()
    (tmp_path / 'bag').mkdir()
    (tmp_path / 'bag' / 'metadata.yaml').write_text('')
    (tmp_path / 'bad.mp4').write_bytes(b'bad')
    bad = [tmp_path / name for name in ('empty', 'bag', 'bad.mp4', 'gone.jpg')]
    status, found = answers(capsys, drive / 'town.vprmap', *bad, drive / 'images' / '3.png')
    assert status == 1
    reasons = [one['error']['message'] for one in found[:4]]
    for path, reason, words in zip(
        bad,
        reasons,
        ('holds no images', 'is a bag', 'cannot be read as a video', 'No such file'),
        strict=True,
    ):
        assert str(path) in reason
        assert words in reason
    assert found[4]['candidates']


def test_options_of_videos_are_refused_where_they_mean_nothing(tmp_path, drive, capsys):
    words = 'map', 'import', tmp_path / 'a.vprmap', drive / 'images'
    assert run(*words, '--no-poses', '--start', '3') == 2
    assert '--start has no effect' in capsys.readouterr().err
    assert run(*words, '--format', 'video', '--poses', drive / 'poses.txt') == 1
    assert 'is no file, and so no video' in capsys.readouterr().err
    assert run('map', 'build', tmp_path / 'a.vprmap', drive / 'drive.avi') == 2
    assert '`vpr map import` makes maps of videos' in capsys.readouterr().err
