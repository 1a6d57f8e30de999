# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Servers and pushers that are killed at any moment, and networks that fail, lose nothing."""

from __future__ import annotations

import json
import logging
import os
import random
import select
import subprocess
import sys
import time

import pytest
from flaky_proxy import Proxy

from vpr_ros.errors import FleetUnreachableError
from vpr_ros.fleet import FleetMap, connected, explained, initialise, push
from vpr_ros.fleet.local_server import LocalServer
from vpr_ros.fleet.schema import problems
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap

from .conftest import START

PLACES, SESSIONS = 30, 6
PUSHER = """
import itertools, json, sys, time
import vpr_ros.fleet.pushing as pushing
from vpr_ros.fleet import connected, explained
from vpr_ros.errors import FleetError
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter

pushing._BATCH_PLACES = 4
url, path = sys.argv[1:]
with MapWriter.open(path) as place_map:
    for round in itertools.count(1):
        ids = place_map.ids
        place_map.update_poses(ids, [Pose.of((i, round, 0)) for i in range(len(ids))])
        for session in place_map.snapshot.names:
            while True:
                try:
                    with connected(url) as connection, explained(url):
                        (answer,) = pushing.push(connection, 'town', place_map, [session])
                    break
                except FleetError:
                    time.sleep(0.02)
            print(json.dumps([answer.uid, answer.version, round]), flush=True)
"""
"""Pushes all sessions of its map again and again, with other poses, and says what was answered."""


class Pusher:
    """A process that pushes, and what it was answered."""

    def __init__(self, url, path):
        self._command = [sys.executable, '-c', PUSHER, url, str(path)]
        self.acknowledged: dict[str, tuple[int, int]] = {}
        self.answers = 0
        self.begin()

    def begin(self):
        self.process = subprocess.Popen(self._command, stdout=subprocess.PIPE)
        self._said = b''

    def hear(self):
        """Take what was said until now."""
        while select.select([self.process.stdout], [], [], 0)[0]:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                break
            self._said += data
        *lines, self._said = self._said.split(b'\n')
        for uid, version, round_ in map(json.loads, lines):
            self.acknowledged[uid] = version, round_
            self.answers += 1

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.hear()  # what it said before it died was answered
        self.process.stdout.close()


def make_map(path, model, describe, robot):
    with MapWriter.create(path, model) as place_map:
        for i in range(SESSIONS):
            session = place_map.begin_session(f'{robot}.{i}', START)
            numbers = range(1000 * robot + PLACES * i, 1000 * robot + PLACES * (i + 1))
            place_map.add([NewPlace(describe(n), session, n, Pose.identity()) for n in numbers])
    return path


def check(url, pushers):
    """Everything that was answered is there, and all that is there is whole."""
    with connected(url) as connection:
        assert problems(connection) == []
        fleet = FleetMap(connection, 'town')
        found = {each.uid: each for each in fleet.sessions()}
        for pusher in pushers:
            for uid, (version, _) in pusher.acknowledged.items():
                assert found[uid].version >= version
        for session in found.values():
            poses = fleet.places(session).poses
            assert len(poses) == PLACES
            # All of one round: no version is a mixture of two.
            assert len(set(poses[:, 1].tolist())) == 1
        return sum(each.version for each in found.values())


def survive(tmp_path, model, describe, kills, seed):
    """Kill the server or a pusher so many times; return how many versions there are."""
    dice = random.Random(seed)
    maps = [make_map(tmp_path / f'{i}.vprmap', model, describe, i) for i in (1, 2)]
    with LocalServer() as server:
        with connected(server.url, checked=False) as connection:
            initialise(connection)
        pushers = [Pusher(server.url, path) for path in maps]
        try:
            for number in range(kills):
                until = time.monotonic() + 30
                heard = sum(p.answers for p in pushers)
                while sum(p.answers for p in pushers) == heard:
                    assert time.monotonic() < until, 'nothing was pushed'
                    for pusher in pushers:
                        pusher.hear()
                    time.sleep(0.005)
                time.sleep(dice.uniform(0, 0.2))  # at any moment of a push
                if dice.random() < 0.5:
                    server.kill()
                    server.start()
                else:
                    pusher = dice.choice(pushers)
                    pusher.kill()
                    pusher.begin()
                for pusher in pushers:
                    pusher.hear()
                versions = check(server.url, pushers)
                logging.info('%d kills survived, %d versions', number + 1, versions)
        finally:
            for pusher in pushers:
                pusher.kill()
        return versions


def test_nothing_that_was_answered_is_lost_by_kills(tmp_path, model, describe):
    assert survive(tmp_path, model, describe, kills=3, seed=1) > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_nothing_that_was_answered_is_lost_by_many_kills(tmp_path, model, describe):
    assert survive(tmp_path, model, describe, kills=60, seed=2) > 2 * SESSIONS


def test_push_over_a_network_that_fails_is_whole_in_the_end(server, database, town, monkeypatch):
    monkeypatch.setattr('vpr_ros.fleet.pushing._BATCH_PLACES', 8)
    attempts = 0
    with Proxy(server.port) as proxy, PlaceMap.open(town) as place_map:
        url = server.url_of('owner', 'ready', proxy.port)
        while True:
            attempts += 1
            # Each attempt gets somewhat farther than the one before.
            proxy.budget = 6000 * attempts
            try:
                with connected(url) as connection, explained(url):
                    answers = push(connection, 'town', place_map)
                    break
            except FleetUnreachableError:
                proxy.cut()
                with connected(database) as connection:
                    assert problems(connection) == []
    assert attempts > 3
    assert {each.outcome for each in answers} <= {'new', 'unchanged'}
    with connected(database) as connection:
        assert problems(connection) == []
        assert [each.places for each in FleetMap(connection, 'town').sessions()] == [40] * 3


def test_slow_network_only_takes_longer(server, database, town):
    with Proxy(server.port) as proxy, PlaceMap.open(town) as place_map:
        proxy.delay = 0.005
        url = server.url_of('owner', 'ready', proxy.port)
        with connected(url) as connection:
            assert [p.outcome for p in push(connection, 'town', place_map)] == ['new'] * 3


def test_network_that_swallows_all_is_given_up(server, database, town):
    with Proxy(server.port) as proxy:
        url = server.url_of('owner', 'ready', proxy.port)
        with connected(url, seconds=0.2) as connection:
            proxy.lossy = True
            with pytest.raises(FleetUnreachableError), explained(url):
                connection.execute('SELECT 1')
