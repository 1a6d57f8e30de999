# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MapError
from vpr_ros.maps.descriptors import Packing
from vpr_ros.search import kernels
from vpr_ros.search.compiled_library import Compiled

RANDOM = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])

NOT_BUILT = 'there is no compiled search: make build, or this processor cannot run it'


@pytest.fixture(params=['compiled', 'faiss'])
def way(request, monkeypatch):
    """Search in one of the two ways."""
    if request.param == 'faiss':
        monkeypatch.setattr(kernels, '_compiled', Compiled())
    elif None in kernels._compiled:
        pytest.skip(NOT_BUILT)


@st.composite
def problems(draw):
    """A query, packed descriptors anywhere in memory, rows in any order and the packing."""
    dim, count = draw(st.integers(1, 300)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    # From what float16 only holds with fewer digits up to the largest it holds.
    vectors = rng.uniform(-1, 1, (count, dim)) * 2.0 ** rng.integers(-20, 16, (count, 1))
    packing = Packing('float16', dim)
    offset = draw(st.integers(0, 63))
    buffer = np.empty(offset + count * packing.row_bytes, np.uint8)
    packed = buffer[offset:].reshape(count, -1)
    packed[:] = packing.pack(vectors.astype(np.float32))
    rows = np.array(draw(st.lists(st.integers(0, count - 1), max_size=23)), np.intp)
    return rng.standard_normal(dim, np.float32), packed, rows, packing


def true_products(query, packed, rows, packing):
    """Return the products (n,), and how far rounding to float32 takes them in any order."""
    unpacked = packing.unpack(packed).astype(np.float64)[rows]
    bound = (packing.dim + 1) * 2.0**-24 * (np.abs(unpacked) @ np.abs(query).astype(np.float64))
    return unpacked @ query.astype(np.float64), 1.001 * bound


@settings(RANDOM, max_examples=300)
@given(
    count=st.integers(0, 3000),
    number=st.integers(0, 300),
    kinds=st.integers(1, 600),
    seed=st.integers(0, 2**32),
)
def test_nearest_codes_are_those_of_comparing_all(way, count, number, kinds, seed):
    rng = np.random.default_rng(seed)
    # Few kinds are many that are equally near; and near ones come first, last or anywhere.
    different = rng.integers(0, 256, (kinds, 64), np.uint8)
    codes = different[rng.integers(0, kinds, count)]
    query = different[0] ^ (rng.random(64) < rng.random()).astype(np.uint8)
    true = np.unpackbits(codes ^ query, axis=1).sum(axis=1, dtype=np.int32)
    if (turn := seed % 3) < 2:
        order = np.argsort(true if turn else -true, kind='stable')
        codes, true = np.ascontiguousarray(codes[order]), true[order]
    expected = np.argsort(true, kind='stable')[:number]
    rows, distances = kernels.nearest_codes(query, codes, number)
    assert rows.tolist() == expected.tolist()
    assert distances.tolist() == true[expected].tolist()


@RANDOM
@given(problem=problems())
def test_products_are_those_of_double_precision_but_for_rounding(way, problem):
    true, bound = true_products(*problem)
    found = kernels.inner_products(*problem)
    assert (found.dtype, found.shape) == (np.float32, true.shape)
    assert (np.abs(found - true) <= bound).all()


@RANDOM
@given(problem=problems())
def test_product_of_a_row_is_the_same_alone_and_among_others(way, problem):
    query, packed, rows, packing = problem
    alone = [
        kernels.inner_products(query, packed, rows[[i]], packing)[0] for i in range(len(rows))
    ]
    assert kernels.inner_products(*problem).tolist() == alone
    reverse = kernels.inner_products(query, packed, rows[::-1], packing)
    assert reverse[::-1].tolist() == alone


@RANDOM
@given(problem=problems())
def test_both_ways_agree_but_for_rounding(problem):
    if kernels._compiled.inner_products is None:
        pytest.skip(NOT_BUILT)
    with pytest.MonkeyPatch.context() as patch:
        ours = kernels.inner_products(*problem)
        patch.setattr(kernels, '_compiled', Compiled())
        theirs = kernels.inner_products(*problem)
    assert (np.abs(ours - theirs) <= 2 * true_products(*problem)[1]).all()


CODES, QUERY = np.zeros((20, 64), np.uint8), np.zeros(64, np.uint8)


@pytest.mark.parametrize(
    ('query', 'codes'),
    [
        (QUERY[:32], CODES),
        (QUERY, CODES[:, :32].copy()),
        (np.zeros(128, np.uint8), CODES),
        (QUERY.astype(np.int8), CODES),
        (np.zeros(128, np.uint8)[::2], CODES),
        (QUERY, np.zeros((64, 20), np.uint8).T),
        (QUERY, CODES.view(np.int8)),
        (QUERY[None], CODES),
        (QUERY, CODES.reshape(-1)),
        (QUERY[:0], CODES[:, :0]),
    ],
)
def test_codes_that_do_not_go_together_are_never_compared(way, query, codes):
    with pytest.raises(MapError, match='contradicts itself'):
        kernels.nearest_codes(query, codes, 5)
    with pytest.raises(MapError, match='contradicts itself'):
        kernels.nearest_selected_codes(query, codes, 5, np.ones(len(codes), np.bool_))


def test_no_codes_are_asked_for(way):
    for number in (0, -1):
        assert [len(found) for found in kernels.nearest_codes(QUERY, CODES, number)] == [0, 0]


VECTOR, PACKED, ROWS = np.ones(32, np.float32), np.zeros((9, 64), np.uint8), np.arange(9)


@pytest.mark.parametrize(
    ('query', 'packed', 'rows', 'dim'),
    [
        (VECTOR, PACKED, ROWS, 40),
        (VECTOR, PACKED, ROWS, 31),
        (VECTOR[:31], PACKED, ROWS, 32),
        (np.ones(64, np.float32)[::2], PACKED, ROWS, 32),
        (VECTOR.astype(np.float64), PACKED, ROWS, 32),
        (VECTOR, PACKED[:, :60].copy(), ROWS, 32),
        (VECTOR, PACKED[:, ::-1], ROWS, 32),
        (VECTOR, PACKED[:8], ROWS, 32),
        (VECTOR, PACKED, ROWS - 1, 32),
        (VECTOR, PACKED, np.array([2**62]), 32),
        (VECTOR, PACKED, np.zeros(kernels.AT_ONCE + 1, np.intp), 32),
    ],
)
def test_descriptors_that_do_not_go_together_are_never_multiplied(way, query, packed, rows, dim):
    with pytest.raises(MapError, match=r'contradicts itself|not all among'):
        kernels.inner_products(query, packed, rows, Packing('float16', dim))
    packed = packed[:, : dim + 3]
    with pytest.raises(MapError, match=r'contradicts itself|not all among'):
        kernels.inner_products(query, packed, rows, Packing('int8', dim))
