# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/CompressedImage to RGB: JPEG, PNG and TIFF as image_transport writes them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.pixels import check_size, read_bytes, to_eight_bits

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PNG = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'IEND\xaeB`\x82'
_JPEG_END = b'\xff\xd9'
_JPEG_SCAN = 0xDA
_JPEG_SIZE = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_TIFF_SIZE = {256: 0, 257: 1, 322: 2, 323: 3}
"""TIFF tags: image width and length, tile width and length."""


def decode_compressed(msg: Any, *, upright: bool = False) -> NDArray[np.uint8]:
    """Turn a sensor_msgs/CompressedImage, or anything with its fields, into RGB.

    Alpha is dropped, 16 bits are scaled to 8, and an EXIF orientation is ignored, so that pixels
    stay where the camera's calibration expects them, unless an upright picture is asked for.

    Args:
        msg: The message.
        upright: Turn the picture as its EXIF orientation says, as for photographs.

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
    check_size(*_claimed_size(data.tobytes(), form))
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR if upright else cv2.IMREAD_UNCHANGED)
    except cv2.error as error:
        text = f'OpenCV cannot decode the compressed image: {error}'
        raise ImageError(text) from None
    if pixels is None:
        text = 'the compressed image is damaged, it cannot be decoded'
        raise ImageError(text)
    return _as_rgb(pixels, form)


def _as_rgb(pixels: NDArray[Any], form: str) -> NDArray[np.uint8]:
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype not in (np.uint8, np.uint16) or channels not in (1, 3, 4):
        text = (
            f'the compressed image has {channels} channels of {pixels.dtype}: only grey and '
            'colour images of 8 or 16 bits are decoded'
        )
        raise ImageError(text)
    pixels = to_eight_bits(pixels)
    if channels == 1:
        return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB), np.uint8)
    # image_transport names here the order its encoder was fed with, and codecs were told bgr.
    if 'compressed rgb' in form:
        return np.ascontiguousarray(pixels[..., :3])
    code = cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGRA2RGB
    return np.asarray(cv2.cvtColor(pixels, code), np.uint8)


def _claimed_size(data: bytes, form: str) -> tuple[int, int]:
    """Return width and height from the file header, and refuse a file without its end."""
    try:
        if data.startswith(b'\xff\xd8'):
            return _jpeg_size(data)
        if data.startswith(_PNG):
            if _PNG_END not in data:
                raise _truncated(kind='PNG')
            width, height = struct.unpack_from('>II', data, 16)
            return width, height
        if data.startswith((b'II*\0', b'MM\0*')):
            return _tiff_size(data)
    except (struct.error, IndexError):
        text = 'the header of the compressed image is damaged or cut short'
        raise ImageError(text) from None
    text = (
        f'the compressed image (format {form!r:.80}) is not JPEG, PNG or TIFF: set the '
        'image transport to one of these; video streams must be decoded before'
    )
    raise ImageError(text)


def _jpeg_size(data: bytes) -> tuple[int, int]:
    size, at = None, 2
    while True:
        if data[at] != 0xFF:
            text = 'the JPEG image is damaged: its header is not a chain of segments'
            raise ImageError(text)
        marker = data[at + 1]
        if marker == 0xFF or marker in _JPEG_BARE:
            at += 1 if marker == 0xFF else 2
            continue
        if marker == _JPEG_SCAN:
            break
        if marker in _JPEG_SIZE:
            height, width = struct.unpack_from('>HH', data, at + 5)
            size = width, height
        at += 2 + struct.unpack_from('>H', data, at + 2)[0]
    if size is None:
        text = 'the JPEG image is damaged: it does not say its size'
        raise ImageError(text)
    # Some decoders fill missing parts with grey, which would be described as if it were seen.
    if data.find(_JPEG_END, at) < 0:
        raise _truncated(kind='JPEG')
    return size


def _tiff_size(data: bytes) -> tuple[int, int]:
    order = '<' if data[:1] == b'I' else '>'
    (at,) = struct.unpack_from(f'{order}I', data, 4)
    (count,) = struct.unpack_from(f'{order}H', data, at)
    sizes = [0, 0, 0, 0]
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind = struct.unpack_from(f'{order}HH', data, entry)
        if tag in _TIFF_SIZE:
            (value,) = struct.unpack_from(order + ('H' if kind == 3 else 'I'), data, entry + 8)
            sizes[_TIFF_SIZE[tag]] = value
    if not (sizes[0] and sizes[1]):
        return 0, 0
    # Tiles may be larger than the image and are allocated whole.
    return max(sizes[0], sizes[2]), max(sizes[1], sizes[3])


def _truncated(*, kind: str) -> ImageError:
    text = f'the {kind} image is truncated, its end is missing: check the transport and cable'
    return ImageError(text)
