# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.maps import ItqCoder, MapWriter, PlaceMap, merge, verify
from vpr_ros.maps.coder import PcaReducer
from vpr_ros.maps.descriptors import FLOAT16, INT8, Packing
from vpr_ros.search import Retriever


@given(seed=st.integers(0, 2**32), dim=st.integers(1, 70), count=st.integers(1, 5))
def test_what_is_unpacked_is_near_and_packs_to_the_same_bytes(seed, dim, count):
    vectors = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    for storage, bound in ((FLOAT16, 2.0**-11), (INT8, 1 / 253)):
        packing = Packing(storage, dim)
        packed = packing.pack(vectors)
        assert packed.shape == (count, packing.row_bytes)
        unpacked = packing.unpack(packed)
        assert (np.abs(unpacked - vectors) <= bound * largest).all()
        assert np.allclose(packing.unpack(packing.pack(unpacked)), unpacked, rtol=1e-6, atol=0)


def test_zero_can_be_stored():
    for storage in (FLOAT16, INT8):
        packing = Packing(storage, 8)
        zero = np.zeros((1, 8), np.float32)
        assert np.array_equal(packing.unpack(packing.pack(zero)), zero)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_principal_components_keep_what_lies_in_them(seed):
    rng = np.random.default_rng(seed)
    vectors = (rng.standard_normal((60, 5)) @ rng.standard_normal((5, 40))).astype(np.float32)
    reducer = PcaReducer.fit(vectors, 8)
    centred = vectors - vectors.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    reduced = reducer.reduce(vectors)
    assert reduced.shape == (60, 8)
    assert np.allclose(reduced @ reduced.T, centred @ centred.T, atol=1e-4)
    assert np.array_equal(reducer.reduce(vectors[7:8])[0], reduced[7])


@pytest.fixture(params=['hash head', 'no hash head'])
def whole(request, path, model, hashless, new_place, describe):
    """The path of a map of 40 places."""
    bits = 64 if request.param == 'hash head' else 0
    with MapWriter.create(path, model if bits else hashless) as place_map:
        place_map.begin_session('s', 0)
        place_map.add([new_place(i, description=describe(i, bits=bits)) for i in range(40)])
    return path


@pytest.mark.parametrize('budget', [0, 1 << 20])
@pytest.mark.parametrize(('dim', 'storage'), [(16, None), (None, INT8), (24, INT8)])
def test_recoded_map_finds_its_places_and_those_added_later(
    whole, describe, new_place, dim, storage, budget
):
    with MapWriter.open(whole, memory_budget=budget) as place_map:
        bits = place_map.model.code_bits
        place_map.preload()
        place_map.recode(16, dim=dim, storage=storage)
        place_map.add([new_place(i, description=describe(i, bits=bits)) for i in (40, 41)])
        codes = place_map.codes.copy()
    with PlaceMap.open(whole, memory_budget=budget) as place_map:
        about = place_map.info()
        assert (about.descriptor_dim, about.storage) == (dim or 32, storage or FLOAT16)
        assert place_map.verify() == []
        assert np.array_equal(place_map.codes, codes)
        assert place_map.descriptors([3]).shape == (1, dim or 32)
        retriever = Retriever(place_map)
        for i in range(42):
            found = retriever.search(describe(i, bits=bits))
            assert (found.ids[0], found.hamming[0]) == (i + 1, 0)
            assert found.similarities[0] == pytest.approx(1, abs=0.02)


def test_reader_follows_a_recoding(whole, describe):
    with (
        MapWriter.open(whole) as writer,
        PlaceMap.open(whole, memory_budget=0) as reader,
    ):
        retriever = Retriever(reader)
        query = describe(5, bits=writer.model.code_bits)
        assert retriever.search(query).ids[0] == 6
        writer.recode(16, dim=16, storage=INT8)
        # Not refreshed: the search notices by itself that descriptors are others.
        assert retriever.search(query).ids[0] == 6
        assert reader.info().descriptor_dim == 16


def test_storage_can_be_changed_back_but_nothing_shortened_twice(whole):
    with MapWriter.open(whole) as place_map:
        place_map.recode(16, dim=16, storage=INT8)
        before = place_map.descriptors(range(40))
        place_map.recode(16, storage=FLOAT16)
        assert np.allclose(place_map.descriptors(range(40)), before, atol=1e-3)
        with pytest.raises(MapError, match='shortened to 16 before'):
            place_map.recode(16, dim=8)
        with pytest.raises(MapError, match="not 'float8'"):
            place_map.recode(16, storage='float8')
        assert place_map.verify() == []


def test_shortened_maps_merge_with_their_like(whole, tmp_path, describe, new_place):
    with MapWriter.open(whole) as place_map:
        place_map.recode(16, dim=16, storage=INT8)
        model, expected = place_map.model, place_map.descriptors(range(40))
    merged = tmp_path / 'merged.vprmap'
    merge(merged, [(whole, None)])
    with PlaceMap.open(merged) as place_map:
        assert (place_map.info().descriptor_dim, place_map.info().storage) == (16, INT8)
        assert np.allclose(place_map.descriptors(range(40)), expected, atol=1e-6)
        assert place_map.verify() == []
    other = tmp_path / 'other.vprmap'
    with MapWriter.create(other, model) as place_map:
        place_map.begin_session('t', 0)
        place_map.add([new_place(90, description=describe(90, bits=model.code_bits))])
        with PlaceMap.open(whole) as source, pytest.raises(MapError, match='shortened'):
            place_map.merge(source)
    with MapWriter.open(merged) as place_map, PlaceMap.open(other) as source:
        place_map.merge(source)
        found = Retriever(place_map).search(describe(90, bits=model.code_bits))
        assert found.ids[0] == 41
        assert found.similarities[0] == pytest.approx(1, abs=0.02)


def test_places_can_be_added_while_codes_are_fitted(
    path, hashless, new_place, describe, monkeypatch
):
    begun, added = threading.Event(), threading.Event()
    fit = ItqCoder.fit

    def slow_fit(*args):
        begun.set()
        assert added.wait(30)
        return fit(*args)

    monkeypatch.setattr(ItqCoder, 'fit', slow_fit)
    with MapWriter.create(path, hashless) as place_map:
        place_map.begin_session('s', 0)
        places = [new_place(i, description=describe(i, bits=0), camera=str(i)) for i in range(41)]
        place_map.add(places[:40])
        fitting = threading.Thread(target=place_map.recode, args=(16,))
        fitting.start()
        assert begun.wait(30)
        place_map.add(places[40:])
        added.set()
        fitting.join()
        assert place_map.codes.shape == (41, 2)
        assert place_map.place(41).camera == '40'
        found = Retriever(place_map).search(describe(40, bits=0), k=1, candidates=1)
        assert (found.ids.tolist(), found.hamming.tolist()) == ([41], [0])
    assert verify(path) == []
