# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""sensor_msgs/Image to RGB, with the results cv_bridge gives for ``rgb8``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.dynamic_range import DynamicRange
from vpr_ros.inputs.frames.pixels import check_size, read_bytes, read_integer

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SAME = -1
"""In place of an OpenCV conversion code: the channels are red, green, blue already."""

_COLOURS = {
    'rgb': (3, _SAME),
    'bgr': (3, cv2.COLOR_BGR2RGB),
    'rgba': (4, cv2.COLOR_RGBA2RGB),
    'bgra': (4, cv2.COLOR_BGRA2RGB),
    'mono': (1, cv2.COLOR_GRAY2RGB),
    # OpenCV names a Bayer pattern by its second row, second column; ROS by its first row.
    'bayer_rggb': (1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr': (1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg': (1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg': (1, cv2.COLOR_BayerGB2RGB),
}
_ALIASES = {
    # OpenCV's own names do not tell the channels; the order OpenCV prefers is meant.
    '8U': 'mono8',
    '8UC1': 'mono8',
    '8UC3': 'bgr8',
    '8UC4': 'bgra8',
    '16U': 'mono16',
    '16UC1': 'mono16',
    '16UC3': 'bgr16',
    '16UC4': 'bgra16',
    'yuv422': 'uyvy',
    'yuv422_yuy2': 'yuyv',
}
_MEASUREMENT = re.compile(r'(?:8S|16S|32S|32F|64F)(?:C\d+)?|8UC\d+|16UC\d+')


@dataclass(frozen=True)
class _Packed:
    """One pixel after another: bytes a sample, samples a pixel, OpenCV code to RGB."""

    sample: int
    channels: int
    code: int


_PACKED = {
    f'{name}{8 * sample}': _Packed(sample, channels, code)
    for name, (channels, code) in _COLOURS.items()
    for sample in (1, 2)
} | {
    'uyvy': _Packed(1, 2, cv2.COLOR_YUV2RGB_UYVY),
    'yuyv': _Packed(1, 2, cv2.COLOR_YUV2RGB_YUY2),
}
_HALF_CHROMA = {'nv12': cv2.COLOR_YUV2RGB_NV12, 'nv21': cv2.COLOR_YUV2RGB_NV21}
_FULL_CHROMA = 'nv24'

ENCODINGS = frozenset({*_PACKED, *_ALIASES, *_HALF_CHROMA, _FULL_CHROMA})
"""Every encoding that is decoded."""


def decode_raw(msg: Any, values: DynamicRange | None = None) -> NDArray[np.uint8]:
    """Turn a sensor_msgs/Image, or anything with its fields, into RGB.

    Honours ``step`` and ``is_bigendian``; alpha is dropped; 16 bits are scaled to 8.

    Args:
        msg: The message.
        values: The dynamic range of the camera; None takes that of this image.

    Returns:
        (H, W, 3) uint8, contiguous, its own memory.

    Raises:
        ImageError: The message is malformed or its encoding does not hold colours.
    """
    width, height, step = (read_integer(msg, name) for name in ('width', 'height', 'step'))
    encoding = _known_encoding(getattr(msg, 'encoding', None))
    check_size(width, height)
    data = read_bytes(msg)
    try:
        if encoding in _PACKED:
            big = bool(read_integer(msg, 'is_bigendian'))
            pixels = _decode_packed(data, encoding, (width, height, step), big=big)
            return (values or DynamicRange()).to_eight_bits(pixels)
        return _decode_planes(data, encoding, (width, height, step))
    except cv2.error as error:
        text = f'OpenCV cannot convert this {width} x {height} image from {encoding}: {error}'
        raise ImageError(text) from None


def _known_encoding(encoding: Any) -> str:
    name = _ALIASES.get(encoding, encoding) if isinstance(encoding, str) else ''
    if name in ENCODINGS:
        return name
    if _MEASUREMENT.fullmatch(name):
        msg = (
            f'the encoding {encoding:.20} holds measurements (is it depth?) or unnamed channels, '
            "not colours: use the camera's colour or grey image topic"
        )
        raise ImageError(msg)
    msg = (
        f'the image encoding {encoding!r:.80} is unknown: set the camera driver to one of '
        'rgb8, bgr8, mono8, a Bayer or a YUV encoding of sensor_msgs/image_encodings'
    )
    raise ImageError(msg)


def _decode_packed(
    data: NDArray[np.uint8], encoding: str, size: tuple[int, int, int], *, big: bool
) -> NDArray[Any]:
    """Return RGB pixels (H, W, 3) of as many bits as the encoding has."""
    width, height, step = size
    layout = _PACKED[encoding]
    row = width * layout.channels * layout.sample
    _check_step(step, row, width, encoding)
    _check_length(data.size, step * height, f'{height} rows of {step} bytes (step)')
    if layout.channels == 2 and width % 2:
        msg = f'{encoding} shares colour between two pixels, so a width of {width} is impossible'
        raise ImageError(msg)
    if encoding.startswith('bayer') and min(width, height) < 3:
        msg = f'a Bayer image of {width} x {height} is too small for its colours to be found'
        raise ImageError(msg)
    rows = np.ascontiguousarray(data.reshape(height, step)[:, :row])
    pixels: NDArray[Any] = rows
    if layout.sample == 2:
        pixels = rows.view('>u2' if big else '<u2').astype(np.uint16)
    if layout.channels > 1:
        pixels = pixels.reshape(height, width, layout.channels)
    if layout.code != _SAME:
        return np.asarray(cv2.cvtColor(pixels, layout.code))
    return pixels.copy()


def _decode_planes(
    data: NDArray[np.uint8], encoding: str, size: tuple[int, int, int]
) -> NDArray[np.uint8]:
    """Decode a plane of luminance (step bytes a row) followed by one of interleaved colour."""
    width, height, step = size
    _check_step(step, width, width, encoding)
    full = encoding == _FULL_CHROMA
    if not full and (width % 2 or height % 2):
        msg = f'{encoding} shares colour among 2 x 2 pixels, so {width} x {height} is impossible'
        raise ImageError(msg)
    rows = 3 * height if full else 3 * height // 2
    if data.size == rows * width:
        step = width  # both planes without padding, whatever step says
    _check_length(data.size, rows * step, f'the {encoding} planes with rows of {step} bytes')
    if not full:
        planes = np.ascontiguousarray(data.reshape(rows, step)[:, :width])
        return np.asarray(cv2.cvtColor(planes, _HALF_CHROMA[encoding]), np.uint8)
    # OpenCV has no NV24. The same picture with every pixel doubled is valid YUYV: Y U Y V.
    doubled = np.empty((height, width, 2, 2), np.uint8)
    luminance, chroma = data[: step * height], data[step * height :]
    doubled[..., 0] = luminance.reshape(height, step)[:, :width, None]
    doubled[..., 1] = chroma.reshape(height, 2 * step)[:, : 2 * width].reshape(height, width, 2)
    rgb = cv2.cvtColor(doubled.reshape(height, 2 * width, 2), cv2.COLOR_YUV2RGB_YUY2)
    return np.ascontiguousarray(rgb[:, ::2])


def _check_step(step: int, row: int, width: int, encoding: str) -> None:
    if step < row:
        msg = (
            f'the image says its rows are {step} bytes long (step), but {width} pixels of '
            f'{encoding} take {row}: the camera driver must set step to the length of a row'
        )
        raise ImageError(msg)


def _check_length(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        how = 'truncated' if found < wanted else 'longer than its size says'
        msg = f'the image is {how}: {what} are {wanted} bytes, the message carries {found}'
        raise ImageError(msg)
