# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Shared by raw and compressed images: reads fields, limits the size."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_PIXELS = 2**25
"""Largest image that a message may hold (8K UHD has 33.2 million pixels), and that is kept of a
file; a few bytes can claim more."""
MOST_PIXELS = 2**28
"""Largest image of a file, which is reduced: phones take 200 million. Decoding takes 0.8 GB."""


def check_size(width: int, height: int) -> None:
    """Refuse an image without pixels, or with so many that decoding it could exhaust memory.

    Raises:
        ImageError: The size is zero, negative or beyond ``MAX_PIXELS``.
    """
    if width <= 0 or height <= 0:
        msg = f'the image is {width} x {height}, it has no pixels: check the camera driver'
        raise ImageError(msg)
    if width * height > MAX_PIXELS:
        msg = (
            f'the image claims {width} x {height} pixels, more than the {MAX_PIXELS} that are '
            'accepted: the message is damaged, or the camera must be set to a smaller image'
        )
        raise ImageError(msg)


def read_bytes(msg: Any) -> NDArray[np.uint8]:
    """Return the field ``data`` of a message as (N,) uint8 without copying it.

    Raises:
        ImageError: There is no such field, it is not bytes, or it is empty.
    """
    try:
        view = memoryview(msg.data)
        data = np.frombuffer(view.cast('B'), np.uint8) if view.nbytes else None
    except (AttributeError, TypeError):
        text = 'the field data of the image message is missing or not bytes'
        raise ImageError(text) from None
    if data is None:
        text = 'the image message is empty, it carries no data: check the camera driver'
        raise ImageError(text)
    return data


def read_integer(msg: Any, name: str) -> int:
    """Return a whole-number field of a message.

    Raises:
        ImageError: There is no such field, or it is not a whole number.
    """
    try:
        return operator.index(getattr(msg, name, None))  # type: ignore[arg-type]
    except TypeError:
        text = f'the field {name} of the image message is missing or not a whole number'
        raise ImageError(text) from None
