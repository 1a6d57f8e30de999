# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from vpr_ros.evaluation.stress.recording import Recording, Shot
from vpr_ros.geometry import Pose

SECOND = 10**9
STEP = 2.0
"""Metres between two frames."""


def picture(number):
    return np.random.default_rng(number).integers(0, 256, (24, 32, 3), np.uint8)


def straight(count):
    """Return a drive along x, a frame every two metres and every second."""
    return Recording(
        'straight',
        tuple(Shot.of(picture(i)) for i in range(count)),
        SECOND * np.arange(1, count + 1),
        tuple(Pose.planar(STEP * i, 0.0, 0.0) for i in range(count)),
    )


def places(recording, spacing=1.0):
    """Return the poses (N, 7) of places along the drive."""
    end = recording.truths[-1].position[0]
    return np.array([Pose.planar(x, 0.0, 0.0).as_array() for x in np.arange(0, end, spacing)])
