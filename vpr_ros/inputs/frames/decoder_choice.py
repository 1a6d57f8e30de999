# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Decodes image messages to RGB, by cv_bridge or our own decoding.

cv_bridge is used for raw images where it imports and decodes a set of small images to the same
pixels as ours; it often does not (built for another numpy, absent outside a ROS installation).
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.compressed import decode_compressed
from vpr_ros.inputs.frames.raw import decode_raw

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.inputs.frames.dynamic_range import DynamicRange


def decode(msg: Any, values: DynamicRange | None = None) -> NDArray[np.uint8]:
    """Turn an Image or CompressedImage of rclpy, rosbags or alike into RGB.

    Args:
        msg: The message.
        values: The dynamic range of the camera; None takes that of this image.

    Returns:
        (H, W, 3) uint8, contiguous, its own memory.

    Raises:
        ImageError: The message cannot be turned into pixels; no other error is raised.
    """
    if hasattr(msg, 'encoding'):
        return decode_raw(msg, values)
    if hasattr(msg, 'format'):
        return decode_compressed(msg, values)
    text = f'{type(msg).__name__} is neither a sensor_msgs Image nor a CompressedImage'
    raise ImageError(text)


_BRIDGED = {
    'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1,
    'bayer_rggb8': 1, 'bayer_bggr8': 1, 'bayer_gbrg8': 1, 'bayer_grbg8': 1,
    'yuv422': 2, 'yuv422_yuy2': 2,
}  # fmt: skip
"""Encodings that every supported cv_bridge knows, and their bytes a pixel; not those of 16 bits,
which it scales as if all cameras used all of them."""

_PROBE = 8
"""Width and height of the images of the self-check."""


@dataclass(frozen=True)
class Decoder:
    """How image messages are decoded in this process.

    Attributes:
        decode: Same contract as `decode` of this module.
        name: ``cv_bridge`` or ``vpr_ros``.
        reason: One line for the log, saying which is in use and why.
    """

    decode: Callable[[Any, DynamicRange | None], NDArray[np.uint8]]
    name: str
    reason: str


@functools.cache
def image_decoder() -> Decoder:
    """Return the decoder of this process; the choice is made at the first call."""
    return choose_decoder(lambda: importlib.import_module('cv_bridge').CvBridge())


def choose_decoder(import_bridge: Callable[[], Any]) -> Decoder:
    """Choose cv_bridge if it imports and agrees with our own decoding, else the latter.

    Args:
        import_bridge: Returns a ``cv_bridge.CvBridge`` or raises anything.
    """
    try:
        bridge = import_bridge()
    except Exception as error:  # noqa: BLE001  a foreign binary module may fail in any way
        return _ours(f'cv_bridge does not import ({_one_line(error)})')
    for encoding in _BRIDGED:
        if (difference := _disagreement(bridge, encoding)) is not None:
            return _ours(difference)
    return Decoder(
        functools.partial(_decode_bridged, bridge),
        'cv_bridge',
        f'raw images are decoded by cv_bridge: it passed the check of {len(_BRIDGED)} encodings',
    )


def _ours(why: str) -> Decoder:
    return Decoder(decode, 'vpr_ros', f'images are decoded by vpr_ros: {why}')


def _decode_bridged(
    bridge: Any, msg: Any, values: DynamicRange | None = None
) -> NDArray[np.uint8]:
    """Decode with cv_bridge the encodings that it decodes correctly, the others with ours."""
    if not _is_plain(msg):
        return decode(msg, values)
    try:
        return np.ascontiguousarray(bridge.imgmsg_to_cv2(msg, 'rgb8'))
    except Exception as error:
        text = f'cv_bridge cannot decode the {msg.encoding} image: {_one_line(error)}'
        raise ImageError(text) from error


def _is_plain(msg: Any) -> bool:
    """Tell whether a message is well-formed and of a kind whose padding cv_bridge honours."""
    size = _BRIDGED.get(getattr(msg, 'encoding', ''))
    try:
        return (
            size is not None
            and not msg.is_bigendian
            and msg.width > 0
            and msg.height > 0
            and msg.step == msg.width * size
            and len(msg.data) == msg.step * msg.height
        )
    except (AttributeError, TypeError):
        return False


def _disagreement(bridge: Any, encoding: str) -> str | None:
    """Return how cv_bridge differs from our decoding on a small image, None if it does not."""
    step = _PROBE * _BRIDGED[encoding]
    data = np.random.default_rng(0).integers(0, 256, step * _PROBE, np.uint8)
    probe = SimpleNamespace(
        width=_PROBE, height=_PROBE, step=step, encoding=encoding, is_bigendian=0, data=data
    )
    try:
        theirs = np.asarray(bridge.imgmsg_to_cv2(probe, 'rgb8'))
    except Exception as error:  # noqa: BLE001  see above
        return f'cv_bridge fails on {encoding} ({_one_line(error)})'
    if not np.array_equal(theirs, decode_raw(probe)):
        return f'cv_bridge gives other pixels for {encoding}'
    return None


def _one_line(error: Exception) -> str:
    return f'{type(error).__name__}: {error}'.splitlines()[0][:200]
