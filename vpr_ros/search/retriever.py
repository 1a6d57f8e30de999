# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Search of a map; exactly, in two stages: Hamming distance, then inner product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.maps.descriptors import DescriptorError
from vpr_ros.search import kernels
from vpr_ros.search.background import Background
from vpr_ros.search.candidates import Candidates
from vpr_ros.search.window import Nearby

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.maps import PlaceMap, Snapshot
    from vpr_ros.search.window import Window
    from vpr_ros.types import Description


class Searcher(Protocol):
    """Searches one map; `Retriever` one in a file, `fleet.FleetRetriever` one on a server."""

    def search(
        self,
        description: Description,
        k: int = 10,
        candidates: int = 100,
        window: Window | None = None,
    ) -> Candidates:
        """Return the best places for a description.

        Args:
            description: Made by the map's model.
            k: How many at most.
            candidates: How many the first stage passes to the second, at least `k`.
            window: Which places may be returned.

        Returns:
            At most `k`, best first.

        Raises:
            MapError: The description is not of the map's model, or the map cannot be searched.
        """

    def refresh(self) -> bool:
        """Use the places committed to the map since; return whether there were any."""


_SORTED_WHOLE = 1000


class Retriever:
    """Searches a map, also while it grows.

    The nearest `candidates` by Hamming distance between codes are ranked by the inner product of
    their float descriptors; of equal ones the places added first come first. Both stages are
    exact. With at least as many candidates as places, or on a map without codes (its model has no
    hash head and it was never recoded), the result is that of a pure float search.
    """

    def __init__(self, place_map: PlaceMap) -> None:
        self._map = place_map
        self._nearby = Nearby()
        self._background = Background(self._unpacked)

    def search(
        self,
        description: Description,
        k: int = 10,
        candidates: int = 100,
        window: Window | None = None,
    ) -> Candidates:
        """Return the best places for a description; see `Searcher.search`."""
        while True:
            snapshot = self._map.snapshot
            try:
                return self._search(snapshot, description, k, max(candidates, k), window)
            except DescriptorError:
                # Where places were deleted or recoded meanwhile, there is a newer snapshot.
                if not self._map.refresh() and self._map.snapshot is snapshot:
                    raise

    def refresh(self) -> bool:
        """Use the places committed to the map since; return whether there were any."""
        return self._map.refresh()

    def _search(
        self,
        snapshot: Snapshot,
        description: Description,
        k: int,
        candidates: int,
        window: Window | None,
    ) -> Candidates:
        query, code = snapshot.query_of(description)
        selected = None if window is None else window.select(snapshot, self._nearby)
        if selected is not None and selected.all():
            selected = None
        if code is None:
            rows = np.arange(len(snapshot)) if selected is None else np.flatnonzero(selected)
            distances = np.full(len(rows), -1, np.int32)
        else:
            codes = snapshot.columns.codes
            if selected is None:
                rows, distances = kernels.nearest_codes(code, codes, candidates)
            else:
                rows, distances = kernels.nearest_selected_codes(code, codes, candidates, selected)
            order = rows.argsort()
            rows, distances = rows[order], distances[order]
        similarities = self._similarities(snapshot, query, rows)
        best = _best(similarities, k)
        rows, similarities = rows[best], similarities[best]
        standings = self._background.standings(snapshot, rows, similarities.astype(np.float64))
        return Candidates.found(snapshot, rows, similarities, distances[best], standings)

    def _unpacked(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        packed, there = self._map.stored_descriptors(snapshot, rows)
        return snapshot.meta.packing.unpack(packed[there])

    def _similarities(
        self, snapshot: Snapshot, query: NDArray[np.float32], rows: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        packing, similarities = snapshot.meta.packing, np.empty(len(rows), np.float32)
        for start in range(0, len(rows), kernels.AT_ONCE):
            part = slice(start, start + kernels.AT_ONCE)
            packed, there = self._map.stored_descriptors(snapshot, rows[part])
            similarities[part] = kernels.inner_products(query, packed, there, packing)
        return similarities


def _best(similarities: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Return the indices of the k highest, highest first, of equal ones the lower index first."""
    losses = -similarities
    if len(losses) <= max(k, _SORTED_WHOLE):
        return losses.argsort(kind='stable')[:k]
    among = np.flatnonzero(losses <= np.partition(losses, k - 1)[k - 1])
    return among[losses[among].argsort(kind='stable')[:k]]
