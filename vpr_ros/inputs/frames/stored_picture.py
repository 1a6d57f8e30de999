# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Encoded pictures that are no files of their own, such as those in a database."""

from __future__ import annotations

from functools import cached_property
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames.compressed import decode_compressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


class StoredPicture:
    """A JPEG, PNG or TIFF inside something else; read when its pixels are asked for.

    Args:
        name: Of the picture, for messages.
        read: Returns the encoded picture.
        stamp: When it was taken, nanoseconds.
        camera: Name of the camera; empty where there is only one.
        part: Index and number of the cameras whose views are side by side in the picture.
    """

    def __init__(
        self,
        name: str,
        read: Callable[[], bytes],
        stamp: int = 0,
        camera: str = '',
        part: tuple[int, int] = (0, 1),
    ) -> None:
        self.name = name
        self.stamp = stamp
        self.camera = camera
        self._read = read
        self._part = part

    @cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, of one camera.

        Raises:
            VprError: The picture, which the message names, cannot be read or decoded.
        """
        try:
            rgb = decode_compressed(SimpleNamespace(format='', data=self._read()))
        except ImageError as error:
            msg = f'{self.name}: {error}'
            raise ImageError(msg) from error
        index, count = self._part
        width = rgb.shape[1] // count
        if not width:
            msg = f'{self.name}: the views of {count} cameras cannot be side by side in it'
            raise ImageError(msg)
        return np.ascontiguousarray(rgb[:, index * width : (index + 1) * width])
