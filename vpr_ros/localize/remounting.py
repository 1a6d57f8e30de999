# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses of a base whose camera sees the places that another camera mapped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.geometry.pose import multiplied, rotation_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.search import Candidates

    Floats = NDArray[np.float64]


def seen_through(candidates: Candidates, mount: Pose) -> Candidates:
    """Return candidates with the poses of a base whose camera sees the places as they were seen.

    A robot that sees with its rear camera a place that a front camera mapped stands there the
    other way round. Places whose camera's mount is not known stay as they are.

    Args:
        candidates: Of a query.
        mount: The optical frame of the query's camera in the base frame.
    """
    snapshot, rows = candidates.snapshot, candidates.rows
    if snapshot is None or rows is None:
        return candidates
    cameras = snapshot.columns.cameras[rows]
    poses, own, inverse = candidates.poses.copy(), mount.as_array(), mount.inverse()
    for key in set(cameras.tolist()):
        mapped = snapshot.mounts[key]
        if mapped is not None and (mapped.as_array() != own).any():
            these = cameras == key
            # From the base that mapped to its camera, to the query's camera there, to its base.
            for step in (mapped, Pose.identity(), inverse):
                poses[these] = _chained(poses[these], step)
    return replace(candidates, poses=poses, mount=mount)


def _chained(poses: Floats, step: Pose) -> Floats:
    """Return poses (N, 7) followed by a pose, each as `Pose.__matmul__` gives it."""
    quaternions = poses[:, 3:].T
    rotations = np.ascontiguousarray(rotation_of(quaternions).transpose(2, 0, 1))
    turned = np.ascontiguousarray(multiplied(quaternions, step.orientation).T)
    norms = np.sqrt(turned[:, None] @ turned[:, :, None])[:, 0]
    return np.concatenate([poses[:, :3] + rotations @ step.position, turned / norms], axis=1)
