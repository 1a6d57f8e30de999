# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tells whether the data of a JPEG suffice for the size that it claims.

libjpeg fills what is missing with grey and says so on standard error only. Where a corner is that
grey, more data are put behind those there are: that changes the picture if any were missing, and
is passed over if the picture was whole.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

START = b'\xff\xd8'
_GREY = 128
_SCAN, _END = 0xDA, 0xD9
_NOISE = np.random.default_rng(0).integers(0, 255, (9, 32), np.uint8)  # Without 255, a marker.
_MORE = _NOISE[0].tobytes() + b''.join(
    bytes((0xFF, 0xD0 + number)) + _NOISE[1 + number].tobytes() for number in range(8)
)
"""Data as they are between markers of restart, and after each of them."""


def is_whole(encoded: NDArray[np.uint8], pixels: NDArray[np.generic]) -> bool:
    """Return whether a JPEG has the data of all its pixels.

    Args:
        encoded: (N,) the JPEG, which was decoded.
        pixels: (H, W), or (H, W, 3): what it was decoded to.
    """
    corners = pixels[[0, 0, -1, -1], [0, -1, 0, -1]].reshape(4, -1)
    if not (corners == _GREY).all(axis=1).any():
        return True
    data, pieces, at = encoded.tobytes(), [], 0
    for end in _ends_of_scans(data):
        pieces += [data[at:end], _MORE]
        at = end
    longer = b''.join([*pieces, data[at:]])
    return np.array_equal(_thumbnail(data), _thumbnail(longer))


def _thumbnail(jpeg: bytes) -> Any:
    """Return the means of all blocks, for which all data are read."""
    reduced = cv2.IMREAD_REDUCED_GRAYSCALE_8 | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), reduced)


def _ends_of_scans(data: bytes) -> Iterator[int]:
    """Yield where the data of each scan end: at the next marker that is none of restart."""
    at = len(START)
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == _END:
            return
        if marker in (0xFF, 0x01) or 0xD0 <= marker <= 0xD8:  # Filling, or bare.
            at += 1 if marker == 0xFF else 2
            continue
        at += 2 + struct.unpack_from('>H', data, at + 2)[0]
        if marker == _SCAN:
            while (
                (at := data.find(b'\xff', at)) >= 0
                and data[at + 1 : at + 2]
                and (data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7)
            ):
                at += 2
            if at < 0:
                return
            yield at
