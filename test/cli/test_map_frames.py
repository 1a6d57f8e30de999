# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest

from vpr_ros.cli.main import main
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('test-net', 'weights', 16, 0, 'none', trained=False)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'town.vprmap'
    with MapWriter.create(path, MODEL) as place_map:
        session = place_map.begin_session('', 0)
        vector = np.full(16, 0.25, np.float32)
        place_map.add([NewPlace(Description(vector), session, 0, camera='front')])
    return path


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(['map', *map(str, arguments)])
    return end.value.code or 0


def test_datum_is_shown_and_said_once(path, capsys):
    assert run('datum', path) == 0
    assert 'datum none' in capsys.readouterr().out
    assert run('datum', path, '--set', '-33.9', '-151.25', '12.5') == 0
    assert run('datum', path, '--json') == 0
    said = capsys.readouterr().out
    shown = json.loads(said[said.index('{') :])
    assert shown == {'datum': {'lat': -33.9, 'lon': -151.25, 'alt': 12.5}}
    assert main(['map', 'datum', str(path), '--set', '1', '2', '3']) == 1
    assert 'already' in capsys.readouterr().err


def test_datum_that_is_no_place_is_refused(path, capsys):
    with pytest.raises(SystemExit) as end:
        main(['map', 'datum', str(path), '--set', '91', '0', '0'])
    assert end.value.code == 2
    assert 'no place on Earth' in capsys.readouterr().err


def test_mount_is_shown_and_said(path, capsys):
    assert run('mount', path) == 0
    assert "'front' has no known mount" in capsys.readouterr().out
    assert run('mount', path, '--camera', 'front', '--set', '-0.3 0 1.2 0 0 3.14159265') == 0
    assert run('mount', path, '--json') == 0
    said = capsys.readouterr().out
    assert 'at "-0.3 0 1.2 0 0 3.141593"' in said  # as --set takes it
    (camera,) = json.loads(said[said.index('{') :])['cameras']
    assert camera['camera'] == 'front'
    assert camera['mount'] == pytest.approx([-0.3, 0, 1.2, 0, 0, 1, 0], abs=1e-8)
    assert main(['map', 'mount', str(path), '--set', '0 0 1']) == 1
    assert "no camera ''" in capsys.readouterr().err
