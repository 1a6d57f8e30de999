# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CompressedImage to RGB: JPEG, PNG and TIFF as image_transport writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import jpeg_end
from vpr_ros.inputs.frames.dynamic_range import DynamicRange
from vpr_ros.inputs.frames.image_size import JPEG, PNG, TIFF, claim_of
from vpr_ros.inputs.frames.pixels import check_size, read_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TRANSPORTED = frozenset({JPEG, PNG, TIFF})
"""Kinds that image_transport writes."""


def decode_compressed(msg: Any, values: DynamicRange | None = None) -> NDArray[np.uint8]:
    """Turn a sensor_msgs/CompressedImage, or anything with its fields, into RGB.

    Alpha is dropped, 16 bits are scaled to 8, and an EXIF orientation is ignored, so that pixels
    stay where the camera's calibration expects them.

    Args:
        msg: The message.
        values: The dynamic range of the camera; None takes that of this image.

    Returns:
        (H, W, 3) uint8, contiguous, its own memory.

    Raises:
        ImageError: The data are no still image, damaged, truncated or too large.
    """
    form = str(getattr(msg, 'format', ''))
    if 'compressedDepth' in form:
        text = (
            f'{form:.80} is a depth image, which shows distances and not colours: '
            "use the camera's colour or grey image topic"
        )
        raise ImageError(text)
    data = read_bytes(msg)
    claim = claim_of(data.tobytes())
    if claim is None or claim.kind not in _TRANSPORTED:
        text = (
            f'the compressed image (format {form!r:.80}) is not JPEG, PNG or TIFF: set the '
            'image transport to one of these; video streams must be decoded before'
        )
        raise ImageError(text)
    check_size(claim.width, claim.height)
    # image_transport names here the order its encoder was fed with, and codecs were told bgr.
    swapped = 'compressed rgb' not in form
    return as_rgb(decoded(data, cv2.IMREAD_UNCHANGED), values, swapped=swapped)


def decoded(data: NDArray[np.uint8], flags: int) -> NDArray[Any]:
    """Return the pixels of an encoded image, as OpenCV gives them for its flags.

    Raises:
        ImageError: It is damaged.
    """
    try:
        pixels = cv2.imdecode(data, flags)
    except cv2.error as error:
        text = f'OpenCV cannot decode the compressed image: {error}'
        raise ImageError(text) from None
    if pixels is None:
        text = 'the compressed image is damaged, it cannot be decoded'
        raise ImageError(text)
    pixels = np.asarray(pixels)
    if data[:2].tobytes() == jpeg_end.START and not jpeg_end.is_whole(data, pixels):
        text = (
            'the JPEG image is truncated, its data are those of a smaller picture than it says: '
            'check the transport, cable or copy'
        )
        raise ImageError(text)
    return pixels


def as_rgb(
    pixels: NDArray[Any], values: DynamicRange | None = None, *, swapped: bool = True
) -> NDArray[np.uint8]:
    """Return decoded pixels as RGB (H, W, 3).

    Args:
        pixels: (H, W), or (H, W, 3 or 4), of 8 or 16 bits.
        values: The dynamic range of the camera; None takes that of this image.
        swapped: Whether blue comes first, as OpenCV has it.

    Raises:
        ImageError: They are of another type.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype not in (np.uint8, np.uint16) or channels not in (1, 3, 4):
        text = (
            f'the compressed image has {channels} channels of {pixels.dtype}: only grey and '
            'colour images of 8 or 16 bits are decoded'
        )
        raise ImageError(text)
    pixels = (values or DynamicRange()).to_eight_bits(pixels)
    if channels == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
    if not swapped:
        return np.ascontiguousarray(pixels[..., :3])
    code = cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)
