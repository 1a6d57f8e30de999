# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys
import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.maps import NewPlace, PlaceMap
from vpr_ros.maps.descriptors import STORAGES, Packing
from vpr_ros.search import Apart, Retriever, Window, kernels
from vpr_ros.types import Description

RANDOM = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


def brute_force(place_map, query, k, candidates, admitted):
    """Search place by place, with Python's own numbers and sorting."""
    scored = []
    for row, place in enumerate(place_map.places(place_map.ids)):
        if not admitted(place):
            continue
        bits = 0
        if query.code is not None:
            stored = int.from_bytes(place_map.codes[row].tobytes(), 'big')
            bits = (stored ^ int.from_bytes(query.code.tobytes(), 'big')).bit_count()
        dot = sum(
            float(a) * float(b)
            for a, b in zip(place_map.descriptors([row])[0], query.descriptor, strict=True)
        )
        scored.append((bits, place.id, dot))
    best = sorted(scored)[: max(k, candidates)] if query.code is not None else scored
    best.sort(key=lambda each: (-each[2], each[1]))
    return [(i, bits if query.code is not None else -1, dot) for bits, i, dot in best[:k]]


def answers(found):
    columns = found.ids.tolist(), found.hamming.tolist(), found.similarities.tolist()
    return list(zip(*columns, strict=True))


@st.composite
def windows(draw):
    def maybe(strategy):
        return draw(st.none() | strategy)

    spans = st.tuples(st.integers(0, 1000), st.integers(0, 1000)).map(lambda s: tuple(sorted(s)))
    sessions = st.frozensets(st.integers(1, 4), max_size=3)
    position = st.tuples(*[st.floats(-60, 60)] * 3)
    return Window(
        sessions=maybe(sessions),
        not_sessions=draw(sessions),
        cameras=maybe(st.frozensets(st.sampled_from(['front', 'rear', 'none']), max_size=2)),
        stamps=maybe(spans),
        not_stamps=maybe(spans),
        apart=maybe(st.builds(Apart, st.integers(1, 4), st.floats(0, 100), st.floats(0, 60))),
        near=maybe(st.tuples(position, st.floats(0, 100))),
    )


def admits(window, place):
    checks = [
        window.sessions is None or place.session in window.sessions,
        place.session not in window.not_sessions,
        window.cameras is None or place.camera in window.cameras,
        window.stamps is None or window.stamps[0] <= place.stamp <= window.stamps[1],
        window.not_stamps is None
        or not window.not_stamps[0] <= place.stamp <= window.not_stamps[1],
    ]
    if window.apart is not None and place.session == window.apart.session:
        known = place.distance is not None
        checks.append(known and abs(place.distance - window.apart.distance) >= window.apart.metres)
    if window.near is not None:
        centre, radius = window.near
        known = place.pose is not None
        checks.append(known and np.sum((place.pose.position - centre) ** 2) <= radius**2)
    return all(checks)


@pytest.fixture(params=['in memory', 'in the file'])
def maps(request, make_map, model, hashless):
    budget = {'memory_budget': 0} if request.param == 'in the file' else {}
    return [
        make_map(kind, count, seed, **budget)
        for seed, (kind, count) in enumerate([(model, 0), (model, 1), (model, 90), (hashless, 40)])
    ]


@RANDOM
@given(data=st.data())
def test_results_equal_brute_force(maps, dyadic, data):
    compare_with_brute_force(maps, dyadic, data)


@pytest.mark.slow
@pytest.mark.timeout(600)
@settings(RANDOM, max_examples=5000)
@given(data=st.data())
def test_results_equal_brute_force_in_ten_thousand_cases(maps, dyadic, data):
    compare_with_brute_force(maps, dyadic, data)


def compare_with_brute_force(maps, dyadic, data):
    place_map = data.draw(st.sampled_from(maps))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    code = rng.integers(0, 4, 4, dtype=np.uint8) if place_map.model.code_bits else None
    query = Description(dyadic(rng, 6), code)
    k, candidates = data.draw(st.integers(1, 100)), data.draw(st.integers(0, 100))
    window = data.draw(st.none() | windows())
    found = Retriever(place_map).search(query, k, candidates, window)
    expected = brute_force(
        place_map, query, k, candidates, lambda place: window is None or admits(window, place)
    )
    assert answers(found) == expected


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    dim=st.integers(1, 300),
    count=st.integers(0, 40),
    storage=st.sampled_from(STORAGES),
)
def test_packed_descriptors_are_multiplied_as_they_unpack(seed, dim, count, storage):
    rng = np.random.default_rng(seed)
    packing = Packing(storage, dim)
    vectors = rng.standard_normal((count, dim)).astype(np.float32)
    query = rng.standard_normal(dim).astype(np.float32)
    rows = packing.pack(vectors) if count else np.empty((0, packing.row_bytes), np.uint8)
    asked = rng.permutation(count)[: rng.integers(0, count + 1)]
    unpacked = packing.unpack(rows).astype(np.float64)[asked]
    scale = np.abs(unpacked) @ np.abs(query) + 1e-9
    products = kernels.inner_products(query, rows, asked, packing)
    assert (np.abs(products - unpacked @ query) <= 1e-5 * scale).all()


@RANDOM
@given(seed=st.integers(0, 2**32), k=st.integers(1, 100))
def test_as_many_candidates_as_places_is_a_pure_float_search(make_map, model, seed, k):
    place_map = _shared(make_map, model)
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(64).astype(np.float32)
    query = Description(vector / np.linalg.norm(vector), rng.integers(0, 256, 4, dtype=np.uint8))
    similarities = place_map.descriptors(range(90)).astype(np.float64) @ query.descriptor
    candidates = Retriever(place_map).search(query, k, candidates=90)
    assert len(candidates) == min(k, 90)
    found = candidates.similarities
    assert np.allclose(found, np.sort(similarities)[::-1][:k], atol=1e-6)
    assert np.allclose(found, similarities[candidates.ids - 1], atol=1e-6)


_kept = {}


def _shared(make_map, model):
    key = make_map
    if key not in _kept:
        _kept.clear()
        _kept[key] = make_map(model, 90)
    return _kept[key]


def test_similarity_of_a_place_does_not_depend_on_the_other_candidates(make_map, model):
    rng = np.random.default_rng(5)
    place_map = make_map(replace(model, descriptor_dim=64), 0)
    vectors = rng.standard_normal((300, 64)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    codes = rng.integers(0, 256, (300, 4), dtype=np.uint8)
    place_map.add([NewPlace(Description(v, c), 1, 0) for v, c in zip(vectors, codes, strict=True)])
    seen = {}
    for candidates in (1, 2, 3, 7, 50, 300):
        for k in (300, 1):
            query = Description(vectors[0], codes[1])
            for key, _, value in answers(Retriever(place_map).search(query, k, candidates)):
                assert seen.setdefault(key, value) == value


def test_map_is_searched_by_floats_until_it_is_coded(make_map, hashless, dyadic):
    place_map = make_map(hashless, 50)
    query = Description(place_map.descriptors([7])[0])
    retriever = Retriever(place_map)
    before = retriever.search(query, 5)
    assert set(before.hamming.tolist()) == {-1}
    place_map.recode(bits=16)
    after = retriever.search(query, 5, candidates=50)
    assert after.ids.tolist() == before.ids.tolist()
    assert after.hamming[0] == 0


def test_places_near_a_point_on_earth(make_map, model, dyadic):
    place_map = make_map(model, 5)
    rng = np.random.default_rng(0)
    query = Description(dyadic(rng), np.zeros(4, np.uint8))
    # The second is some 11 m west of the first, across the date line.
    points = [GeoPoint(10, -179.99995), GeoPoint(10, 179.99995), GeoPoint(10, 179.9)]
    ids = place_map.add([NewPlace(query, 1, 0, geo=point) for point in points])
    search = Retriever(place_map).search
    for radius, expected in ((5, ids[:1]), (20, ids[:2]), (20000, ids)):
        found = search(query, window=Window(near_geo=(points[0], radius)))
        assert found.ids.tolist() == expected


@pytest.mark.parametrize(
    ('query', 'reason'),
    [
        (Description(np.zeros(63, np.float32), np.zeros(4, np.uint8)), 'shape'),
        (Description(np.zeros(64, np.float32), np.zeros(5, np.uint8)), '32 bits'),
        (Description(np.zeros(64, np.float32)), '32 bits'),
        (Description(np.full(64, np.nan, np.float32), np.zeros(4, np.uint8)), 'not finite'),
    ],
)
def test_query_of_another_model_is_refused(make_map, model, query, reason):
    with pytest.raises(MapError, match=reason):
        Retriever(make_map(model, 3)).search(query)


def test_reader_finds_what_a_writer_adds_moves_and_deletes(make_map, model, dyadic):
    writer = make_map(model, 20)
    query = Description(dyadic(np.random.default_rng(99), 64), np.full(4, 9, np.uint8))
    with PlaceMap.open(writer.path, memory_budget=0) as reader:
        retriever = Retriever(reader)
        (new,) = writer.add([NewPlace(query, 1, 5, Pose.identity())])
        assert new not in retriever.search(query, 30).ids
        assert retriever.refresh() is True
        assert retriever.search(query, 1).ids.tolist() == [new]
        writer.update_poses([new], [Pose.planar(1, 2, 3)])
        retriever.refresh()
        near = Window(near=((1, 2, 0), 0.5))
        assert retriever.search(query, window=near).ids.tolist() == [new]
        # Not refreshed: the search notices by itself that a candidate is gone.
        writer.delete([new])
        assert new not in retriever.search(query, 30).ids


def test_gate_follows_places_that_are_added_moved_and_deleted(make_map, model, monkeypatch):
    monkeypatch.setattr('vpr_ros.search.window._UNSORTED', 10)
    place_map = make_map(model, 20)
    retriever = Retriever(place_map)
    rng = np.random.default_rng(0)
    query = Description(place_map.descriptors([0])[0], np.zeros(4, np.uint8))
    for step in range(12):
        place_map.add([NewPlace(query, 1, 0, Pose.of(rng.uniform(-50, 50, 3))) for _ in range(4)])
        if step % 4 == 2:
            place_map.update_poses(place_map.ids[:3], [Pose.of(rng.uniform(-9, 9, 3))] * 3)
        if step % 4 == 3:
            place_map.delete(place_map.ids[::5])
        window = Window(near=(rng.uniform(-30, 30, 3), 30.0))
        expected = [p.id for p in place_map.places(place_map.ids) if admits(window, p)]
        found = retriever.search(query, 1000, window=window)
        assert sorted(found.ids.tolist()) == expected


def test_searching_while_adding_and_deleting_is_safe(make_map, model, dyadic):
    place_map = make_map(model, 30)
    retriever = Retriever(place_map)
    rng = np.random.default_rng(3)
    queries = [Description(dyadic(rng, 6), rng.integers(0, 4, 4, np.uint8)) for _ in range(5)]
    stop, errors, searches = threading.Event(), [], [0]

    def search():
        try:
            while not stop.is_set():
                for query in queries:
                    found = retriever.search(query, 20).similarities.tolist()
                    assert found == sorted(found, reverse=True)
                    assert all(-1 <= similarity <= 1 for similarity in found)
                    searches[0] += 1
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for step in range(60):
        place_map.add([NewPlace(query, 1, step) for query in queries * 10])
        if step % 10 == 9:
            place_map.delete(place_map.ids[::3])
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors
    assert searches[0] > 0
    assert place_map.verify() == []


@pytest.mark.parametrize('order', ['torch, vpr_ros.search', 'vpr_ros.search, torch'])
def test_faiss_and_torch_work_together_whichever_comes_first(order):
    pytest.importorskip('torch')
    script = f"""
import {order}
import faiss, numpy as np, torch
from vpr_ros.maps.descriptors import Packing
from vpr_ros.search import kernels
threads = faiss.omp_get_max_threads(), torch.get_num_threads()
codes = np.arange(4000, dtype=np.uint8).reshape(-1, 8)
a = torch.rand(300, 300)
for row in range(50):
    rows, distances = kernels.nearest_codes(codes[row], codes, 3)
    assert distances[0] == 0
    (a @ a).sum().item()
block = a.numpy()
packing = Packing('float16', 300)
out = kernels.inner_products(block[3], packing.pack(block), np.arange(300), packing)
assert np.allclose(out, block @ block[3], rtol=1e-3)
assert threads == (faiss.omp_get_max_threads(), torch.get_num_threads())
"""
    subprocess.run([sys.executable, '-c', script], check=True, timeout=100)
