# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads image files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.compressed import decode_compressed

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

SUFFIXES = frozenset({'.jpg', '.jpeg', '.png', '.tif', '.tiff'})
"""Of the files that can be read, in lower case."""


class ImageFile:
    """A JPEG, PNG or TIFF file, turned upright; read when its pixels are asked for.

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
            ImageError: The file cannot be read, or no picture can be made of it.
        """
        try:
            data = self.path.read_bytes()
        except OSError as error:
            msg = f'it cannot be read: {error.strerror}'
            raise ImageError(msg) from error
        file = SimpleNamespace(format=self.path.suffix[1:].lower(), data=data)
        return decode_compressed(file, upright=True)
