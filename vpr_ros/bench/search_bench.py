# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Speed and size of maps of random places, compared with plain faiss."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import faiss
import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.maps import ItqCoder, MapWriter, NewPlace, PlaceMap
from vpr_ros.search import Retriever
from vpr_ros.search.kernels import one_thread
from vpr_ros.types import Description, ModelInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

_Search = Callable[[Description], object]

_BITS = 512
_BATCH = 1000
_SINGLE_APPENDS = 200
_TURN = 25
MOUNT = Pose.of((1.0, 0.0, 0.0))
"""Of the camera that mapped."""
_CLUSTER = 20
"""Consecutive places that look alike, and so are candidates of each other."""


@dataclass(frozen=True)
class SearchTiming:
    """Measurements of one size of map; times are medians on one thread.

    Attributes:
        places: Number of places.
        dim: Length of the descriptors.
        query_ms: One query, 100 candidates by Hamming distance, 10 returned, descriptors in memory
            where they fit.
        query_min_ms: The fastest of those queries.
        query_from_disk_ms: The same with descriptors read from the file for each query.
        encode_ms: The code of one query by ITQ, which only models without a hash head need.
        flat_ip_ms: `faiss.IndexFlatIP` on the same floats; NaN where it was left out.
        flat_l2_ms: `faiss.IndexFlatL2` on the same floats; NaN where it was left out.
        open_s: Opening the map, all places checked.
        memory_mib: Memory of the map: places, codes, and descriptors where they fit.
        appends_per_s: Durable, in groups of 1000.
        single_appends_per_s: Durable, one by one.
        bytes_per_place: On disk, everything included.
    """

    places: int
    dim: int
    query_ms: float
    query_min_ms: float
    query_from_disk_ms: float
    encode_ms: float
    flat_ip_ms: float
    flat_l2_ms: float
    open_s: float
    memory_mib: float
    appends_per_s: float
    single_appends_per_s: float
    bytes_per_place: float


def bench_retrieval(
    sizes: tuple[int, ...] = (10_000, 100_000),
    dim: int = 4096,
    queries: int = 100,
    memory: int = 4 << 30,
    folder: Path | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Iterator[SearchTiming]:
    """Measure maps of several sizes.

    Args:
        sizes: Numbers of places.
        dim: Length of the descriptors.
        queries: How many to take the median of.
        memory: Bytes that descriptors may take. Where those of the map (two bytes an element)
            need more, they are read for each query; where the two float indices (four bytes an
            element each) do not fit, too, these are left out.
        folder: For the maps; should be on a disk as robots use it.
        progress: Called with how many places were written, and of how many.

    Yields:
        A row for each size.
    """
    for size in sizes:
        with tempfile.TemporaryDirectory(dir=folder, prefix='vpr-bench-') as scratch:
            path = Path(scratch) / 'bench.vprmap'
            yield _measure(path, size, dim, queries, memory, progress)


def _measure(
    path: Path,
    size: int,
    dim: int,
    queries: int,
    memory: int,
    progress: Callable[[int, int], None],
) -> SearchTiming:
    model = ModelInfo('bench', 'none', dim, _BITS, 'none', trained=False)
    appends_per_s, single_appends_per_s = _append(path, model, size, progress)
    started = time.perf_counter()
    in_memory = PlaceMap.open(path, model=model, memory_budget=memory)
    open_s = time.perf_counter() - started
    rng = np.random.default_rng(1)
    rows = rng.integers(0, size, queries)
    coder = ItqCoder(np.zeros(dim, np.float32), rng.standard_normal((dim, _BITS), np.float32))
    with in_memory, PlaceMap.open(path, model=model, memory_budget=0) as from_disk:
        asked = [
            _noisy(vector, rng) for row in rows for vector in from_disk.descriptors([int(row)])
        ]
        in_memory.preload()
        searches: list[_Search] = [
            Retriever(in_memory).search,
            Retriever(from_disk).search,
            lambda query: coder.encode(query.descriptor[None]),
        ]
        if 10 * size * dim <= memory:
            searches += [_flat(kind, in_memory) for kind in (faiss.IndexFlatIP, faiss.IndexFlatL2)]
        times = _times_ms(searches, asked)
        medians = [float(np.median(each)) for each in times] + [float('nan')] * 2
        snapshot = in_memory.snapshot
        kept = sum(array.nbytes for array in vars(snapshot.columns).values())
        if snapshot.cache is not None:
            kept += size * snapshot.meta.packing.row_bytes
    return SearchTiming(
        places=size,
        dim=dim,
        query_ms=medians[0],
        query_min_ms=min(times[0]),
        query_from_disk_ms=medians[1],
        encode_ms=medians[2],
        flat_ip_ms=medians[3],
        flat_l2_ms=medians[4],
        open_s=open_s,
        memory_mib=kept / 2**20,
        appends_per_s=appends_per_s,
        single_appends_per_s=single_appends_per_s,
        bytes_per_place=path.stat().st_size / size,
    )


def _append(
    path: Path, model: ModelInfo, size: int, progress: Callable[[int, int], None]
) -> tuple[float, float]:
    """Write the map; return the places a second in groups and one by one."""
    rng = np.random.default_rng(0)
    singles = min(_SINGLE_APPENDS, size // 2)
    grouped = size - singles
    in_groups = alone = 0.0
    with MapWriter.create(path, model, memory_budget=0) as place_map:
        session = place_map.begin_session('bench', 0)
        for start in range(0, size, _BATCH):
            places = random_places(rng, model, session, start, min(_BATCH, size - start))
            count = max(0, min(len(places), grouped - start))
            started = time.perf_counter()
            place_map.add(places[:count])
            middle = time.perf_counter()
            in_groups += middle - started
            for place in places[count:]:
                place_map.add([place])
            alone += time.perf_counter() - middle
            progress(min(start + _BATCH, size), size)
    return grouped / in_groups, singles / alone


def random_places(
    rng: np.random.Generator, model: ModelInfo, session: int, start: int, count: int
) -> list[NewPlace]:
    """Return places along a straight line from a number on: any map is searched as fast."""
    shape = -(-count // _CLUSTER), model.descriptor_dim
    vectors = np.repeat(rng.standard_normal(shape, np.float32), _CLUSTER, axis=0)[:count]
    vectors = vectors + rng.standard_normal(vectors.shape, np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [
        NewPlace(
            _describe(vector, model.code_bits),
            session,
            stamp=(start + i) * 10**8,
            pose=Pose.planar(0.2 * (start + i), 1.5, 0.3),
            distance=0.2 * (start + i),
            mount=MOUNT,
        )
        for i, vector in enumerate(vectors)
    ]


def _describe(vector: NDArray[np.float32], bits: int = _BITS) -> Description:
    # Signs serve as a hash for timing; short descriptors are repeated.
    code = np.packbits(np.resize(vector, bits) > 0) if bits else None
    return Description(vector.astype(np.float32), code)


def _noisy(vector: NDArray[np.float32], rng: np.random.Generator) -> Description:
    noise = rng.standard_normal(len(vector), np.float32) / np.sqrt(len(vector))
    query = vector + np.float32(0.5) * noise
    return _describe(query / np.linalg.norm(query))


def _times_ms(searches: list[_Search], queries: list[Description]) -> list[list[float]]:
    """Time the searches in turns, so that other load on the machine slows all alike."""
    times: list[list[float]] = [[] for _ in searches]
    for start in range(0, len(queries), _TURN):
        for search, spent in zip(searches, times, strict=True):
            for query in queries[start : start + _TURN]:
                started = time.perf_counter()
                search(query)
                spent.append((time.perf_counter() - started) * 1e3)
    return times


def _flat(kind: Callable[[int], faiss.Index], place_map: PlaceMap) -> _Search:
    index = kind(place_map.model.descriptor_dim)
    for start in range(0, len(place_map), _BATCH):
        index.add(place_map.descriptors(np.arange(start, min(start + _BATCH, len(place_map)))))

    def search(query: Description) -> object:
        with one_thread():
            return index.search(query.descriptor[None], 10)

    return search
