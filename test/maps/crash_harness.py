# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kills a real writer again and again and checks what it left; run as a program.

usage: crash_harness.py FOLDER KILLS SEED

A forked writer does random writes and says through a pipe what it is about to do and when it is
done. After SIGKILL at a random moment the map must hold everything that was done, and of what was
being done all or nothing. Killed writers leave their map to the next one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, verify
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('crash-net', 'none', 64, 0, 'none', trained=False)


def description(stamp: int) -> Description:
    vector = np.random.default_rng(stamp).standard_normal(64).astype(np.float32)
    return Description(vector / np.linalg.norm(vector))


def write_until_killed(path: Path, seed: int, pipe: int) -> None:
    rng = random.Random(seed)

    def say(**what: object) -> None:
        os.write(pipe, json.dumps(what).encode() + b'\n')

    say(kind='open')
    place_map = MapWriter.open(path) if path.exists() else None
    if place_map is None:
        place_map = MapWriter.create(path, MODEL)
    while True:
        ids = place_map.ids.tolist()
        sessions = [session.id for session in place_map.session_list()]
        kind = rng.choice(
            ['add'] * 6 + ['update', 'update', 'delete', 'recode', 'close', 'session']
        )
        some = rng.sample(ids, min(len(ids), rng.randint(1, 6)))
        if kind == 'session' or not sessions:
            say(kind='none')
            place_map.begin_session('crash', 0)
        elif kind == 'add':
            first = place_map.snapshot.meta.next_place
            new = {
                i: (rng.randrange(2**40), rng.random())
                for i in range(first, first + len(some) + 1)
            }
            say(kind='add', places=new)
            got = place_map.add(
                [
                    NewPlace(description(stamp), rng.choice(sessions), stamp, Pose.planar(x, 0, 0))
                    for stamp, x in new.values()
                ]
            )
            assert got == list(new)
        elif kind == 'update' and some:
            moved = {i: rng.random() for i in some}
            say(kind='update', places=moved)
            place_map.update_poses(list(moved), [Pose.planar(x, 0, 0) for x in moved.values()])
        elif kind == 'delete' and len(ids) > 60:
            doomed = rng.sample(ids, 20)
            say(kind='delete', places=doomed)
            place_map.delete(doomed)
        elif kind == 'recode' and ids:
            say(kind='none')
            place_map.recode(bits=16, seed=rng.randrange(99))
        elif kind == 'close':
            say(kind='none')
            place_map.close()
            place_map = MapWriter.open(path)
        say(kind='done')


def after(state: dict[int, tuple[int, float]], intent: dict) -> dict[int, tuple[int, float]]:
    result = dict(state)
    if intent['kind'] == 'add':
        result.update({int(i): tuple(place) for i, place in intent['places'].items()})
    elif intent['kind'] == 'update':
        result.update({int(i): (result[int(i)][0], x) for i, x in intent['places'].items()})
    elif intent['kind'] == 'delete':
        for i in intent['places']:
            del result[i]
    return result


def read(path: Path) -> dict[int, tuple[int, float]]:
    with PlaceMap.open(path, model=MODEL) as place_map:
        state = {}
        descriptors = place_map.descriptors(range(len(place_map)))
        for place, descriptor in zip(place_map.places(place_map.ids), descriptors, strict=True):
            assert place.pose is not None
            expected = description(place.stamp).descriptor.astype(np.float16)
            assert np.array_equal(descriptor, expected), place
            state[place.id] = (place.stamp, float(place.pose.position[0]))
        return state


def kill_once(path: Path, state: dict[int, tuple[int, float]], rng: random.Random):
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(readable)
            write_until_killed(path, rng.randrange(2**32), writable)
        finally:
            os._exit(3)
    os.close(writable)
    time.sleep(rng.expovariate(1 / 0.08))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), 'the writer failed by itself'
    with os.fdopen(readable) as pipe:
        said = [json.loads(line) for line in pipe if line.endswith('\n')]
    pending: dict = {'kind': 'none'}
    for what in said:
        if what['kind'] == 'done':
            state = after(state, pending)
            pending = {'kind': 'none'}
        else:
            pending = what
    if not path.exists():
        assert not state
        return {}, len(said)
    assert (problems := verify(path)) == [], problems
    found = read(path)
    assert found in (state, after(state, pending)), (pending, found, state)
    return found, len(said)


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    state: dict[int, tuple[int, float]] = {}
    writes = number = 0
    for _ in range(kills):
        if rng.random() < 0.1:
            number, state = number + 1, {}
        path = folder / f'{number}.vprmap'
        state, said = kill_once(path, state, rng)
        writes += said
    print(f'{kills} kills, {number + 1} maps, {writes} messages, {len(state)} places at the end')


if __name__ == '__main__':
    main()
