# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import signal
import subprocess
import sys

import numpy as np
import pytest
from flaky_proxy import Proxy
from fleet_server import database, server  # noqa: F401  fixtures

from vpr_ros.cli.main import main
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap
from vpr_ros.types import Description, ModelInfo

FOLLOW = """
import signal, sys
from vpr_ros.cli.main import main
# A shell that runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def run(capsys):
    """Run a command; return its exit status and its JSON."""

    def run_command(*arguments):
        try:
            status = main(['fleet', *map(str, arguments), '--json'])
        except SystemExit as end:
            status = end.code
        return status or 0, json.loads(capsys.readouterr().out)

    return run_command


@pytest.fixture
def ours(tmp_path):
    """The path of a map of two sessions."""
    path = tmp_path / 'ours.vprmap'
    model = ModelInfo('net', 'weights', 8, 16, 'none', trained=True)
    with MapWriter.create(path, model) as place_map:
        for name in ('a', 'b'):
            session = place_map.begin_session(name, 0)
            description = Description(np.eye(8, dtype=np.float32)[0], np.zeros(2, np.uint8))
            place_map.add([NewPlace(description, session, stamp) for stamp in range(3)])
    return path


def test_sessions_travel_from_map_to_map_by_way_of_a_server(database, run, ours, tmp_path):  # noqa: F811
    theirs = tmp_path / 'theirs.vprmap'
    assert run('init', database) == (0, {'version': 2, 'steps': []})
    _, answers = run('push', ours, database, 'town', '--session', 'b')
    assert [(each['name'], each['outcome']) for each in answers] == [('b', 'new')]
    _, answers = run('push', ours, database, 'town')
    assert [each['outcome'] for each in answers] == ['new', 'unchanged']
    _, listed = run('sessions', database, 'town')
    assert [(each['name'], each['places']) for each in listed] == [('b', 3), ('a', 3)]
    _, report = run('pull', theirs, database, 'town', '--session', 'b')
    assert report['places'] == 3
    with PlaceMap.open(theirs) as pulled:
        assert [(each.name, each.places) for each in pulled.session_list()] == [('b', 3)]
    assert run('delete', database, 'town', '--session', 'b')[1]['version'] == 2
    _, listed = run('sessions', database, 'town', '--former')
    assert [(each['name'], each['version'], each['places']) for each in listed] == [
        ('b', 1, 3),
        ('b', 2, 0),
        ('a', 1, 3),
    ]
    old = tmp_path / 'old.vprmap'
    assert run('pull', old, database, 'town', '--session', 'b', '--version', 1)[1]['places'] == 3
    assert run('tidy', database, 'town', '--keep', 0)[1]['versions'] == 1
    assert run('check', database) == (0, {'problems': []})
    _, status = run('status', database)
    assert [(each['sessions'], each['places']) for each in status['maps']] == [(1, 3)]


def test_what_is_not_there_is_named(database, run, ours):  # noqa: F811
    status, answer = run('sessions', database, 'nowhere')
    assert status == 1
    assert 'nowhere' in answer['error']['message']
    run('push', ours, database, 'town')
    status, answer = run('delete', database, 'town', '--session', 'c')
    assert status == 1
    assert 'it has 1 (a), 2 (b)' in answer['error']['message']


def test_contents_that_are_not_sound_are_told(database, run, ours):  # noqa: F811
    from vpr_ros.fleet import connected

    run('push', ours, database, 'town')
    with connected(database) as connection:
        connection.execute('DELETE FROM descriptors WHERE number = 2')
    status, answer = run('check', database)
    assert (status, answer) == (1, {'problems': ['2 places have no descriptor']})


def test_what_was_left_alone_is_told_by_the_exit_status(database, run, ours, tmp_path):  # noqa: F811
    from vpr_ros.fleet import connected

    run('push', ours, database, 'town')
    with MapWriter.open(ours) as place_map:
        place_map.delete([1])
    status, answers = run('push', ours, database, 'town')
    assert (status, [each['outcome'] for each in answers]) == (1, ['refused', 'unchanged'])
    with connected(database) as connection:
        connection.execute('UPDATE places SET camera = 99 WHERE session = 1')
    for command in ('pull',), ('sync', '--once'):
        path = tmp_path / f'{command[0]}.vprmap'
        status, report = run(command[0], path, database, 'town', *command[1:])
        assert (status, report['places'], len(report['refused'])) == (1, 3, 1)


def test_version_that_is_not_there_is_named_and_makes_no_map(database, run, ours, tmp_path):  # noqa: F811
    run('push', ours, database, 'town')
    status, answer = run('pull', tmp_path / 'new.vprmap', database, 'town', '--version', 9)
    assert status == 1
    assert 'version 9' in answer['error']['message']
    assert not (tmp_path / 'new.vprmap').exists()


def test_two_servers_of_one_number_are_refused(run):
    status, answer = run('front', 'host=front', '1=host=a', '1=host=b')
    assert status == 2
    assert 'two servers have number 1' in answer['error']['message']


def test_end_of_following_does_not_wait_for_a_silent_server(server, database, tmp_path):  # noqa: F811
    with Proxy(server.port) as network:
        network.lossy = True
        url = database.replace(f':{server.port}/', f':{network.port}/')
        arguments = ['fleet', 'sync', tmp_path / 'new.vprmap', url, 'town']
        running = subprocess.Popen([sys.executable, '-c', FOLLOW, *map(str, arguments)])
        try:
            assert network.reached.wait(60)
            running.send_signal(signal.SIGINT)
            assert running.wait(20) == 130
        finally:
            running.kill()
            running.wait()
