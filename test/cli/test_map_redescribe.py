# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map redescribe`` on bags of the synthetic town, with the models that need no weights."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vpr_ros.cli.main import main
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.simulation import Conditions, SimulatedCamera, Town, Traverse, write_bag


@pytest.fixture(scope='module')
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bags')
    town = Town(seed=3, camera=SimulatedCamera(width=160, height=120))
    for name, lane in (('morning', 0.0), ('evening', 1.0)):
        traverse = Traverse(
            town, Conditions.named('day'), seed=1, lateral_shift=lane, spacing=120.0
        )
        write_bag(traverse, folder / name)
    return folder


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(['map', *map(str, arguments)])
    return end.value.code or 0


@pytest.fixture
def path(bags, tmp_path, capsys):
    """A map of two sessions, made with patchnorm."""
    path = tmp_path / 'town.vprmap'
    for name in ('morning', 'evening'):
        assert run('build', path, bags / name, '--model', 'patchnorm', '--anchored') == 0
    capsys.readouterr()
    return path


def contents(path):
    with PlaceMap.open(path) as place_map:
        rows = range(len(place_map))
        about = place_map.model, place_map.ids.tolist(), place_map.stamps.tolist()
        return about, place_map.descriptors(rows), place_map.codes


def test_a_map_of_another_model_is_refused_with_the_command_that_helps(path, bags, capsys):
    photo = bags / 'none.jpg'
    assert main(['query', str(path), str(photo), '--model', 'hog']) == 1
    told = capsys.readouterr().err
    assert 'anew with hog (`vpr map redescribe`)' in told
    assert "model 'patchnorm' in the map, 'hog' here" in told


def test_the_result_is_the_map_that_the_model_would_have_made(path, bags, tmp_path, capsys):
    both = ['--bag', bags / 'morning', '--bag', bags / 'evening', '--model', 'hog']
    new = tmp_path / 'new.vprmap'
    before = path.read_bytes()
    assert run('redescribe', path, *both, '--output', new, '--json') == 0
    said = json.loads(capsys.readouterr().out)
    count = said['map']['places']
    assert said['map']['model']['name'] == 'hog'
    assert (said['from_bags'], said['from_thumbnails'], said['dropped']) == (count, 0, 0)
    assert path.read_bytes() == before

    assert run('redescribe', path, *both) == 0
    assert f'{count} places described by hog, {count} from bags' in capsys.readouterr().out
    built = tmp_path / 'built.vprmap'
    for name in ('morning', 'evening'):
        run('build', built, bags / name, '--model', 'hog', '--anchored')
    run('recode', built)
    for found in (new, path):
        assert run('verify', found) == 0
        for ours, theirs in zip(contents(found), contents(built), strict=True):
            assert np.array_equal(ours, theirs) if isinstance(ours, np.ndarray) else ours == theirs


def test_one_bag_and_thumbnails_of_the_rest_with_a_warning(path, bags, capsys, caplog):
    evening = f'evening={bags / "evening"}'
    assert run('redescribe', path, '--bag', evening, '--model', 'hog') == 0
    assert '5 from bags and 5 from thumbnails' in capsys.readouterr().out
    assert '5 of 10 places are described from their thumbnails' in caplog.text


def test_places_without_an_image_are_refused_or_deleted(bags, tmp_path, capsys):
    path = tmp_path / 'plain.vprmap'
    for name in ('morning', 'evening'):
        run('build', path, bags / name, '--model', 'patchnorm', '--thumbnails', 0, '--anchored')
    with MapWriter.open(path) as place_map:
        first, second = (session.places for session in place_map.session_list())
    capsys.readouterr()
    words = ['redescribe', path, '--bag', f'2={bags / "evening"}', '--model', 'hog']
    assert main([*map(str, ['map', *words])]) == 1
    assert f'there is no image of {first} of {first + second} places' in capsys.readouterr().err
    assert run(*words, '--drop-missing', '--json') == 0
    said = json.loads(capsys.readouterr().out)
    assert (said['dropped'], said['map']['places']) == (first, second)


def test_bags_with_the_same_stamps_are_told_by_session(path, bags, tmp_path, capsys):
    # The drives of the synthetic town begin at the same time.
    (tmp_path / 'one').symlink_to(bags / 'morning')
    (tmp_path / 'two').symlink_to(bags / 'evening')
    words = ['redescribe', path, '--model', 'hog', '--bag']
    assert main([*map(str, ['map', *words, tmp_path / 'one', '--bag', tmp_path / 'two'])]) == 1
    assert 'as 1=BAG' in capsys.readouterr().err
    named = f'morning={tmp_path / "one"}', f'2={tmp_path / "two"}'
    assert run(*words, named[0], '--bag', named[1]) == 0
    assert 'and 0 from thumbnails' in capsys.readouterr().out
    assert main([*map(str, ['map', *words, f'9={tmp_path / "one"}'])]) == 1
    assert 'has no session 9' in capsys.readouterr().err


def test_a_topic_without_a_bag_is_a_usage_error(path):
    assert run('redescribe', path, '--image-topic', '/image') == 2
