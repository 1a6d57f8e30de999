# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Colours (RGB) of sessions, verdicts and scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Colours = NDArray[np.uint8]

SESSIONS = (
    (76, 120, 168),
    (245, 133, 24),
    (84, 162, 75),
    (178, 121, 162),
    (114, 183, 178),
    (238, 202, 59),
    (157, 117, 93),
    (255, 157, 166),
)
"""Of the sessions of a map in turn."""
RIGHT, WRONG, HELD_BACK, UNJUDGED = (46, 160, 67), (220, 50, 47), (150, 150, 150), (70, 120, 200)
LOOK_ALIKE, GAP, BLANK_PLACE = (192, 86, 47), (230, 60, 200), (123, 79, 163)
HERE, TRUTH = (250, 200, 0), (230, 230, 230)
STATUSES = {
    'ACCEPTED': RIGHT,
    'NO_MAP': (90, 90, 90),
    'BELOW_THRESHOLD': (150, 150, 150),
    'AMBIGUOUS': (238, 202, 59),
    'TEMPORALLY_INCONSISTENT': (245, 133, 24),
    'UNVERIFIED': (178, 121, 162),
    'UNINFORMATIVE': (114, 183, 178),
}
"""Of the names of ``localize.Status``."""


def shades(values: NDArray[np.float64], most: float) -> Colours:
    """Return colours (N, 3) of values (N,) from 0 to the most, grey where one is NaN."""
    known = np.isfinite(values)
    levels = np.where(known, np.clip(np.nan_to_num(values) / most, 0, 1) * 255, 0)
    table = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_VIRIDIS)
    colours = table.reshape(256, 3)[levels.astype(np.uint8), ::-1].copy()
    colours[~known] = HELD_BACK
    return np.asarray(colours, np.uint8)
