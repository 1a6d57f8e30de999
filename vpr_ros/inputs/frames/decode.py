# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Decodes any image message to RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.compressed import decode_compressed
from vpr_ros.inputs.frames.raw import decode_raw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def decode(msg: Any) -> NDArray[np.uint8]:
    """Turn an Image or CompressedImage of rclpy, rosbags or alike into RGB.

    Returns:
        (H, W, 3) uint8, contiguous, its own memory.

    Raises:
        ImageError: The message cannot be turned into pixels; no other error is raised.
    """
    if hasattr(msg, 'encoding'):
        return decode_raw(msg)
    if hasattr(msg, 'format'):
        return decode_compressed(msg)
    text = f'{type(msg).__name__} is neither a sensor_msgs Image nor a CompressedImage'
    raise ImageError(text)
