# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files to RGB, as people have them: of many kinds, turned, and of any size."""

from __future__ import annotations

import math
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.errors import ImageError, reason_of
from vpr_ros.inputs.frames.compressed import as_rgb, decoded
from vpr_ros.inputs.frames.image_size import JPEG, claim_of
from vpr_ros.inputs.frames.pillow_images import open_by_pillow, pixels_of
from vpr_ros.inputs.frames.pixels import MAX_PIXELS, MOST_PIXELS

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

_OPENCV = {'bmp', 'dib', 'jfif', 'jpe', 'jpeg', 'jpg', 'pbm', 'pgm', 'png', 'pnm', 'ppm', 'tif'}
_OPENCV |= {'tiff', 'webp'}
_PILLOW = {'avif', 'gif', 'heic', 'heif', 'hif', 'jp2'}
SUFFIXES = frozenset(f'.{kind}' for kind in _OPENCV | _PILLOW)
"""Of the files that can be read, in lower case; some need Pillow and pi-heif."""
_MOST_BYTES = 2**31


class ImageFile:
    """An image file, turned upright; read when its pixels are asked for.

    JPEG, PNG, TIFF, BMP, WebP and PNM; with Pillow GIF, JPEG 2000 and AVIF; with pi-heif HEIC too.
    Images larger than ``MAX_PIXELS`` are reduced, which a network of a few hundred pixels does not
    see.

    Args:
        path: The file.
        stamp: When the image was taken, nanoseconds.

    Attributes:
        camera: Empty: a file names no camera.
    """

    camera = ''

    def __init__(self, path: str | os.PathLike[str], stamp: int = 0) -> None:
        self.path = Path(path)
        self.stamp = stamp

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB.

        Raises:
            ImageError: The file, which the message names, cannot be read or decoded.
        """
        try:
            return _decode(_bytes_of(self.path))
        except OSError as error:
            msg = f'{self.path}: it cannot be read: {reason_of(error)}'
            raise ImageError(msg) from error
        except ImageError as error:
            msg = f'{self.path}: {error}'
            raise ImageError(msg) from error


def _bytes_of(path: Path) -> bytes:
    size = path.stat().st_size
    if path.is_file() and not 0 < size <= _MOST_BYTES:
        msg = 'the file is empty' if not size else f'the file has {size} bytes: that is no image'
        raise ImageError(msg)
    return path.read_bytes()


def _decode(data: bytes) -> NDArray[np.uint8]:
    claim = claim_of(data)
    if claim is None:
        image = open_by_pillow(data)
        _check_size(*image.size)
        return as_rgb(_reduced(pixels_of(image)), swapped=False)
    _check_size(claim.width, claim.height)
    flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    # The other kinds can only be decoded whole and then reduced.
    if claim.kind == JPEG and claim.width * claim.height > MAX_PIXELS:
        halved = claim.width * claim.height <= 4 * MAX_PIXELS
        flags = cv2.IMREAD_REDUCED_COLOR_2 if halved else cv2.IMREAD_REDUCED_COLOR_4
    return as_rgb(_reduced(decoded(np.frombuffer(data, np.uint8), flags)))


def _check_size(width: int, height: int) -> None:
    if width <= 0 or height <= 0:
        msg = f'the image is {width} x {height}, it has no pixels'
        raise ImageError(msg)
    if width * height > MOST_PIXELS:
        msg = (
            f'the image claims {width} x {height} pixels, more than the {MOST_PIXELS} that are '
            'read: make it smaller, or fetch it again if it is damaged'
        )
        raise ImageError(msg)


def _reduced(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return an image of ``MAX_PIXELS`` at most."""
    height, width = pixels.shape[:2]
    if width * height <= MAX_PIXELS:
        return pixels
    factor = math.sqrt(MAX_PIXELS / (width * height))
    size = max(1, int(width * factor)), max(1, int(height * factor))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
