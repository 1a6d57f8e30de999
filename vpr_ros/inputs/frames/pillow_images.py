# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images that OpenCV does not read everywhere, by Pillow where it is installed: HEIC above all."""

from __future__ import annotations

import functools
import importlib
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.pixels import MOST_PIXELS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_PLUGINS = 'pi_heif', 'pillow_heif'
"""Packages that teach Pillow to read HEIC; the first only reads, the second has an encoder."""
_HEADS = {b'GIF8': 'GIF', b'\0\0\0\x0cjP  ': 'JPEG2000', b'\xff\x4f\xff\x51': 'JPEG2000'}
_AVIF = b'avif', b'avis'
_HEIC = b'heic', b'heix', b'hevc', b'hevx', b'heim', b'heis', b'mif1', b'msf1'
"""Brands of ISO base media files that hold pictures."""
_PACKAGES = {'HEIF': "'vpr_ros[heif]'", 'AVIF': "'Pillow>=11.3'"}


@functools.cache
def pillow() -> Any:
    """Return the module PIL.Image, which reads HEIC if a plugin is there; None without Pillow."""
    try:
        image: Any = importlib.import_module('PIL.Image')
    except ImportError:
        return None
    for name in _PLUGINS:
        try:
            importlib.import_module(name).register_heif_opener()
        except ImportError:
            continue
        break
    image.init()
    image.MAX_IMAGE_PIXELS = MOST_PIXELS
    return image


def open_by_pillow(data: bytes) -> Image:
    """Return an encoded image of which only the header is read.

    Raises:
        ImageError: It is of no known kind, damaged, or needs packages that are not installed.
    """
    module = pillow()
    kind = _kind_of(data)
    if kind is None:
        text = 'the file is no image of a kind that is read (JPEG, PNG, TIFF, WebP, BMP, HEIC …)'
        raise ImageError(text)
    if module is None or kind not in module.OPEN:
        package = _PACKAGES.get(kind, 'Pillow')
        text = f'what reads {kind} images is not installed: pip install {package}'
        raise ImageError(text)
    try:
        image: Image = module.open(BytesIO(data), formats=[kind])
    except Exception as error:  # Plugins raise all kinds on damaged files.
        text = f'the {kind} image is damaged or too large: {error}'
        raise ImageError(text) from error
    return image


def pixels_of(image: Image) -> NDArray[Any]:
    """Return an opened image, turned upright: RGB (H, W, 3) uint8, or grey (H, W) uint16.

    Raises:
        ImageError: It is damaged.
    """
    from PIL import ImageOps  # noqa: PLC0415  An extra.

    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith('I;16'):
            return np.asarray(upright).astype(np.uint16)
        return np.array(upright.convert('RGB'))
    except Exception as error:  # As above.
        text = f'the {image.format} image is damaged: {error}'
        raise ImageError(text) from error


def _kind_of(data: bytes) -> str | None:
    """Return Pillow's name of the format of an encoded image, None if none is known."""
    if data[4:8] == b'ftyp':
        brands = {data[i : i + 4] for i in range(8, min(len(data), 64), 4)}
        if not brands.isdisjoint(_AVIF):
            return 'AVIF'
        return None if brands.isdisjoint(_HEIC) else 'HEIF'
    return next((kind for head, kind in _HEADS.items() if data.startswith(head)), None)
