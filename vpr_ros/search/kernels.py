# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The two computations of a search, and the only place that touches faiss.

Our own compiled code, where it is installed, compares codes of 512 bits and multiplies float16
descriptors in half the time of faiss; faiss does codes of other lengths and int8 descriptors.

Compiled code is given addresses and lengths. Here, and nowhere else, every length is compared with
the arrays that it describes: whatever a map says of itself, nothing beyond them is read.

faiss and torch each bring an OpenMP runtime. A query is too small to share between threads, and
waking a pool for it can cost a hundred times the work itself, so each call runs on one thread.
The setting is put back, because torch uses the same one where both libraries share a runtime.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.maps.descriptors import FLOAT16
from vpr_ros.search.compiled_library import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vpr_ros.maps.descriptors import Packing

LIBRARY = Path(__file__).with_name('search.native.so')
"""A colcon build puts it here; an installation by pip has none."""
AT_ONCE = 1024
"""Descriptors that can be multiplied in one call, a multiple of 4."""

_CODE_BYTES = 64
"""Length of the codes that the compiled search takes."""
_POOL = 1024
"""Codes that the compiled search collects before it selects the nearest."""


_compiled = load(LIBRARY)


@contextmanager
def one_thread() -> Iterator[None]:
    """Run faiss on the calling thread only."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def nearest_codes(
    query: NDArray[np.uint8], codes: NDArray[np.uint8], number: int
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the rows of the codes nearest to a query, and their Hamming distances.

    Args:
        query: (bytes,) uint8.
        codes: (N, bytes) uint8, contiguous.
        number: How many rows to return at most.

    Returns:
        Rows and distances (n,), nearest first; of equal distances the lower row first.

    Raises:
        MapError: The arrays are not of these shapes.
    """
    _require_codes(query, codes)
    number = min(number, len(codes))
    if number <= 0:
        return np.empty(0, np.intp), np.empty(0, np.int32)
    if _compiled.nearest_codes is not None and codes.shape[1] == _CODE_BYTES:
        room = number + _POOL
        rows, distances = np.empty(room, np.intp), np.empty(room, np.int32)
        asked = _address(query), _address(codes), len(codes), number, room
        found = _compiled.nearest_codes(*asked, _address(rows), _address(distances))
        order = distances[:found].argsort(kind='stable')
        return rows[order], distances[order]
    rows, distances = np.empty(number, np.int64), np.empty(number, np.int32)
    with one_thread():
        # The counting variant keeps the first rows of each distance.
        faiss.hammings_knn_mc(  # type: ignore[attr-defined,unused-ignore]
            faiss.swig_ptr(query),
            faiss.swig_ptr(codes),
            1,
            len(codes),
            number,
            codes.shape[1],
            faiss.swig_ptr(distances),
            faiss.swig_ptr(rows),
        )
    return rows, distances


def nearest_selected_codes(
    query: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    number: int,
    selected: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Return the same as `nearest_codes` among the rows that a mask (N,) selects."""
    _require_codes(query, codes)
    count = int(np.count_nonzero(selected))
    if 8 * count <= len(codes):
        chosen = np.flatnonzero(selected)
        rows, distances = nearest_codes(query, codes[chosen], number)
        return chosen[rows], distances
    all_distances = np.empty(len(codes), np.int32)
    with one_thread():
        faiss.hammings(  # type: ignore[attr-defined,unused-ignore]
            faiss.swig_ptr(query),
            faiss.swig_ptr(codes),
            1,
            len(codes),
            codes.shape[1],
            faiss.swig_ptr(all_distances),
        )
    beyond = 8 * codes.shape[1] + 1
    all_distances[~selected] = beyond
    within = np.cumsum(np.bincount(all_distances, minlength=beyond)[:beyond])
    limit = int(np.searchsorted(within, min(number, count)))
    near = np.flatnonzero(all_distances <= limit)
    best = near[np.argsort(all_distances[near], kind='stable')[:number]]
    return best, all_distances[best]


def inner_products(
    query: NDArray[np.float32],
    packed: NDArray[np.uint8],
    rows: NDArray[np.intp],
    packing: Packing,
) -> NDArray[np.float32]:
    """Return the inner products (n,) of a query (D,) with rows (n,) of packed descriptors.

    Each is computed by itself: unlike in a matrix product, its value does not depend on the other
    rows. Packed descriptors are widened to float32, exactly, and read in place, because copying
    them takes as long as multiplying them.

    Args:
        query: (D,) float32, contiguous.
        packed: (N, bytes) uint8, contiguous.
        rows: At most `AT_ONCE` numbers (n,) less than N.
        packing: Of the packed descriptors.

    Raises:
        MapError: The arrays are not of these shapes, or a row is not there.
    """
    _require(query, np.float32, (packing.dim,), 'the descriptor of the query')
    _require(packed, np.uint8, (len(packed), packing.row_bytes), 'the descriptors')
    if len(rows) > AT_ONCE or (len(rows) and not 0 <= rows.min() <= rows.max() < len(packed)):
        msg = f'{len(rows)} rows were asked for that are not all among {len(packed)} descriptors'
        raise MapError(msg)
    if _compiled.inner_products is not None and packing.storage == FLOAT16:
        rows, products = np.ascontiguousarray(rows, np.intp), np.empty(len(rows), np.float32)
        arrays = _address(query), _address(packed), _address(rows)
        _compiled.inner_products(*arrays, len(rows), packing.dim, _address(products))
        return products
    products = _multipliers.of(packing).products(query, packed, rows)
    return products if packing.storage == FLOAT16 else products * packing.steps(packed, rows)


def _require_codes(query: NDArray[np.uint8], codes: NDArray[np.uint8]) -> None:
    width = max(codes.shape[-1], 1)
    _require(codes, np.uint8, (len(codes), width), 'the codes')
    _require(query, np.uint8, (width,), 'the code of the query')


def _require(array: NDArray[Any], dtype: Any, shape: tuple[int, ...], what: str) -> None:
    """Refuse an array that is not as the compiled code will read it."""
    if array.dtype != dtype or array.shape != shape or not array.flags.c_contiguous:
        found = f'{array.dtype} {array.shape}'
        msg = (
            f'the map contradicts itself: {what} should be {np.dtype(dtype)} {shape}, not {found}'
        )
        raise MapError(msg)


def _address(array: NDArray[Any]) -> int:
    # Takes a tenth of the time of ctypes; for contiguous arrays only.
    return int(faiss.swig_ptr(array))


class _Multiplier:
    """Multiplies a query with packed descriptors in place, four at a time."""

    def __init__(self, packing: Packing) -> None:
        # The index stays empty: only its reading of packed descriptors is used.
        self._index = _index(packing)
        self._computer = (
            self._index.get_FlatCodesDistanceComputer()  # type: ignore[attr-defined,unused-ignore]
        )
        self._computer.code_size = packing.row_bytes
        # faiss before 1.8 multiplies one at a time.
        self._four = getattr(self._computer, 'distances_batch_4', None)
        self._products = np.empty(AT_ONCE, np.float32)
        outputs = [faiss.swig_ptr(self._products[i : i + 1]) for i in range(AT_ONCE)]
        self._outputs = [outputs[i : i + 4] for i in range(0, AT_ONCE, 4)]

    def products(
        self, query: NDArray[np.float32], packed: NDArray[np.uint8], rows: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the products (n,)."""
        numbers = rows.tolist()
        if not numbers:
            return np.empty(0, np.float32)
        self._computer.set_query(faiss.swig_ptr(query))
        self._computer.codes = faiss.swig_ptr(packed)
        multiply = self._four
        if multiply is None:
            return np.array([self._computer(number) for number in numbers], np.float32)
        numbers += numbers[-1:] * (-len(numbers) % 4)
        each = iter(numbers)
        # This loop takes half the time of a query.
        for (a, b, c, d), i, j, k, m in zip(self._outputs, each, each, each, each):  # noqa: B905
            multiply(i, j, k, m, a, b, c, d)
        return self._products[: len(rows)].copy()


class _Multipliers(threading.local):
    """One multiplier for each thread, since it holds a query.

    Kept, because the Python interface of faiss never frees one.
    """

    def __init__(self) -> None:
        self._made: dict[Packing, _Multiplier] = {}

    def of(self, packing: Packing) -> _Multiplier:
        """Return the multiplier for a packing."""
        if packing not in self._made:
            self._made[packing] = _Multiplier(packing)
        return self._made[packing]


_multipliers = _Multipliers()


def _index(packing: Packing) -> faiss.IndexScalarQuantizer:
    kinds, product = faiss.ScalarQuantizer, faiss.METRIC_INNER_PRODUCT
    if packing.storage == FLOAT16:
        return faiss.IndexScalarQuantizer(packing.dim, kinds.QT_fp16, product)
    index = faiss.IndexScalarQuantizer(packing.dim, kinds.QT_8bit_uniform, product)
    # faiss places level i at (i + 0.5) / 255 of a range: at i - 128 with this one.
    faiss.copy_array_to_vector(np.array([-128.5, 255], np.float32), index.sq.trained)
    return index
