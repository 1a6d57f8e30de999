# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kind and size of an encoded image, from its header, before anything is decoded."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, NamedTuple

from vpr_ros.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

JPEG, PNG, TIFF, BMP, WEBP, PNM = 'JPEG', 'PNG', 'TIFF', 'BMP', 'WebP', 'PNM'

_PNG = b'\x89PNG\r\n\x1a\n'
_PNG_END = b'IEND\xaeB`\x82'
_JPEG_END = b'\xff\xd9'
_JPEG_SCAN = 0xDA
_FEW_SCANS = 16
"""Scans of a progressive JPEG; most programs write 10."""
_MOST_SCANNED = 1 << 30
"""Pixels that more scans may go over, again and again: two seconds."""
_JPEG_SIZE = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD8)})
_TIFF_SIZE = {256: 0, 257: 1, 322: 2, 323: 3}
"""TIFF tags: image width and length, tile width and length."""
_BMP_CORE = 12
"""Bytes of the header of OS/2, whose sizes are shorter."""
_PNM_HEADER = re.compile(rb'P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s')


class Claim(NamedTuple):
    """What an encoded image says of itself: its kind, and width and height in pixels."""

    kind: str
    width: int
    height: int


def claim_of(data: bytes) -> Claim | None:
    """Return what an encoded image claims, None where it is of no kind that is known here.

    Raises:
        ImageError: The header is damaged, or the file is cut short.
    """
    for starts, kind, size in _KINDS:
        if data.startswith(starts) and (kind != WEBP or data[8:12] == b'WEBP'):
            try:
                return Claim(kind, *size(data))
            except (struct.error, IndexError):
                text = f'the header of the {kind} image is damaged or cut short'
                raise ImageError(text) from None
    return None


def _png_size(data: bytes) -> tuple[int, int]:
    if _PNG_END not in data:
        raise _truncated(PNG)
    width, height = struct.unpack_from('>II', data, 16)
    return width, height


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
        raise _truncated(JPEG)
    # Data never look like a marker.
    scans = data.count(bytes((0xFF, _JPEG_SCAN)), at)
    if scans > _FEW_SCANS and scans * size[0] * size[1] > _MOST_SCANNED:
        text = (
            f'the JPEG image has {scans} scans of {size[0]} x {size[1]} pixels, which would take '
            'long and which no camera makes'
        )
        raise ImageError(text)
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


def _bmp_size(data: bytes) -> tuple[int, int]:
    (header,) = struct.unpack_from('<I', data, 14)
    width, height = struct.unpack_from('<HH' if header == _BMP_CORE else '<ii', data, 18)
    return width, abs(height)  # Negative where the first row is the top one.


def _webp_size(data: bytes) -> tuple[int, int]:
    kind = data[12:16]
    if kind == b'VP8X':
        canvas = data[24:30] + bytes(30)
        width, height = (int.from_bytes(canvas[i : i + 3], 'little') + 1 for i in (0, 3))
        return width, height
    if kind == b'VP8L':
        (bits,) = struct.unpack_from('<I', data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from('<HH', data, 26)
    return width & 0x3FFF, height & 0x3FFF


def _pnm_size(data: bytes) -> tuple[int, int]:
    match = _PNM_HEADER.match(data[:4096])
    if match is None:
        raise IndexError
    return int(match[1]), int(match[2])


def _truncated(kind: str) -> ImageError:
    text = f'the {kind} image is truncated, its end is missing: check the transport, cable or copy'
    return ImageError(text)


_KINDS: tuple[tuple[bytes | tuple[bytes, ...], str, Callable[[bytes], tuple[int, int]]], ...] = (
    (b'\xff\xd8', JPEG, _jpeg_size),
    (_PNG, PNG, _png_size),
    ((b'II*\0', b'MM\0*'), TIFF, _tiff_size),
    (b'BM', BMP, _bmp_size),
    (b'RIFF', WEBP, _webp_size),
    (tuple(b'P%d' % number for number in range(1, 7)), PNM, _pnm_size),
)
