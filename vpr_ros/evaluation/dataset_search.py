# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every query against the whole database, three ways at once: floats, codes, codes then floats.

Exact, and with bounded memory however many images there are: descriptors pass block by block.
Each product of a query and an image is computed once and used twice, for the float ranking and for
ranking the candidates of the codes, so that the two agree wherever the candidates allow it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.maps.coder import ItqCoder, sample_rows
from vpr_ros.search import kernels

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.evaluation.description_store import Descriptions

FLOAT, BINARY, BOTH = 'float', 'binary', 'binary-then-float'

_BLOCK_BYTES = 1 << 27
_BLOCK_ROWS = 1 << 11
_TIMED = 100
"""Queries whose re-ranking is done by itself, to know its time."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """Answers to all queries.

    Attributes:
        rows: (Q, K) rows of the database, best first; -1 where there are no more.
        scores: (Q, K) float32: inner products, or for codes minus the Hamming distance.
        seconds: Search time a query: for floats with many queries in one matrix product, for
            codes one by one.
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]
    seconds: float


@dataclass(frozen=True, eq=False)
class Codes:
    """Binary codes of both sides, and their origin: `hash head` or the id of a coder."""

    database: NDArray[np.uint8]
    queries: NDArray[np.uint8]
    coder: str

    @property
    def bits(self) -> int:
        """Length of a code."""
        return 8 * int(self.database.shape[1])


def codes_of(database: Descriptions, queries: Descriptions, bits: int = 512) -> Codes:
    """Return the codes of the hash head, else of ITQ fitted on the database as a map does it.

    Raises:
        VprError: No image of the database is readable.
    """
    if database.codes is not None and queries.codes is not None:
        return Codes(database.codes, queries.codes, 'hash head')
    known = np.flatnonzero(database.readable)
    if not known.size:
        msg = 'no image of the database can be read'
        raise VprError(msg)
    # As a map stores them, so that the codes are those a map of these images would have.
    sample = database.rows(known[sample_rows(len(known))]).astype(np.float16).astype(np.float32)
    coder = ItqCoder.fit(sample, min(bits, database.dim - database.dim % 8))
    return Codes(_encoded(coder, database), _encoded(coder, queries), coder.id)


def search(
    database: Descriptions,
    queries: Descriptions,
    codes: Codes,
    *,
    k: int,
    candidates: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Ranking]:
    """Rank the database for every query; equal ones come in the order of the database.

    Images that could not be read are never found, and their queries find nothing.

    Args:
        database: The images that are searched.
        queries: The query images.
        codes: Of both.
        k: Images returned a query.
        candidates: Images the codes pass on to the floats, at least `k`.
        progress: Told how many queries are done, and of how many.

    Returns:
        By `FLOAT`, `BINARY` and `BOTH`.
    """
    k = min(k, len(database))
    by_code = _by_code(database, queries, codes, min(max(k, candidates), len(database)))
    ranks = np.full((2, len(queries), k), -1, np.int64)
    scores = np.full((2, len(queries), k), np.nan, np.float32)
    scan = 0.0
    step = _block(queries.dim)
    for first in range(0, len(queries), step):
        part = slice(first, min(first + step, len(queries)))
        wanted = by_code.rows[part]
        start = time.perf_counter()
        best, products = _scan(database, queries.rows(part), wanted, k)
        scan += time.perf_counter() - start
        for way, (rows, values) in enumerate((best, _best(wanted, products, k))):
            ranks[way, part], scores[way, part] = rows, values
        progress(part.stop, len(queries))
    unread = ~queries.readable
    ranks[:, unread], scores[:, unread] = -1, np.nan
    count = max(1, len(queries))
    return {
        FLOAT: Ranking(ranks[0], scores[0], scan / count),
        BINARY: Ranking(by_code.rows[:, :k], by_code.scores[:, :k], by_code.seconds),
        BOTH: Ranking(
            ranks[1], scores[1], by_code.seconds + _rerank_seconds(database, queries, by_code)
        ),
    }


def _by_code(database: Descriptions, queries: Descriptions, codes: Codes, number: int) -> Ranking:
    known = np.flatnonzero(database.readable)
    mapped = np.ascontiguousarray(codes.database[known])
    rows = np.full((len(queries), number), -1, np.int64)
    scores = np.full((len(queries), number), np.nan, np.float32)
    start = time.perf_counter()
    for query in np.flatnonzero(queries.readable):
        found, distances = kernels.nearest_codes(codes.queries[query], mapped, number)
        rows[query, : len(found)], scores[query, : len(found)] = known[found], -distances
    return Ranking(rows, scores, (time.perf_counter() - start) / max(1, len(queries)))


def _scan(
    database: Descriptions,
    queries: NDArray[np.float32],
    wanted: NDArray[np.int64],
    k: int,
) -> tuple[tuple[NDArray[np.int64], NDArray[np.float32]], NDArray[np.float32]]:
    """Return the best (Q, k) rows with their products, and the products (Q, C) of those wanted."""
    rows = np.full((len(queries), 0), -1, np.int64)
    scores = np.full((len(queries), 0), np.nan, np.float32)
    products = np.full(wanted.shape, np.nan, np.float32)
    step = _block(database.dim)
    for first in range(0, len(database), step):
        part = np.arange(first, min(first + step, len(database)))
        found = queries @ database.rows(slice(first, first + step)).T
        found[:, ~database.readable[part]] = np.nan
        query, place = np.nonzero((wanted >= first) & (wanted <= part[-1]))
        products[query, place] = found[query, wanted[query, place] - first]
        here = np.broadcast_to(part, found.shape)
        rows, scores = _best(np.hstack([rows, here]), np.hstack([scores, found]), k)
    return (rows, scores), products


def _rerank_seconds(database: Descriptions, queries: Descriptions, by_code: Ranking) -> float:
    """Return the median time to read the candidates of a query and compare them."""
    times = []
    for query in sample_rows(len(queries), _TIMED):
        descriptor, rows = queries.rows(slice(query, query + 1))[0], by_code.rows[query]
        start = time.perf_counter()
        np.argsort(-(database.rows(rows[rows >= 0]) @ descriptor))
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def _best(
    rows: NDArray[np.int64], scores: NDArray[np.float32], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the k best of each line, best first, of equal ones the lower row first."""
    losses = np.where(np.isnan(scores), np.inf, -scores)
    if losses.shape[1] > 4 * k:
        near = np.sort(np.argpartition(losses, k - 1, axis=1)[:, :k], axis=1)
        rows, losses = (np.take_along_axis(values, near, 1) for values in (rows, losses))
    order = np.lexsort((rows, losses))[:, :k]
    rows, losses = (np.take_along_axis(values, order, 1) for values in (rows, losses))
    lost = np.isinf(losses)
    return np.where(lost, -1, rows), np.where(lost, np.nan, -losses).astype(np.float32)


def _encoded(coder: ItqCoder, descriptions: Descriptions) -> NDArray[np.uint8]:
    step = _block(descriptions.dim)
    parts = [
        coder.encode(descriptions.rows(slice(first, first + step)))
        for first in range(0, len(descriptions), step)
    ]
    return np.concatenate(parts)


def _block(dim: int) -> int:
    """Return how many descriptors are looked at together."""
    return max(1, min(_BLOCK_ROWS, _BLOCK_BYTES // (4 * dim)))
