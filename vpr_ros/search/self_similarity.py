# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How similar the places of a map are to those beside them, and to those elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.maps.coder import sample_rows
from vpr_ros.search.background import APART, LEAST_DEVIATION, LEAST_OTHERS, NEIGHBOURS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.maps import PlaceMap

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]
    Mask = NDArray[np.bool_]

_BESIDE = 5.0
"""Metres up to which places show the same."""
_BESIDE_ROWS = 2
"""The same in the order of a traverse, where there are no poses."""
_LEAST_COSINE = np.cos(np.radians(45) / 2)
"""Of half the angle between two headings up to which cameras show the same."""
MOST = 4096
"""Places of a map that are compared with all others; more than these are sampled evenly."""
_BLOCK = 256, 4096
"""Places compared at once."""


@dataclass(frozen=True, eq=False)
class SelfSimilarity:
    """Of M places of a map, all if not too many.

    Attributes:
        rows: (M,) of the places in the map.
        beside: (M,) mean similarity to the places beside each, NaN where there is none.
        elsewhere: (M,) highest similarity to a place elsewhere, NaN where there is none.
        matches: (M,) row of that place, -1 where there is none.
        distinctness: (M,) by how many deviations the places beside a place are more similar to it
            than the mean of those elsewhere, NaN where it cannot be said.
    """

    rows: Rows
    beside: Floats
    elsewhere: Floats
    matches: Rows
    distinctness: Floats


@dataclass(frozen=True, eq=False)
class Traverses:
    """Which traverse, of one camera in one session, each place is of, and where in it.

    Attributes:
        numbers: (N,) of the traverse.
        indices: (N,) in the traverse, from 0.
    """

    numbers: Rows
    indices: Rows

    @classmethod
    def of(cls, sessions: NDArray[np.int64], cameras: NDArray[np.int64]) -> Traverses:
        """Return the traverses of places with these sessions (N,) and cameras (N,)."""
        numbers = np.unique(np.stack([sessions, cameras]), axis=1, return_inverse=True)[1]
        numbers = numbers.reshape(-1)  # numpy 2.0 gives it another shape
        order = np.argsort(numbers, kind='stable')
        starts = np.searchsorted(numbers[order], numbers[order])
        indices = np.empty(len(order), np.intp)
        indices[order] = np.arange(len(order)) - starts
        return cls(numbers, indices)


def self_similarity(
    place_map: PlaceMap,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    most: int = MOST,
) -> SelfSimilarity:
    """Compare the places of a map, or a sample of M places, with all its places.

    Places are elsewhere from `APART` metres. Where one has no pose, only places of the same
    traverse are compared, and those more than `NEIGHBOURS` apart in its order are elsewhere.

    Args:
        place_map: The map.
        progress: Told how many are compared, and of how many.
        most: Size of the sample.

    Raises:
        MapError: A descriptor is damaged.
    """
    rows = sample_rows(len(place_map), most)
    pairs, total, done = _Pairs(place_map), len(place_map), 0
    sums, counts = np.zeros((3, len(rows))), np.zeros((2, len(rows)), np.int64)
    best, matches = np.full(len(rows), -np.inf), np.full(len(rows), -1, np.intp)
    for first in range(0, total, _BLOCK[1]):
        columns = np.arange(first, min(first + _BLOCK[1], total))
        others = place_map.descriptors(columns)
        for start in range(0, len(rows), _BLOCK[0]):
            part = slice(start, start + _BLOCK[0])
            similarities = place_map.descriptors(rows[part]) @ others.T
            beside, elsewhere = pairs.of(rows[part], columns)
            kept = np.where(elsewhere, similarities, 0).astype(np.float64)
            sums[0, part] += np.where(beside, similarities, 0).sum(axis=1)
            sums[1, part] += kept.sum(axis=1)
            sums[2, part] += np.square(kept).sum(axis=1)
            counts[0, part] += beside.sum(axis=1)
            counts[1, part] += elsewhere.sum(axis=1)
            ranked = np.where(elsewhere, similarities, -np.inf)
            at = ranked.argmax(axis=1)
            highest = ranked[np.arange(len(at)), at]
            better = highest > best[part]
            best[part][better], matches[part][better] = highest[better], columns[at[better]]
            done += similarities.size
            progress(done // total, len(rows))
    with np.errstate(invalid='ignore', divide='ignore'):
        mean_beside = sums[0] / counts[0]
        mean, square = sums[1:] / counts[1]
        deviation = np.maximum(np.sqrt(np.maximum(square - mean**2, 0)), LEAST_DEVIATION)
        distinctness = np.where(
            counts[1] >= LEAST_OTHERS, (mean_beside - mean) / deviation, np.nan
        )
    return SelfSimilarity(
        rows, mean_beside, np.where(matches >= 0, best, np.nan), matches, distinctness
    )


class _Pairs:
    """Tells which places of a map are beside each other, and which are elsewhere."""

    def __init__(self, place_map: PlaceMap) -> None:
        columns = place_map.snapshot.columns
        self._positions = np.asarray(columns.poses[:, :3], np.float64)
        self._headings = np.asarray(columns.poses[:, 3:], np.float64)
        self._cameras = columns.cameras
        self._traverses = Traverses.of(columns.sessions, columns.cameras)

    def of(self, rows: Rows, columns: Rows) -> tuple[Mask, Mask]:
        """Return which columns (m,) are beside rows (n,), and which elsewhere, both (n, m)."""
        squares = np.zeros((len(rows), len(columns)))
        for axis in range(3):
            squares += np.square(
                self._positions[rows, None, axis] - self._positions[None, columns, axis]
            )
        traverses = self._traverses
        same = traverses.numbers[rows][:, None] == traverses.numbers[columns]
        steps = np.abs(traverses.indices[rows][:, None] - traverses.indices[columns])
        posed = ~np.isnan(squares)
        cosines = np.abs(self._headings[rows] @ self._headings[columns].T)
        alike = (cosines >= _LEAST_COSINE) & (
            self._cameras[rows][:, None] == self._cameras[columns]
        )
        # Sparse maps have no other place within so few metres, but one before and one after.
        near = (squares <= _BESIDE**2) | (same & (steps == 1) & (squares <= APART**2))
        beside = np.where(posed, near & alike, same & (steps <= _BESIDE_ROWS))
        elsewhere = np.where(posed, squares > APART**2, same & (steps > NEIGHBOURS))
        return beside & (rows[:, None] != columns), elsewhere
