# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import numpy as np
import pytest

from vpr_ros.cli.main import main
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.types import Description, ModelInfo

qdrant_client = pytest.importorskip('qdrant_client')


def run(*arguments):
    with pytest.raises(SystemExit) as end:
        main(['map', *map(str, arguments)])
    assert not end.value.code


def test_sessions_travel_from_map_to_map_by_way_of_a_server(tmp_path, monkeypatch, capsys):
    client, asked = qdrant_client.QdrantClient(':memory:'), []
    monkeypatch.setattr(client, 'close', lambda: None)
    monkeypatch.setattr(
        qdrant_client, 'QdrantClient', lambda **options: asked.append(options) or client
    )
    monkeypatch.setenv('QDRANT_API_KEY', 'secret')
    ours, theirs = tmp_path / 'ours.vprmap', tmp_path / 'theirs.vprmap'
    model = ModelInfo('net', 'weights', 8, 16, 'none', trained=True)
    with MapWriter.create(ours, model) as place_map:
        for name in ('a', 'b'):
            session = place_map.begin_session(name, 0)
            description = Description(np.eye(8, dtype=np.float32)[0], np.zeros(2, np.uint8))
            place_map.add([NewPlace(description, session, stamp) for stamp in range(3)])
    for arguments in (
        ['push', ours, 'town', '--session', 2, '--url', 'https://robots.example'],
        ['push', ours, 'town', '--session', 1],
        ['pull', theirs, 'town', '--session', 1],
    ):
        run(*arguments)
    assert asked[0]['url'] == 'https://robots.example'
    assert {options['api_key'] for options in asked} == {'secret'}
    capsys.readouterr()
    run('sessions', 'town', '--json')
    listed = json.loads(capsys.readouterr().out)
    assert [(each['name'], each['places']) for each in listed] == [('b', 3), ('a', 3)]
    with PlaceMap.open(theirs) as pulled:
        assert [(each.name, each.places) for each in pulled.session_list()] == [('b', 3)]
