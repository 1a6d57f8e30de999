# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from fleet_server import new_database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.fleet import FleetMap, FleetRetriever, connected, open_copy, pull, push
from vpr_ros.geometry import GeoPoint
from vpr_ros.maps import PlaceMap
from vpr_ros.search import Apart, Retriever, Window
from vpr_ros.types import Description

from .conftest import KINDS, START


@pytest.fixture(scope='module')
def searchers(server, town, model, tmp_path_factory):
    """The map on the server, and the map that was pulled from it."""
    url = new_database(server)
    path = tmp_path_factory.mktemp('search') / 'pulled.vprmap'
    with connected(url) as connection, PlaceMap.open(town) as place_map:
        push(connection, 'other', place_map, [3])  # must never be found
        push(connection, 'town', place_map)
        fleet = FleetMap(connection, 'town')
        with open_copy(path, fleet) as pulled:
            pull(fleet, pulled, fleet.sessions())
            yield FleetRetriever(fleet), Retriever(pulled), pulled


@st.composite
def windows(draw, offset):
    """Windows of the file; those of the server have the sessions `offset` later."""

    def maybe(strategy):
        return draw(st.none() | strategy)

    spans = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(
        lambda s: (START + min(s), START + max(s))
    )
    sessions = st.frozensets(st.integers(1, 4), max_size=3)
    position = st.tuples(*[st.floats(-60, 60)] * 3)
    point = st.builds(GeoPoint, st.floats(48, 48.0004), st.just(11.0))
    wanted, unwanted, own = maybe(sessions), draw(sessions), draw(st.integers(1, 4))
    apart = maybe(st.tuples(st.floats(0, 100), st.floats(0, 60)))
    common = {
        'cameras': maybe(st.frozensets(st.sampled_from(['front', 'rear', 'none']), max_size=2)),
        'stamps': maybe(spans),
        'not_stamps': maybe(spans),
        'near': maybe(st.tuples(position, st.floats(0, 100))),
        'near_geo': maybe(st.tuples(point, st.floats(0, 30))),
    }
    return [
        Window(
            sessions=None if wanted is None else frozenset(s + by for s in wanted),
            not_sessions=frozenset(s + by for s in unwanted),
            apart=None if apart is None else Apart(own + by, *apart),
            **common,
        )
        for by in (0, offset)
    ]


@KINDS
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    number=st.integers(40, 170),
    k=st.integers(1, 20),
    candidates=st.integers(1, 130),
    window=st.just([None, None]) | windows(offset=1),
)
def test_server_answers_as_the_file_does(searchers, describe, number, k, candidates, window):
    remote, local, place_map = searchers
    query = describe(number)
    there = remote.search(query, k, candidates, window[1])
    here = local.search(query, k, candidates, window[0])
    assert there.hamming.tolist() == here.hamming.tolist()
    assert np.allclose(there.similarities, here.similarities, atol=1e-6)
    places = list(zip(there.places(), here.places(), strict=True))
    assert [(a.session - 1, a.stamp, a.camera, a.distance) for a, _ in places] == [
        (b.session, b.stamp, b.camera, b.distance) for _, b in places
    ]
    assert there.poses.tobytes() == here.poses.tobytes()
    if len(here):
        assert np.allclose(there.standings, here.standings, atol=1e-3, equal_nan=True)
    brute = brute_force(place_map, query, k, candidates, window[0])
    assert np.allclose(there.similarities, brute, atol=1e-6)


def brute_force(place_map, query, k, candidates, window):
    """Return the similarities of the best places, found without any index."""
    from vpr_ros.search.window import Nearby

    snapshot = place_map.snapshot
    vector, code = snapshot.query_of(query)
    rows = np.arange(len(snapshot))
    if window is not None:
        rows = rows[window.select(snapshot, Nearby())]
    if code is not None:
        differing = np.unpackbits(snapshot.columns.codes[rows] ^ code, axis=1).sum(axis=1)
        rows = rows[np.argsort(differing, kind='stable')[: max(candidates, k)]]
    similarities = place_map.descriptors(np.sort(rows)) @ vector
    return np.sort(similarities)[::-1][:k]


@pytest.mark.parametrize('radius', [0.0, 1e-9, 5.0, 2e5, 2e7, float('inf')])
@pytest.mark.parametrize('point', [(48.0, 11.0), (48.0002, 11.0), (90.0, 0.0), (-12.0, 179.9)])
def test_gates_over_ground_admit_the_same_places_anywhere(searchers, describe, radius, point):
    remote, local, _ = searchers
    window = Window(near_geo=(GeoPoint(*point), radius))
    found = [each.search(describe(77), 200, 200, window) for each in (remote, local)]
    assert sorted(p.stamp for p in found[0].places()) == sorted(p.stamp for p in found[1].places())


def test_description_of_another_model_is_refused(searchers):
    with pytest.raises(MapError, match='shape'):
        searchers[0].search(Description(np.ones(3, np.float32), None))
