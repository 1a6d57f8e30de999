# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Scales images of 16 bits to 8 by the range of values that the camera uses.

Cameras of 10, 12 and 14 bits publish their values unscaled in 16 bits, and thermal cameras a
narrow band of them. Divided by 256, little of such a picture would be left.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_log = logging.getLogger(__name__)

_FULL = 2**16 - 1
_SAMPLES = 2**16
"""Pixels, at most, whose values are looked at."""
_DARKEST, _BRIGHTEST = 0.01, 0.99
"""Quantiles that the range must hold: dead pixels, lamps and the sun may lie outside."""
_MARGIN = 1 / 16
"""Of the values that a band must hold, added on either side, so that it is seldom widened."""
_LEAST_BAND = 2**8
"""Values: less would only make the noise visible, and blank walls look like something."""
_LEAST_SHARE = 1 / 32
"""Of the range up to the highest bit, for the same reason."""


class DynamicRange:
    """The range of values that one camera uses, by which its 16-bit images are scaled.

    The first image decides: from 0 to the highest bit in use, or a band of values if they are
    further from 0 than from each other. The range is widened when later images exceed it and never
    narrowed, so that the exposure does not flicker. It depends on nothing but the images.

    Args:
        camera: Name of the camera or topic, for the log; empty for an image by itself.
    """

    def __init__(self, camera: str = '') -> None:
        self._camera = camera
        self._seen = _FULL, 0
        self._range: tuple[int, int] | None = None

    def to_eight_bits(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        """Return pixels (H, W) or (H, W, C) of 8 or 16 bits as uint8, rounded to nearest.

        Values that fill 16 bits are scaled by 255/65535, as cv_bridge does.
        """
        if pixels.dtype != np.uint16:
            return np.asarray(pixels, np.uint8)
        low, high = self._take(pixels)
        # One channel: OpenCV would subtract a number from the first alone.
        flat = pixels.reshape(len(pixels), -1)
        if low:
            flat = np.asarray(cv2.subtract(flat, float(low)))
        scaled = cv2.convertScaleAbs(flat, alpha=255 / (high - low))
        return np.asarray(scaled, np.uint8).reshape(pixels.shape)

    def _take(self, pixels: NDArray[np.uint16]) -> tuple[int, int]:
        """Return the range after this image."""
        # An odd step looks at every column of common widths.
        sample = pixels.reshape(-1)[:: (pixels.size // _SAMPLES) | 1]
        # Borders of rectified images, and what some drivers write for no value.
        measured = sample[(sample > 0) & (sample < _FULL)]
        sample = measured if len(measured) else sample
        darkest, brightest = np.quantile(sample, (_DARKEST, _BRIGHTEST), method='nearest')
        low, high = self._seen
        self._seen = low, high = min(low, int(darkest)), max(high, int(brightest))
        chosen = self._range
        if chosen is None or low < chosen[0] or high > chosen[1]:
            self._report(chosen := _range_of(low, high))
            self._range = chosen
        return chosen

    def _report(self, chosen: tuple[int, int]) -> None:
        if chosen == (0, _FULL):
            return
        if not self._camera:
            _report_single_images()
            return
        level = logging.WARNING if self._range is None else logging.INFO
        text = '%s: its 16-bit images use values of %d to %d and are scaled by that'
        _log.log(level, text, self._camera, *chosen)


@functools.cache
def _report_single_images() -> None:
    _log.warning(
        '16-bit images use a part of the values that there are: each is scaled by its own'
    )


def _range_of(low: int, high: int) -> tuple[int, int]:
    """Return the range for images whose values lie from low to high."""
    top = 2 ** max(8, high.bit_length()) - 1
    span = high - low
    if low <= span:  # The picture takes a quarter of the range at least.
        return 0, top
    width = max(span * (1 + 2 * _MARGIN), _LEAST_BAND, top * _LEAST_SHARE)
    start = min(max(0, round((low + high - width) / 2)), top)
    return start, min(round(start + width), _FULL)
