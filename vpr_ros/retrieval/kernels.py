# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The two computations of a search, and the only place that touches faiss.

faiss and torch each bring an OpenMP runtime. A query is too small to share between threads, and
waking a pool for it can cost a hundred times the work itself, so each call runs on one thread;
the setting is put back, for where both libraries share a runtime it is torch's too.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import faiss
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


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
    query: NDArray[np.float32], block: NDArray[np.float32], where: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the inner products (n,) of a query (D,) with some rows (n,) of a block (N, D).

    Each is computed by itself: its value does not depend on which others are asked for, as it
    would with a matrix product.
    """
    products = np.empty(len(where), np.float32)
    indices = np.ascontiguousarray(where, np.int64)
    with one_thread():
        faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined,unused-ignore]
            faiss.swig_ptr(products),
            faiss.swig_ptr(query),
            faiss.swig_ptr(block),
            faiss.swig_ptr(indices),
            len(query),
            1,
            len(where),
        )
    return products
