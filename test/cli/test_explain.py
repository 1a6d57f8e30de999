# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr explain`` from an image, a map and its bag to a picture."""

import json
import sys
from pathlib import Path

import cv2
import pytest

from vpr_ros.cli import main as cli
from vpr_ros.describe import Describer, explanation
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.maps import MapWriter

sys.path.insert(0, str(Path(__file__).parents[1] / 'evaluation'))
from evaluation_bags import look, write_traverse

PANEL = 100


@pytest.fixture(scope='module')
def day(tmp_path_factory):
    path = tmp_path_factory.mktemp('day') / 'day'
    return write_traverse(path, [look(i) for i in range(6)], range(0, 60, 10))


@pytest.fixture(scope='module')
def town(day):
    describer = Describer('hog', device='cpu')
    path = day.parent / 'town.vprmap'
    with Bag(day) as bag, MapWriter.create(path, describer.model_info) as place_map:
        builder = MapBuilder(place_map, describer, KeyframeConfig())
        topics = choose_topics(bag)
        for frame, reading in replay_frames(bag, topics.image.name, topics.pose.name):
            builder.offer(frame, reading)
    return path


@pytest.fixture
def query(tmp_path):
    path = tmp_path / 'query.png'
    cv2.imwrite(str(path), look(3, noise=4))
    return path


@pytest.fixture(autouse=True)
def _few_cells(monkeypatch):
    # For each of which the model computes once.
    monkeypatch.setattr(explanation, '_CELLS', 6)


def explain(*words):
    """Return the exit code of the command."""
    return cli.main(['explain', *map(str, words), '--width', str(PANEL)])


@pytest.mark.parametrize(('model', 'panels'), [('hog', 2), ('d2vpr-nano', 2)])
def test_image_alone_is_explained(query, tmp_path, model, panels):
    out = tmp_path / 'seen.png'
    with pytest.raises(SystemExit) as end:
        explain(query, '--model', model, '-o', out)

    assert end.value.code == 0
    assert cv2.imread(str(out)).shape[1] == panels * (PANEL + 12)


def test_place_that_was_found_is_drawn_below_the_image(query, day, town, tmp_path, capsys):
    alone, both = tmp_path / 'alone.png', tmp_path / 'both.jpg'
    for words in (('-o', alone), ('--map-bag', day, '-o', both)):
        with pytest.raises(SystemExit) as end:
            explain(town, query, *words)
        assert end.value.code == 0

    assert 'similarity' in capsys.readouterr().out
    heights = [cv2.imread(str(path)).shape[0] for path in (alone, both)]
    assert heights[1] > heights[0] + PANEL


@pytest.mark.parametrize(
    ('words', 'status', 'reason'),
    [
        (['absent.png'], 1, 'absent.png: it cannot be read'),
        (['query.png', '--map-bag', 'day'], 2, 'name the map too'),
        (['query.png', 'town.vprmap'], 2, 'the order is `vpr explain [MAP] IMAGE`'),
        (['query.png', '-o', 'seen.xyz'], 2, r'must end in .png'),
        (['query.png', '--model', 'd3vpr'], 2, 'd2vpr-nano'),
        (['town.vprmap', 'query.png', '--model', 'hog', '--model', 'hog'], 2, 'without a map'),
        (['query.png', '--model', 'dinov2-vitb14'], 1, 'vpr weights fetch dinov2-vitb14'),
    ],
)
def test_mistakes_are_told(query, monkeypatch, capsys, words, status, reason):
    monkeypatch.chdir(query.parent)
    try:
        code = explain(*words)
    except SystemExit as end:
        code = end.code
    assert code == status
    assert reason in capsys.readouterr().err


def test_other_bag_than_the_map_was_built_from_is_told(query, town, tmp_path, capsys):
    other = write_traverse(tmp_path / 'other', [look(0)], [0])
    assert explain(town, query, '--map-bag', other) == 1
    assert 'was the map built from it?' in capsys.readouterr().err


def test_each_image_of_a_folder_is_explained_and_what_cannot_be_read_is_named(
    town, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / 'pictures'
    (folder / 'more').mkdir(parents=True)
    for i, name in enumerate(('2.png', '10.png', 'more/1.png')):
        cv2.imwrite(str(folder / name), look(i))
    (folder / '3.png').write_bytes(b'')
    with pytest.raises(SystemExit) as end:
        explain(town, folder)
    assert end.value.code == 1
    written = sorted(tmp_path.glob('explanation/**/*.png'))
    assert [path.relative_to(tmp_path / 'explanation').as_posix() for path in written] == [
        '10.png.png',
        '2.png.png',
        'more/1.png.png',
    ]
    assert '3.png: the file is empty' in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        explain(town, folder, '-o', 'one.png')
    assert end.value.code == 2
    assert 'must be a folder' in capsys.readouterr().err


def test_several_models_are_drawn_in_one_picture(query, tmp_path, capsys):
    alone, both = tmp_path / 'alone.png', tmp_path / 'both.png'
    for models, out in ((('hog',), alone), (('hog', 'patchnorm'), both)):
        words = [word for name in models for word in ('--model', name)]
        with pytest.raises(SystemExit) as end:
            explain(query, *words, '-o', out, '--json')
        assert end.value.code == 0
    answers = capsys.readouterr().out
    assert json.loads(answers[answers.rindex('\n{') :])['models'] == ['hog', 'patchnorm']
    heights = [cv2.imread(str(path)).shape[0] for path in (alone, both)]
    assert heights[1] > heights[0] + PANEL / 2
