# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Ranked candidates as columns, carried from the search to the publisher."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.geometry.pose import FARTHEST, multiplied, rotation_of
from vpr_ros.search.time_lines import positions_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.maps import Place, Snapshot

_ALIKE = np.pi / 4
"""Radians within which two places at one spot face the same direction."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places that look like a query, best first; every array has one entry a candidate.

    Attributes:
        ids: (H,) int64 of the places.
        similarities: (H,) inner products of the query's descriptor with the stored ones, whose
            rounding can take them beyond 1 by 0.0005 at most.
        hamming: (H,) int64 differing bits of the codes, -1 where the map has no codes yet.
        poses: (H, 7) x, y, z, qx, qy, qz, qw of the base in the map frame; NaN where unknown.
        probabilities: (H,) that each candidate is correct; None without a calibration.
        inliers: (H,) matches of local features that agree, see `TwoView`; NaN where they were
            not compared, None where none were.
        matches: (H,) of local features, those that agree and others; NaN and None as the inliers.
        deformations: (H,) of the inliers, see `TwoView`; NaN and None as the inliers.
        parallaxes: (H,) deformations between pictures of the map near by that are 5 m apart; NaN
            and None as the inliers, and NaN where the map does not tell.
        standings: (H,) by how many deviations each similarity is above those between the place
            and other places of the map, see `Background`; NaN where unknown.
        snapshot: The map as it was searched; None where candidates come from a file of results.
        rows: (H,) of the places in the snapshot.
        mount: The optical frame of the query's camera in its base frame, where `poses` are those
            of a base whose camera sees the places through it; None where they are the map's.
    """

    ids: NDArray[np.int64]
    similarities: NDArray[np.float64]
    hamming: NDArray[np.int64]
    poses: NDArray[np.float64]
    probabilities: NDArray[np.float64] | None = None
    inliers: NDArray[np.float64] | None = None
    matches: NDArray[np.float64] | None = None
    deformations: NDArray[np.float64] | None = None
    parallaxes: NDArray[np.float64] | None = None
    standings: NDArray[np.float64] | None = None
    snapshot: Snapshot | None = None
    rows: NDArray[np.intp] | None = None
    mount: Pose | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @staticmethod
    def none() -> Candidates:
        """Return no candidates."""
        ids = np.empty(0, np.int64)
        return Candidates(ids, np.empty(0), ids, np.empty((0, 7)))

    @staticmethod
    def found(
        snapshot: Snapshot,
        rows: NDArray[np.intp],
        similarities: NDArray[np.floating],
        hamming: NDArray[np.integer],
        standings: NDArray[np.float64] | None = None,
    ) -> Candidates:
        """Return the candidates of a snapshot at (H,) rows, best first."""
        columns = snapshot.columns
        return Candidates(
            columns.ids[rows],
            similarities.astype(np.float64),
            hamming.astype(np.int64),
            columns.poses[rows],
            standings=standings,
            snapshot=snapshot,
            rows=rows,
        )

    def take(self, order: slice | Sequence[int] | NDArray[np.intp]) -> Candidates:
        """Return some of the candidates, in an order."""
        return replace(
            self,
            ids=self.ids[order],
            similarities=self.similarities[order],
            hamming=self.hamming[order],
            poses=self.poses[order],
            probabilities=None if self.probabilities is None else self.probabilities[order],
            inliers=None if self.inliers is None else self.inliers[order],
            matches=None if self.matches is None else self.matches[order],
            deformations=None if self.deformations is None else self.deformations[order],
            parallaxes=None if self.parallaxes is None else self.parallaxes[order],
            standings=None if self.standings is None else self.standings[order],
            rows=None if self.rows is None else self.rows[order],
        )

    def places(self) -> list[Place]:
        """Read the places, as they were when they were searched, with the candidates' poses.

        Raises:
            ValueError: The candidates are not of a map.
        """
        if not len(self):
            return []
        if self.snapshot is None or self.rows is None:
            msg = 'these candidates are not of a map'
            raise ValueError(msg)
        places = self.snapshot.places_at(self.rows)
        if self.mount is None:
            return places
        return [
            place
            if place.mount is None or place.pose is None
            else replace(place, pose=Pose(pose[:3], pose[3:]), mount=self.mount)
            for place, pose in zip(places, self.poses, strict=True)
        ]

    @cached_property
    def _positions(self) -> NDArray[np.float64]:
        """Positions (H, 3) that tell which candidates are near to one another."""
        if self.snapshot is None or self.rows is None or not np.isnan(self.poses[:, 0]).any():
            return self.poses[:, :3]
        columns = self.snapshot.columns
        return positions_of(self.poses, columns.sessions[self.rows], columns.stamps[self.rows])

    def place(self, i: int) -> Place:
        """Read the place of one candidate."""
        return self.take([i]).places()[0]

    def seen_through(self, mount: Pose) -> Candidates:
        """Return the candidates with poses of a base whose camera sees the places through a mount.

        A robot that sees with its rear camera a place that a front camera mapped stands there the
        other way round. Places whose camera's mount is not known stay as they are.

        Args:
            mount: The optical frame of the query's camera in the base frame.
        """
        snapshot, rows = self.snapshot, self.rows
        if snapshot is None or rows is None:
            return self
        cameras = snapshot.columns.cameras[rows]
        poses, own, inverse = self.poses.copy(), mount.as_array(), mount.inverse()
        for key in set(cameras.tolist()):
            mapped = snapshot.mounts[key]
            if mapped is not None and (mapped.as_array() != own).any():
                these = cameras == key
                # From the mapping base to its camera, to the query's camera there, to its base.
                for step in (mapped, Pose.identity(), inverse):
                    poses[these] = _chained(poses[these], step)
        # A map may hold places and mounts at the end of where poses can be.
        poses[:, :3] = poses[:, :3].clip(-FARTHEST, FARTHEST)
        return replace(self, poses=poses, mount=mount)

    def together(self, rows: NDArray[np.intp], radius: float) -> NDArray[np.bool_]:
        """Return which candidates (R, H) are the same place as each of some (R,).

        Args:
            rows: Indices of those.
            radius: Metres within which places are one; of places without a pose, the seconds
                between two of one session.
        """
        # Axis by axis, which takes a third of the time of a norm of the whole.
        squares = np.zeros((len(rows), len(self)))
        for axis in self._positions.T:
            offsets = np.subtract.outer(axis[rows], axis)
            squares += offsets * offsets
        here = squares <= radius**2  # NaN, of a place that only a file of results knows, is not
        here[np.arange(len(rows)), rows] = True
        return here

    def agreeing(self, i: int, radius: float) -> NDArray[np.intp]:
        """Return the indices of those at the place of one that face its direction, `i` first."""
        cosine = np.abs(self.poses[:, 3:] @ self.poses[i, 3:])
        same = self.together(np.array([i]), radius)[0] & (cosine >= np.cos(_ALIKE / 2))
        same[i] = False
        return np.concatenate([[i], np.flatnonzero(same)]).astype(np.intp)


def _chained(poses: NDArray[np.float64], step: Pose) -> NDArray[np.float64]:
    """Return poses (N, 7) followed by a pose, each as `Pose.__matmul__` gives it."""
    quaternions = poses[:, 3:].T
    rotations = np.ascontiguousarray(rotation_of(quaternions).transpose(2, 0, 1))
    turned = np.ascontiguousarray(multiplied(quaternions, step.orientation).T)
    norms = np.sqrt(turned[:, None] @ turned[:, :, None])[:, 0]
    return np.concatenate([poses[:, :3] + rotations @ step.position, turned / norms], axis=1)
