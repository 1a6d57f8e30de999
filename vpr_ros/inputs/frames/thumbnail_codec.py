# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Encodes and decodes the thumbnails that maps keep of their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.compressed import decoded
from vpr_ros.inputs.frames.image_size import JPEG, claim_of
from vpr_ros.inputs.frames.pixels import check_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_JPEG_QUALITY = 85
"""9 to 19 kB for 320 pixels, 14 kB in the mean over ten sets of outdoor and indoor images."""


def shrunk(rgb: NDArray[np.uint8], longest: int) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) whose longer side is at most so many pixels, never enlarged."""
    height, width = rgb.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return rgb
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def encode_thumbnail(rgb: NDArray[np.uint8], longest: int) -> bytes:
    """Return a JPEG of a picture (H, W, 3), shrunk to so many pixels along its longer side."""
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    _, jpeg = cv2.imencode('.jpg', shrunk(rgb, longest)[:, :, ::-1], options)
    return bytes(jpeg.tobytes())


def decode_thumbnail(jpeg: bytes) -> NDArray[np.uint8]:
    """Return the picture (H, W, 3) RGB of a JPEG.

    Raises:
        ImageError: It is not a JPEG, damaged, or too large.
    """
    claim = claim_of(jpeg)
    if claim is None or claim.kind != JPEG:
        msg = 'a thumbnail of the map is not a JPEG: another program wrote it'
        raise ImageError(msg)
    check_size(claim.width, claim.height)
    bgr = decoded(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    return np.ascontiguousarray(bgr[:, :, ::-1], np.uint8)
