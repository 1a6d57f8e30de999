# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pytest
from killed_writer import write

from vpr_ros.cli.main import main
from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.types import Description, ModelInfo


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'town.vprmap'
    model = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)
    with MapWriter.create(path, model, datum=Datum(48, 11, 0)) as place_map:
        session = place_map.begin_session('morning', 10**18)
        rows = np.linalg.qr(np.random.default_rng(0).standard_normal((16, 16)))[0]
        place_map.add(
            [
                NewPlace(Description(row.astype(np.float32)), session, 0, Pose.planar(i, 0, 0))
                for i, row in enumerate(rows)
            ]
        )
    return path


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(['map', *map(str, arguments)])
    return end.value.code or 0


def test_info_tells_what_the_map_holds(path, capsys):
    assert run('info', path) == 0
    shown = capsys.readouterr().out
    for expected in ('test-net', 'untrained', '16 in 1 session', '48.00000000', "'morning'"):
        assert expected in shown
    assert run('info', path, '--json') == 0
    said = json.loads(capsys.readouterr().out)
    assert (said['places'], said['sessions'][0]['name'], said['model']['name']) == (
        16,
        'morning',
        'test-net',
    )


def test_recover_says_what_it_took_and_kept(path, capsys):
    assert run('recover', path) == 0
    assert capsys.readouterr().out == f'{path}: 16 places, nothing to recover\n'
    path.with_name(path.name + '-wal').write_bytes(
        write(path.with_name('killed.vprmap'), 2, kill=True)
        .with_name('killed.vprmap-wal')
        .read_bytes()
    )
    assert main(['map', 'info', str(path)]) == 1
    assert 'vpr map recover' in capsys.readouterr().err
    assert run('recover', path) == 0
    assert '16 places can be read; as it was, it is kept as town' in capsys.readouterr().out
    assert run('verify', path) == 0


def test_verify_finds_the_map_sound_or_fails_with_the_problems(path, capsys):
    assert run('verify', path) == 0
    assert capsys.readouterr().out == f'{path}: sound\n'
    with closing(sqlite3.connect(path)) as connection:
        connection.execute('UPDATE descriptors SET data = zeroblob(32) WHERE place = 3')
        connection.commit()
    assert run('verify', path) == 1
    assert 'checksum of the descriptor of place 3' in capsys.readouterr().out
    assert run('verify', path, '--json') == 1
    assert len(json.loads(capsys.readouterr().out)['problems']) == 1


def test_recode_makes_codes(path, capsys):
    assert run('recode', path, '--bits', '8') == 0
    assert '16 places, 8 bits, itq-' in capsys.readouterr().out
    with PlaceMap.open(path) as place_map:
        assert place_map.codes.shape == (16, 1)


def test_foreign_file_is_one_line_on_standard_error(tmp_path, capsys):
    (tmp_path / 'foreign').write_text('hello')
    assert main(['map', 'info', str(tmp_path / 'foreign')]) == 1
    assert 'is not a place map' in capsys.readouterr().err


def test_info_tells_the_health_and_draws_it(path, tmp_path, capsys):
    figure = tmp_path / 'health.png'
    assert run('info', path, '--health', '--figure', figure) == 0
    shown = capsys.readouterr().out
    assert 'distinctness' in shown
    assert 'whether 16 places are blank is unknown' in shown
    assert figure.stat().st_size > 10_000
    assert run('info', path, '--health', '--json') == 0
    health = json.loads(capsys.readouterr().out)['health']
    assert (health['places'], health['unseen'], health['gaps']) == (16, 16, [])
    assert run('info', path, '--json') == 0
    assert 'health' not in json.loads(capsys.readouterr().out)
    assert run('info', path, '--figure', figure) == 2
    assert 'without --health' in capsys.readouterr().err


def test_weak_spots_are_shown_in_tables(path, capsys):
    with MapWriter.open(path) as place_map:
        session = place_map.begin_session('gap', 10**18)
        row = np.eye(16, dtype=np.float32)[0]
        blank = encode_thumbnail(np.zeros((48, 64, 3), np.uint8), 64)
        place_map.add(
            [
                NewPlace(Description(row), session, i, Pose.planar(x, 0, 0), thumbnail=blank)
                for i, x in enumerate([100, 101, 102, 130, 131])
            ]
        )
    assert run('info', path, '--health') == 0
    shown = capsys.readouterr().out
    for words in ('look-alike stretches', '17 to 19', '19 and 20', '28.0 m', 'dark, blank'):
        assert words in shown
    assert 'healthy' not in shown
