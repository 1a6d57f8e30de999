# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr view``, and --rerun and --view of the commands that have them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip('rerun', reason='rerun-sdk, the extra [view], is not installed')

from commands import run
from recorded import Recorded

# The bags are those of the evaluation's tests.
sys.path.insert(0, str(Path(__file__).parent.parent / 'evaluation'))

from evaluation_bags import look, write_traverse

from vpr_ros.view import viewer

FRAMES = 16


@pytest.fixture(scope='module')
def streets(tmp_path_factory):
    """A folder with a map, a drive through the same places twice, and a picture."""
    folder = tmp_path_factory.mktemp('streets')
    places = [4.0 * i for i in range(FRAMES)]
    write_traverse(folder / 'day', [look(i) for i in range(FRAMES)], places)
    laps = [look(i, noise=8) for i in (*range(FRAMES), *range(FRAMES))]
    write_traverse(folder / 'laps', laps, [*places, *places])
    built = 'map', 'build', folder / 'day.vprmap', folder / 'day', '--model', 'hog'
    assert run(*built) == 0
    return folder


@pytest.fixture
def opened(monkeypatch):
    """Note which recordings are opened in the viewer, and whether they are there."""
    calls = []
    monkeypatch.setattr(viewer, 'require_display', lambda: None)
    monkeypatch.setattr(viewer, 'open_viewer', lambda path: calls.append((path, Recorded(path))))
    return calls


def test_map_is_recorded(streets, tmp_path, capsys):
    path = tmp_path / 'map.rrd'
    assert run('view', streets / 'day.vprmap', '--rerun', path) == 0
    assert f'recording: {path}; to look at it: rerun {path}' in capsys.readouterr().err
    found = Recorded(path)
    assert len(found.moments('place/picture', 'EncodedImage:blob', 'place')) == FRAMES


def test_map_is_opened_in_the_viewer_and_nothing_is_left(streets, opened):
    assert run('view', streets / 'day.vprmap') == 0
    ((path, found),) = opened
    assert 'world/map/places/1\\ day' in found.entities
    assert not path.exists()


def test_evaluated_bag_is_recorded_and_opened(streets, tmp_path, opened, capsys):
    path = tmp_path / 'drive.rrd'
    asked = 'evaluate', 'bag', streets / 'day.vprmap', streets / 'laps'
    assert run(*asked, '--limit', 10, '--rerun', path, '--view', '--json') == 0
    assert json.loads(capsys.readouterr().out)['schema'] == 'vpr_ros/evaluation'
    ((shown, found),) = opened
    assert shown == path
    assert path.exists()
    assert found.moments('query/picture', 'EncodedImage:blob', 'frame') == list(range(10))
    assert found.moments('candidates/1', 'EncodedImage:blob', 'frame') == list(range(10))
    assert len(found.moments('world/query/truth', 'Arrows3D:origins', 'frame')) == 10


def test_loops_are_recorded(streets, tmp_path):
    path = tmp_path / 'loops.rrd'
    asked = 'evaluate', 'loops', streets / 'laps', '--model', 'hog', '--verify', 'none'
    assert run(*asked, '--exclude-time', 8, '--rerun', path) == 0
    found = Recorded(path)
    assert len(found.moments('query/picture', 'EncodedImage:blob', 'frame')) == 2 * FRAMES
    assert found.moments('candidates/1', 'EncodedImage:blob', 'frame')


def test_stress_test_is_recorded(streets, tmp_path):
    path = tmp_path / 'stress.rrd'
    asked = 'evaluate', 'stress', streets / 'day.vprmap', streets / 'laps', '--verify', 'none'
    assert run(*asked, '--limit', 12, '--state', 'black', '--rerun', path) == 0
    assert '| black | single frames |' in Recorded(path).static('about', 'TextDocument:text')[0]


def test_queries_are_recorded_and_unreadable_ones_left_out(streets, tmp_path, capsys):
    import cv2

    pictures = tmp_path / 'pictures'
    pictures.mkdir()
    for i in range(3):
        cv2.imwrite(str(pictures / f'{i}.png'), look(i).repeat(8, 0).repeat(8, 1))
    (pictures / '1.png').write_bytes(b'no picture')
    path = tmp_path / 'query.rrd'
    assert run('query', streets / 'day.vprmap', pictures, '--rerun', path) == 1
    found = Recorded(path)
    assert found.moments('query/picture', 'EncodedImage:blob', 'frame') == [0, 1]
    texts = [text for (text,) in found.values('query/about', 'TextDocument:text')]
    assert ['0.png' in texts[0], '2.png' in texts[1]] == [True, True]
    (pictures / '0.png').unlink()
    (pictures / '2.png').unlink()
    capsys.readouterr()
    assert run('query', streets / 'day.vprmap', pictures, '--rerun', tmp_path / 'no.rrd') == 1
    assert 'no image was answered: nothing is recorded' in capsys.readouterr().err
    assert not (tmp_path / 'no.rrd').exists()


def test_map_without_places_is_refused(streets, tmp_path, capsys):
    from vpr_ros.maps import MapWriter, PlaceMap

    with PlaceMap.open(streets / 'day.vprmap') as place_map:
        MapWriter.create(tmp_path / 'empty.vprmap', place_map.model).close()
    assert run('view', tmp_path / 'empty.vprmap', '--rerun', tmp_path / 'a.rrd') == 1
    assert 'has no places to look at' in capsys.readouterr().err
    assert not (tmp_path / 'a.rrd').exists()


def test_foreign_file_is_no_map(tmp_path, capsys):
    (tmp_path / 'a.vprmap').write_bytes(b'something else' * 100)
    assert run('view', tmp_path / 'a.vprmap', '--rerun', tmp_path / 'a.rrd') == 1
    assert 'not a place map' in capsys.readouterr().err
    assert not (tmp_path / 'a.rrd').exists()


def test_failure_opens_no_viewer(tmp_path, opened):
    assert run('view', tmp_path / 'gone.vprmap') == 1
    assert opened == []


def test_missing_display_is_told_with_what_to_do_instead(streets, monkeypatch, capsys):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY', 'WAYLAND_SOCKET'):
        monkeypatch.delenv(name, raising=False)
    assert run('view', streets / 'day.vprmap') == 1
    assert re.search(r'no display.*--rerun FILE\.rrd', capsys.readouterr().err, re.DOTALL)


def test_view_says_what_it_recorded_as_json(streets, tmp_path, capsys):
    path = tmp_path / 'a.rrd'
    assert run('view', streets / 'day.vprmap', '--rerun', path, '--json') == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer['recording'] == str(path)
    assert answer['places'] > 0
