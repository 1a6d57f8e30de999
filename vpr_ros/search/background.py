# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How much the places of a map resemble each other, against which a similarity is judged.

A similarity means little by itself: it falls with season and resolution, and is high anywhere in a
corridor. It means more beside the similarities between the place and other places of its map.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, stdtr

from vpr_ros.maps.coder import sample_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.maps import Snapshot

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

APART = 10.0
"""Metres from which places are different ones."""
SAMPLE = 256
"""Places that stand for the whole map."""
NEIGHBOURS = 10
"""Rows before and after a place without a pose that may show the same."""
LEAST_OTHERS = 5
"""Other places without which a deviation means nothing."""
LEAST_DEVIATION = 0.01
_LEAST_PROBABILITY = 1e-300


def apart_of(
    positions: Floats,
    rows: NDArray[np.integer],
    sample: Floats,
    sampled: NDArray[np.integer],
) -> NDArray[np.bool_]:
    """Return which of a sample (n, S) are other places than some.

    Args:
        positions: (n, 3) of those, NaN where unknown.
        rows: (n,) of them in the map.
        sample: (S, 3) positions of the sample.
        sampled: (S,) rows of the sample.
    """
    distances = np.linalg.norm(positions[:, None] - sample, axis=2)
    far = np.abs(rows[:, None] - sampled) > NEIGHBOURS
    return np.asarray(np.where(np.isnan(distances), far, distances > APART), np.bool_)


def moments_of(similarities: NDArray[np.floating], apart: NDArray[np.bool_]) -> Floats:
    """Return mean, deviation and number (H, 3) of the similarities of places to others.

    Mean and deviation are NaN where there are too few.

    Args:
        similarities: (H, S) of each place to a sample.
        apart: (H, S) which of the sample are other places.
    """
    others = np.where(apart, similarities, np.nan)
    counts = np.isfinite(others).sum(axis=1)
    enough = counts >= LEAST_OTHERS
    moments = np.full((len(others), 3), np.nan)
    moments[enough, 0] = np.nanmean(others[enough], axis=1)
    moments[enough, 1] = np.nanstd(others[enough], axis=1, ddof=1)
    moments[:, 2] = counts
    return moments


def standings_of(moments: Floats, similarities: Floats) -> Floats:
    """Return by how many deviations (H,) similarities are above a background.

    The deviation of a few places is uncertain: a similarity that is as improbable as by Student's
    prediction from so many is given the deviations of a normal distribution (Geisser, Predictive
    Inference, 1993, section 2.1).

    Args:
        moments: (H, 3), see `moments_of`.
        similarities: (H,).
    """
    mean, deviation, count = moments.T
    ratios = (similarities - mean) / np.maximum(deviation, LEAST_DEVIATION)
    ratios = ratios / np.sqrt(1 + 1 / np.maximum(count, 1))
    improbable = stdtr(np.maximum(count - 1, 1), -np.abs(ratios))
    return np.asarray(-np.sign(ratios) * ndtri(np.maximum(improbable, _LEAST_PROBABILITY)))


class Background:
    """Mean and deviation of the similarities of each place to a sample of the map's other places.

    They are computed when they are first asked for, and kept. The sample is renewed where the map
    was changed or has grown to twice its size.

    Args:
        unpacked: Returns the descriptors (n, d) of rows of a snapshot.
    """

    def __init__(self, unpacked: Callable[[Snapshot, Rows], NDArray[np.float32]]) -> None:
        self._unpacked = unpacked
        self._mutex = threading.Lock()
        self._revision: int | None = None
        self._of = 0
        self._sample: Rows = np.empty(0, np.intp)
        self._descriptors = np.empty((0, 0), np.float32)
        self._moments: Floats = np.empty((0, 3))
        self._known: NDArray[np.bool_] = np.empty(0, np.bool_)

    def standings(self, snapshot: Snapshot, rows: Rows, similarities: Floats) -> Floats:
        """Return by how many deviations (H,) each similarity is above its place's background.

        NaN where the map has too few other places.

        Args:
            snapshot: Of the map.
            rows: (H,) of the places.
            similarities: (H,) of a query to them.
        """
        return standings_of(self.moments(snapshot, rows), similarities)

    def moments(self, snapshot: Snapshot, rows: Rows) -> Floats:
        """Return mean, deviation and number (H, 3) of the similarities of places to others."""
        with self._mutex:
            self._refresh(snapshot)
            new = rows[~self._known[rows]]
            if len(new):
                self._moments[new] = self._measured(snapshot, new)
                self._known[new] = True
            return np.asarray(self._moments[rows])

    def _measured(self, snapshot: Snapshot, rows: Rows) -> Floats:
        """Return the moments (n, 3) of the similarities to the sample."""
        others = self._unpacked(snapshot, rows) @ self._descriptors.T
        positions, sample = snapshot.columns.poses[:, :3], self._sample
        return moments_of(others, apart_of(positions[rows], rows, positions[sample], sample))

    def _refresh(self, snapshot: Snapshot) -> None:
        """Make room for the rows of a snapshot; choose a sample where there is none that fits."""
        count = len(snapshot)
        if snapshot.meta.revision != self._revision or not self._of <= count < 2 * self._of:
            self._revision, self._of = snapshot.meta.revision, max(count, 1)
            self._sample = sample_rows(count, SAMPLE)
            self._descriptors = self._unpacked(snapshot, self._sample)
            self._moments, self._known = np.empty((0, 3)), np.empty(0, np.bool_)
        if (more := count - len(self._known)) > 0:
            self._moments = np.pad(self._moments, ((0, more), (0, 0)))
            self._known = np.pad(self._known, (0, more))
