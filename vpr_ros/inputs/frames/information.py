# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether a picture shows anything that a place could be recognised by, and anything new.

A black picture, a covered lens, a blank wall or noise has a descriptor like any other, and may be
very similar to a place that was mapped in front of a blank wall. Its answer means nothing. Nor
does one to a picture that a frozen camera sends again and again while the robot drives on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SIDE, _CELLS = 32, 4
"""Pixels of the small picture that is judged, and cells along its sides."""
_NEIGHBOURHOOD = 5
"""Pixels about each whose mean is taken off: a smooth gradient of light shows nothing."""
_LEAST_CONTRAST = 1.5
"""Of half of the cells, grey levels of 256. The dullest real traverses, by night and of a railway
in winter, have 3 and more; a blank wall, a covered lens or the sky have less than 1."""
_LEAST_CORRELATION = 0.2
"""Of neighbouring pixels of the small picture; those of real pictures have 0.3 and more."""
_SAME = 0.035
"""Root mean square of the differences of two small pictures that show the same, in deviations of
their grey levels. Noise makes 0.01 (of 25 grey levels in 320 x 180 pixels 0.04), a live camera at
rest 0.01 to 0.05, a turn of one degree 0.06 and more, two metres of the way 0.07 on an open track
and 0.3 to 1 elsewhere."""


def emptiness(rgb: NDArray[np.uint8]) -> str:
    """Return why a picture (H, W, 3) shows nothing, in words; empty where it shows something."""
    grey = _small(rgb)
    detail = grey - cv2.blur(grey, (_NEIGHBOURHOOD, _NEIGHBOURHOOD))
    side = _SIDE // _CELLS
    cells = detail.reshape(_CELLS, side, _CELLS, side).std(axis=(1, 3))
    contrast = float(np.median(cells))
    if contrast < _LEAST_CONTRAST:
        return (
            f'the picture shows nothing: half of it has a contrast of {contrast:.1f} of 256 grey '
            'levels or less (dark, blank or covered)'
        )
    offsets = grey - grey.mean()
    correlation = float((offsets[:, 1:] * offsets[:, :-1]).mean() / offsets.var())
    if correlation < _LEAST_CORRELATION:
        return f'the picture is noise: neighbouring pixels correlate by {correlation:.2f} only'
    return ''


def outline(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the small picture (S, S) of a picture (H, W, 3), in deviations from its mean."""
    grey = _small(rgb)
    return np.asarray((grey - grey.mean()) / max(float(grey.std()), 1e-6))


def unchanged(before: NDArray[np.float32], now: NDArray[np.float32]) -> bool:
    """Return whether two pictures show the same but for noise and brightness, by `outline`."""
    return bool(np.sqrt(np.mean((now - before) ** 2)) < _SAME)


def _small(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(rgb, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small.mean(axis=2, dtype=np.float32))
