# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Candidates on a line, of no map."""

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.search import Candidates


def sample_candidates(*rows, hamming=7):
    """Return candidates from rows of place id, similarity and perhaps x and yaw."""
    poses = np.full((len(rows), 7), np.nan)
    for i, (_, _, *where) in enumerate(rows):
        if where and where[0] is not None:
            poses[i] = Pose.planar(where[0], 0, *(where[1:] or [0.0])).as_array()
    return Candidates(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64),
        np.full(len(rows), hamming),
        poses,
    )
