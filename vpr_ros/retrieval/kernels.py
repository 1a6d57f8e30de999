# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The two computations of a search, and the only place that touches faiss.

faiss and torch each bring an OpenMP runtime. A query is too small to share between threads, and
waking a pool for it can cost a hundred times the work itself, so each call runs on one thread;
the setting is put back, for where both libraries share a runtime it is torch's too.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np

from vpr_ros.maps.descriptors import FLOAT16

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from vpr_ros.maps.descriptors import Packing


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
        number: How many rows to return, where there are as many.

    Returns:
        Rows and distances (n,), nearest first; of equal distances the lower row first, also
        where not all of that distance are returned.
    """
    number = min(number, len(codes))
    if number == 0:
        return np.empty(0, np.intp), np.empty(0, np.int32)
    with one_thread():
        # The counting variant keeps the first it meets of each distance, and it meets in order.
        distances, rows = faiss.knn_hamming(query[None], codes, number, variant='mc')
    return rows[0], distances[0]


def nearest_selected_codes(
    query: NDArray[np.uint8],
    codes: NDArray[np.uint8],
    number: int,
    selected: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.int32]]:
    """Do as `nearest_codes`, among the rows that a mask (N,) selects."""
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
    query: NDArray[np.float32], rows: NDArray[np.uint8], packing: Packing
) -> NDArray[np.float32]:
    """Return the inner products (n,) of a query (D,) with packed descriptors (n, bytes).

    Each is computed by itself: its value does not depend on which others are asked for, as it
    would with a matrix product. What is packed is widened to float32 on the way, exactly.
    """
    count = len(rows)
    # Neither a list nor a query can be empty for faiss.
    if count == 0:
        return np.empty(0, np.float32)
    scanner = _scanners.of(packing)
    scanner.set_query(faiss.swig_ptr(query))
    scanner.set_list(0, 0.0)
    # A heap with room for all; it returns them in an order of its own.
    numbers = np.arange(count)
    products = np.full(count, -np.inf, np.float32)
    order = np.empty(count, np.int64)
    scanner.scan_codes(
        count,
        faiss.swig_ptr(rows),
        faiss.swig_ptr(numbers),
        faiss.swig_ptr(products),
        faiss.swig_ptr(order),
        count,
    )
    ordered = np.empty(count, np.float32)
    ordered[order] = products
    return ordered if packing.storage == FLOAT16 else ordered * packing.steps(rows)


class _Scanners(threading.local):
    """What computes inner products with packed descriptors; it holds a query, so one a thread.

    Kept, for the Python interface of faiss never frees one.
    """

    def __init__(self) -> None:
        self._made: dict[Packing, tuple[faiss.ScalarQuantizer, Any]] = {}

    def of(self, packing: Packing) -> Any:
        """Return a `faiss.InvertedListScanner`."""
        if packing not in self._made:
            quantizer = _quantizer(packing)
            scanner = quantizer.select_InvertedListScanner(  # type: ignore[attr-defined,unused-ignore]
                faiss.METRIC_INNER_PRODUCT,
                None,
                False,  # noqa: FBT003
                None,
            )
            scanner.code_size = packing.row_bytes
            self._made[packing] = quantizer, scanner
        return self._made[packing][1]


_scanners = _Scanners()


def _quantizer(packing: Packing) -> faiss.ScalarQuantizer:
    if packing.storage == FLOAT16:
        return faiss.ScalarQuantizer(packing.dim, faiss.ScalarQuantizer.QT_fp16)
    quantizer = faiss.ScalarQuantizer(packing.dim, faiss.ScalarQuantizer.QT_8bit_uniform)
    # faiss places level i at (i + 0.5) / 255 of a range: at i - 128 with this one.
    faiss.copy_array_to_vector(np.array([-128.5, 255], np.float32), quantizer.trained)
    return quantizer
