# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.geometry import GeoPoint
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.search import Apart, Retriever, Window

qdrant_client = pytest.importorskip('qdrant_client')
server = pytest.importorskip('vpr_ros.fleet')

START = 1_760_000_000_000_000_000


@pytest.fixture(scope='module')
def pushed(town):
    client = qdrant_client.QdrantClient(':memory:')
    remote = server.RemoteMap(client, 'town')
    with PlaceMap.open(town) as place_map:
        remote.push(place_map)
        yield remote, place_map
    client.close()


@st.composite
def windows(draw):
    def maybe(strategy):
        return draw(st.none() | strategy)

    spans = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(
        lambda s: (START + min(s), START + max(s))
    )
    sessions = st.frozensets(st.integers(1, 4), max_size=3)
    position = st.tuples(*[st.floats(-60, 60)] * 3)
    point = st.builds(GeoPoint, st.floats(48, 48.0004), st.just(11.0))
    return Window(
        sessions=maybe(sessions),
        not_sessions=draw(sessions),
        cameras=maybe(st.frozensets(st.sampled_from(['front', 'rear', 'none']), max_size=2)),
        stamps=maybe(spans),
        not_stamps=maybe(spans),
        apart=maybe(st.builds(Apart, st.integers(1, 4), st.floats(0, 100), st.floats(0, 60))),
        near=maybe(st.tuples(position, st.floats(0, 100))),
        near_geo=maybe(st.tuples(point, st.floats(0, 30))),
    )


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    number=st.integers(40, 170),
    k=st.integers(1, 20),
    candidates=st.integers(1, 130),
    window=st.none() | windows(),
)
def test_server_answers_as_the_file_does(pushed, describe, number, k, candidates, window):
    remote, place_map = pushed
    query = describe(number)
    local = Retriever(place_map).search(query, k, candidates, window)
    found = server.RemoteRetriever(remote).search(query, k, candidates, window)
    if len(local) and local.hamming[0] >= 0:
        # Of equally near candidates the server may choose others.
        everything = Retriever(place_map).search(query, 120, 120, window)
        distances = sorted(everything.hamming.tolist())
        limit = max(candidates, k)
        if len(distances) > limit and distances[limit - 1] == distances[limit]:
            return
    assert found.hamming.tolist() == local.hamming.tolist()
    assert np.allclose(found.similarities, local.similarities, atol=1e-5)
    for there, here in zip(found.places(), local.places(), strict=True):
        same(there, here, offset=40 * (here.session - 1))


def same(there, here, offset):
    """Compare a place of the collection with the one of the map it came from."""
    assert there.id == (here.session << 32) + here.id - 1 - offset
    plain = dict.fromkeys(('id', 'pose', 'covariance', 'mount'))
    assert replace(there, **plain).__dict__ == replace(here, **plain).__dict__
    for name in ('pose', 'covariance', 'mount'):
        ours, theirs = getattr(here, name), getattr(there, name)
        assert (ours is None) == (theirs is None)
    if here.pose is not None:
        assert np.array_equal(there.pose.as_array(), here.pose.as_array())
    if here.mount is not None:
        assert np.array_equal(there.mount.as_array(), here.mount.as_array())
    if here.covariance is not None:
        assert np.array_equal(there.covariance, here.covariance)


def test_what_is_pulled_is_what_was_pushed(pushed, tmp_path):
    remote, place_map = pushed
    path = tmp_path / 'pulled.vprmap'
    assert remote.pull(path) == {1: 1, 2: 2, 3: 3}
    with PlaceMap.open(path) as pulled:
        assert pulled.verify() == []
        assert [s.uid for s in pulled.session_list()] == [s.uid for s in place_map.session_list()]
        assert np.array_equal(pulled.stamps, place_map.stamps)
        assert np.array_equal(pulled.positions, place_map.positions, equal_nan=True)
        assert np.array_equal(pulled.codes, place_map.codes)
        assert [_mount(pulled, key) for key in pulled.ids] == [
            _mount(place_map, key) for key in place_map.ids
        ]
        assert pulled.info().coder == place_map.info().coder
        everything = np.arange(120)
        assert np.array_equal(pulled.descriptors(everything), place_map.descriptors(everything))
    with pytest.raises(MapError, match='here already'):
        remote.pull(path, [2])


def test_sessions_come_and_go_one_by_one(town, tmp_path, describe):
    client = qdrant_client.QdrantClient(':memory:')
    writer, reader = (server.RemoteMap(client, 'town') for _ in range(2))
    with pytest.raises(MapError, match='no map in collection'):
        writer.session_list()
    with PlaceMap.open(town) as place_map:
        assert writer.push(place_map, [2]) == {2: 1}
        with pytest.raises(MapError, match='already'):
            writer.push(place_map)
        assert writer.push(place_map, [1, 3]) == {1: 2, 3: 3}
    assert [(s.name, s.places) for s in writer.session_list()] == [
        ('s2', 40),
        ('s1', 40),
        ('s3', 40),
    ]
    assert reader.refresh() is True
    assert reader.refresh() is False
    retriever = server.RemoteRetriever(reader)
    assert retriever.search(describe(85)).place(0).session == 1
    writer.delete_session(1)
    assert retriever.refresh() is True
    assert {place.session for place in retriever.search(describe(85), 50).places()} == {2, 3}
    assert reader.pull(tmp_path / 'two.vprmap', [3]) == {3: 1}


def test_places_of_an_interrupted_push_are_not_seen(town, describe, monkeypatch):
    client = qdrant_client.QdrantClient(':memory:')
    remote = server.RemoteMap(client, 'town')
    monkeypatch.setattr('vpr_ros.fleet.remote_map._AT_ONCE', 16)
    with PlaceMap.open(town) as place_map:
        remote.push(place_map, [1])

        def interrupt(done, _total):
            if done > 16:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            remote.push(place_map, [2], interrupt)
        retriever = server.RemoteRetriever(remote)
        assert {place.session for place in retriever.search(describe(85), 100).places()} == {1}
        assert remote.push(place_map, [2]) == {2: 2}
    assert [session.places for session in remote.session_list()] == [40, 40]


def test_map_of_another_model_is_refused(town, tmp_path, model):
    remote = server.RemoteMap(qdrant_client.QdrantClient(':memory:'), 'town')
    other = tmp_path / 'other.vprmap'
    MapWriter.create(other, replace(model, weights_id='others')).close()
    with PlaceMap.open(town) as place_map:
        remote.push(place_map, [1])
    with PlaceMap.open(other) as place_map, pytest.raises(MapError, match='another model'):
        remote.push(place_map)


def test_server_that_does_not_answer_is_named():
    client = qdrant_client.QdrantClient(url='http://127.0.0.1:9', timeout=1)
    with pytest.raises(MapError, match='town'):
        server.RemoteMap(client, 'town')


def _mount(place_map, key):
    place = place_map.place(key)
    return place.camera, None if place.mount is None else tuple(place.mount.as_array())
