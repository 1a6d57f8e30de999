# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Replaces the poses of a map by those of a SLAM back end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry.trajectory_file import TrajectoryError
from vpr_ros.stamps import format_stamp

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from vpr_ros.geometry.trajectory_file import Trajectory
    from vpr_ros.maps.writer import MapWriter


@dataclass(frozen=True)
class PoseUpdate:
    """Counts of the updated and kept places of a map, or of the sessions chosen.

    Attributes:
        updated: Places that have a new pose.
        kept: Places that were not in the trajectory and have the pose they had.
    """

    updated: int
    kept: int


def update_by_id(place_map: MapWriter, trajectory: Trajectory) -> PoseUpdate:
    """Replace the poses of the places a trajectory names by their identities, all or none.

    Raises:
        MapError: One does not exist or is named twice, or the map cannot be written.
    """
    place_map.update_poses(trajectory.keys, trajectory.poses)
    return PoseUpdate(len(trajectory.keys), len(place_map) - len(trajectory.keys))


def update_by_stamp(
    place_map: MapWriter,
    trajectory: Trajectory,
    tolerance: int = 10**6,
    sessions: Collection[int] | None = None,
) -> PoseUpdate:
    """Replace the poses of the places a trajectory passes at their stamps, all or none.

    Args:
        place_map: Open for writing.
        trajectory: Poses of the robot's base in the map frame, by stamp, in any order.
        tolerance: Nanoseconds by which the stamp of a pose may be off, for files with rounded
            stamps; the nearest counts.
        sessions: Identities; only their places are touched. None for all.

    Raises:
        TrajectoryError: It has two poses for one stamp, or none for any of the places.
        MapError: The map cannot be written.
    """
    order = np.argsort(trajectory.keys, kind='stable')
    stamps = trajectory.keys[order]
    twice = np.flatnonzero(np.diff(stamps) == 0)
    if len(twice):
        msg = f'there are several poses at {format_stamp(int(stamps[twice[0]]))} s'
        raise TrajectoryError(msg)
    columns = place_map.snapshot.columns
    rows = np.arange(len(columns))
    if sessions is not None:
        rows = np.flatnonzero(np.isin(columns.sessions, list(sessions)))
    chosen = which = np.empty(0, np.intp)
    if len(stamps):
        nearest = _nearest(stamps, columns.stamps[rows])
        found = np.abs(stamps[nearest] - columns.stamps[rows]) <= tolerance
        chosen, which = rows[found], order[nearest[found]]
    if not len(chosen):
        msg = f'none of the {len(stamps)} poses is at the stamp of one of {len(rows)} places'
        raise TrajectoryError(msg)
    place_map.update_poses(columns.ids[chosen], [trajectory.poses[i] for i in which.tolist()])
    return PoseUpdate(len(chosen), len(rows) - len(chosen))


def _nearest(stamps: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the index of the nearest of ascending stamps, of which there is at least one."""
    after = np.minimum(np.searchsorted(stamps, wanted), len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    nearer = np.abs(wanted - stamps[before]) <= np.abs(stamps[after] - wanted)
    return np.where(nearer, before, after)
