# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much the places of a map on the server resemble each other; see `search.background`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.fleet.place_rows import MOST_PLACES, NUMBER_BITS
from vpr_ros.maps.coder import one_thread, sample_rows
from vpr_ros.search.background import SAMPLE, apart_of, moments_of, standings_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.fleet.fleet_map import FleetMap
    from vpr_ros.maps.columns import Columns


class FleetBackground:
    """The similarities of places to a sample of the map's other places, which is fetched once.

    Args:
        fleet: The map.
    """

    def __init__(self, fleet: FleetMap) -> None:
        self._fleet = fleet
        self._of = 0
        self._starts: dict[int, int] = {}
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)
        self._positions: NDArray[np.float64] = np.empty((0, 3))
        self._descriptors: NDArray[np.float32] = np.empty((0, 0), np.float32)

    def standings(
        self,
        columns: Columns,
        descriptors: NDArray[np.float32],
        similarities: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return by how many deviations (H,) each similarity is above its place's background.

        Args:
            columns: The places (H).
            descriptors: (H, d).
            similarities: (H,) of a query to them.
        """
        if not self._of <= self._fleet.rules.meta.places < max(2 * self._of, 1):
            self._fetch()
        # Threads would take longer to wake than all of it takes.
        with one_thread():
            others = descriptors @ self._descriptors.T
        rows = self._rows_of(columns.ids)
        apart = apart_of(columns.poses[:, :3], rows, self._positions, self._rows)
        return standings_of(moments_of(others, apart), similarities)

    def _fetch(self) -> None:
        """Fetch the sample, spread evenly over the map."""
        fleet = self._fleet
        sessions = fleet.sessions()
        ends = np.cumsum([0, *(each.places for each in sessions)])
        rows = sample_rows(int(ends[-1]), SAMPLE)
        which = np.searchsorted(ends, rows, 'right') - 1
        # Numbers begin with 1; those that a former version left out are passed over.
        numbers = (rows - ends[which] + 1).tolist()
        keys = [sessions[i].key for i in which.tolist()]
        found = fleet.connection.execute(
            'SELECT session, number, x, y, z, d.data, d.step '
            'FROM unnest(%s::bigint[], %s::int[]) AS w (session, number) '
            'JOIN places USING (session, number) JOIN descriptors d USING (session, number) '
            'WHERE vector_dims(d.data) = %s',
            [keys, numbers, fleet.rules.meta.packing.dim],
        ).fetchall()
        self._of = int(ends[-1])
        self._starts = {each.key: int(end) for each, end in zip(sessions, ends[:-1], strict=True)}
        ids = np.array([(row[0] << NUMBER_BITS) + row[1] for row in found], np.int64)
        self._rows = self._rows_of(ids)
        self._positions = np.array([row[2:5] for row in found], np.float64).reshape(-1, 3)
        self._descriptors = unpacked_of([row[5:] for row in found], fleet.rules.meta.packing.dim)

    def _rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows (n,) that places have in a file of the whole map, or nearly so."""
        starts = [self._starts.get(key, self._of) for key in (ids >> NUMBER_BITS).tolist()]
        return np.asarray(starts, np.int64) + (ids & (MOST_PLACES - 1)) - 1


def unpacked_of(rows: list[tuple[Any, ...]], dim: int) -> NDArray[np.float32]:
    """Return rows of data and step as descriptors (n, dim)."""
    vectors = np.empty((len(rows), dim), np.float32)
    for i, (data, step) in enumerate(rows):
        vectors[i] = data.to_numpy().astype(np.float32) * np.float32(step)
    return vectors
