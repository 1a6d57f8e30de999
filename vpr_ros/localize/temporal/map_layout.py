# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The places of a map in space and along the mapped path."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.geometry.pose import yaw_of
from vpr_ros.search.time_lines import positions_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

_FAR = 1e7
"""Seconds that sessions are kept apart."""


class Places(Protocol):
    """Columns of a map: ids, sessions and stamps (N,), and poses (N, 7), NaN where unknown."""

    @property
    def ids(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def sessions(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def stamps(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def poses(self) -> NDArray[np.float64]: ...  # noqa: D102


class MapLayout:
    """Geometry of the places of one version of a map.

    Attributes:
        positions: (N, 3) metres, see `positions_of`.
        poses: (N, 7) those positions, and orientations; none is turned where it is not known.
        yaws: (N,) radians, 0 for places without a pose.
        posed: (N,) whether a place has a pose.
    """

    def __init__(self, places: Places) -> None:
        self._ids = np.asarray(places.ids)
        self._sessions = np.asarray(places.sessions)
        self._seconds = (places.stamps - places.stamps[:1].sum()) * 1e-9
        poses = np.asarray(places.poses, np.float64)
        self.posed = np.isfinite(poses[:, 0])
        self.positions = positions_of(poses, self._sessions, np.asarray(places.stamps))
        turns = np.where(self.posed[:, None], poses[:, 3:], (0.0, 0.0, 0.0, 1.0))
        self.poses = np.concatenate([self.positions, turns], axis=1)
        self.yaws = yaw_of(turns.T)
        self._cells: dict[float, _Cells] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def rows_of(self, ids: NDArray[np.int64]) -> Rows:
        """Return the rows of places by identity, -1 for those that are not there."""
        rows = np.searchsorted(self._ids, ids)
        found = self._ids[np.minimum(rows, len(self) - 1)] == ids
        return np.where(found, rows, -1)

    @cached_property
    def pause(self) -> float:
        """Median time between consecutive places, seconds; 0 for a single place."""
        return self._typical(np.diff(self._seconds))

    @cached_property
    def spacing(self) -> float:
        """Median distance of consecutive places, metres; 0 for a single place."""
        return self._typical(self._steps)

    @cached_property
    def by_seconds(self) -> MappedPath:
        """The places in the order of time, in seconds."""
        return MappedPath(self._seconds + 1e3 * _FAR * self._sessions)

    @cached_property
    def _joined(self) -> NDArray[np.bool_]:
        """Whether (N - 1,) consecutive places are of one session."""
        return np.asarray(np.diff(self._sessions) == 0)

    @cached_property
    def _steps(self) -> Floats:
        """Distances (N - 1,) of consecutive places, metres."""
        return np.asarray(np.linalg.norm(np.diff(self.positions, axis=0), axis=1))

    def _typical(self, steps: Floats) -> float:
        inner = steps[self._joined]
        return float(np.median(inner)) if len(inner) else 0.0

    def pairs(self, points: Floats, radius: float) -> tuple[Rows, Rows]:
        """Return (indices of points, rows of places) for all that are within a radius.

        Args:
            points: (M, 3) metres.
            radius: Metres.
        """
        size = 2.0 ** np.ceil(np.log2(max(radius, 1e-3)))
        if size not in self._cells:
            self._cells = {size: _Cells(self.positions[:, :2], size)}
        who, rows = self._cells[size].around(points[:, :2])
        near = np.linalg.norm(points[who] - self.positions[rows], axis=1) <= radius
        return who[near], rows[near]


class MappedPath:
    """Places by a coordinate along the mapped path.

    Args:
        along: (N,) coordinates; sessions lie far apart.

    Attributes:
        along: As given.
        reach: Distance from the nearest place within which a coordinate is on the path.
    """

    def __init__(self, along: Floats) -> None:
        self.along = along
        self._order = np.argsort(along, kind='stable')
        self._values = along[self._order]
        steps = np.diff(self._values)
        self._middles = self._values[:-1] + steps / 2
        # Coordinates further from every place are off the map.
        self.reach = 2 * float(np.median(steps)) if len(steps) else np.inf

    def nearest(self, wanted: Floats) -> Rows:
        """Return the rows (M,) of the places nearest to coordinates (M,)."""
        return self._order[np.searchsorted(self._middles, wanted)]


class _Cells:
    """Square cells of the ground plane, each with its places.

    They are built in a third of the time of a k-d tree (`scipy.spatial.cKDTree`), which counts in
    a map that grows, and keep the order in which probabilities are added up.
    """

    def __init__(self, positions: Floats, size: float) -> None:
        self._size = size
        keys = self._keys(np.floor(positions / size).astype(np.int64))
        self._rows = np.argsort(keys, kind='stable')
        self._sorted = keys[self._rows]

    def around(self, points: Floats) -> tuple[Rows, Rows]:
        """Return (indices of points, rows) for all in the nine cells around each point."""
        cells = np.floor(points / self._size).astype(np.int64)
        offsets = np.array([(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)])
        keys = self._keys((cells[:, None] + offsets).reshape(-1, 2))
        first = np.searchsorted(self._sorted, keys, 'left')
        counts = np.searchsorted(self._sorted, keys, 'right') - first
        who = np.repeat(np.repeat(np.arange(len(points)), 9), counts)
        # Positions within each run of equal keys, one run after another.
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return who, self._rows[np.repeat(first, counts) + within]

    @staticmethod
    def _keys(cells: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(cells[:, 0] * (1 << 32) + cells[:, 1], np.int64)
