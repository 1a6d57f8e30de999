# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Made-up pictures that show something."""

import numpy as np


def blocks(seed=0, height=96, width=128):
    """Return an RGB picture (height, width, 3) of coloured blocks."""
    colours = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    rows, columns = np.arange(height) * 6 // height, np.arange(width) * 8 // width
    return np.ascontiguousarray(colours[rows][:, columns])
