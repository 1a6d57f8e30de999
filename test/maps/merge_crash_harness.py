# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kills real changes of whole maps at random moments and checks what they left; a program.

usage: merge_crash_harness.py FOLDER KILLS SEED

Each round forks a process that does one of: make a new map of two others, merge a map into one
that exists, compact a map of which half was deleted, fit its codes anew, give all places the
descriptions of another model, in the map or in a copy. It is killed somewhere between the
beginning and a little after the usual end. Afterwards there must be all or nothing of the change,
the sources as they were, and a map that works on.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from vpr_ros.geometry import Datum, Pose
from vpr_ros.maps import MapWriter, NewPlace, PlaceMap, changed_copy, merge, verify
from vpr_ros.types import Description, ModelInfo

MODEL = ModelInfo('crash-net', 'none', 256, 0, 'none', trained=False)
LATER = ModelInfo('crash-net', 'later', 256, 0, 'none', trained=False)
PLACES = 1000


def make(path: Path, seed: int, datum: Datum) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((PLACES, 256)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with MapWriter.create(path, MODEL, datum=datum) as place_map:
        session = place_map.begin_session(path.name, 0)
        place_map.add(
            [
                NewPlace(Description(vector), session, seed * PLACES + i, Pose.planar(i, 0, 0))
                for i, vector in enumerate(vectors)
            ]
        )
        place_map.recode(bits=64)


def contents(path: Path) -> tuple[list[int], bytes, ModelInfo]:
    """Stamps, descriptors and model: what must never change by itself."""
    with PlaceMap.open(path) as place_map:
        order = np.argsort(place_map.stamps)
        stamps, floats = place_map.stamps[order].tolist(), place_map.descriptors(order)
        return stamps, floats.tobytes(), place_map.model


def redescribed(place_map: MapWriter) -> None:
    vectors = np.random.default_rng(7).standard_normal((len(place_map), 256))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = np.empty((len(place_map), 0), np.uint8)
    place_map.redescribe(LATER, vectors.astype(np.float16), codes)


def work(kind: str, folder: Path) -> None:
    target = folder / 'target'
    if kind == 'new':
        merge(target, [(folder / 'a', None), (folder / 'b', None)])
        return
    if kind == 'copy':
        with changed_copy(folder / 'a', target) as copied:
            redescribed(copied)
        return
    with MapWriter.open(target, memory_budget=0) as place_map:
        if kind == 'into':
            with PlaceMap.open(folder / 'b') as source:
                place_map.merge(source)
        elif kind == 'compact':
            place_map.compact()
        elif kind == 'redescribe':
            redescribed(place_map)
        else:
            place_map.recode(bits=128, seed=os.getpid())


def prepare(kind: str, folder: Path) -> None:
    for file in folder.glob('target*'):
        file.unlink()
    if kind in ('into', 'recode', 'redescribe'):
        shutil.copyfile(folder / 'a', folder / 'target')
    elif kind == 'compact':
        shutil.copyfile(folder / 'halved', folder / 'target')


def run(kind: str, folder: Path, seconds: float | None) -> float:
    """Do the work in a process of its own; kill it after so many seconds. Return how long."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        code = 3
        try:
            work(kind, folder)
            code = 0
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, 'failed by itself'
    return time.monotonic() - began


def check(kind: str, folder: Path, before: dict[str, tuple[list[int], bytes, ModelInfo]]) -> str:
    """Check what was left; return whether it was nothing or all."""
    target = folder / 'target'
    (stamps, vectors, _), (more_stamps, more_vectors, _) = before['a'], before['b']
    both = stamps + more_stamps, vectors + more_vectors, MODEL
    allowed = {
        'new': {'all': both},
        'into': {'nothing': before['a'], 'all': both},
        'compact': {'all': before['halved']},
        'recode': {'all': before['a']},
        'redescribe': {'nothing': before['a'], 'all': before['later']},
        'copy': {'all': before['later']},
    }[kind]
    outcome = 'nothing'
    if target.exists():
        assert verify(target) == [], kind
        found = contents(target)
        outcome = next(name for name, expected in allowed.items() if found == expected)
    else:
        assert kind in ('new', 'copy')
    for source in ('a', 'b'):
        assert contents(folder / source) == before[source]
    # What was interrupted is done again, and the map works on.
    if kind != 'into' or outcome == 'nothing':
        if kind in ('new', 'copy') and outcome == 'all':
            target.unlink()
        work(kind, folder)
    with MapWriter.open(target) as place_map:
        session = place_map.begin_session('after', 0)
        vector = np.zeros(256, np.float32)
        vector[0] = 1
        place_map.add([NewPlace(Description(vector), session, 2**40)])
        assert place_map.verify() == []
    left = {file.name for file in folder.iterdir()}
    assert left == {'a', 'b', 'halved', 'target'}, left
    return outcome


def main() -> None:
    folder, kills, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    rng = random.Random(seed)
    make(folder / 'a', 0, Datum(48, 11))
    make(folder / 'b', 1, Datum(48.1, 11))
    shutil.copyfile(folder / 'a', folder / 'halved')
    with MapWriter.open(folder / 'halved') as place_map:
        place_map.delete(place_map.ids[::2])
    before = {name: contents(folder / name) for name in ('a', 'b', 'halved')}
    work('copy', folder)
    before['later'] = contents(folder / 'target')
    kinds = ['new', 'into', 'compact', 'recode', 'redescribe', 'copy']
    usual = {}
    for kind in kinds:
        prepare(kind, folder)
        usual[kind] = run(kind, folder, None)
    outcomes: Counter[tuple[str, str]] = Counter()
    for number in range(kills):
        kind = kinds[number % len(kinds)]
        prepare(kind, folder)
        run(kind, folder, rng.uniform(0, 1.2 * usual[kind]))
        outcomes[kind, check(kind, folder, before)] += 1
    print(f'{kills} kills:', *(f'{kind} {what}: {n}' for (kind, what), n in outcomes.items()))


if __name__ == '__main__':
    main()
