# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Unlabelled photographs: every one is a place of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.inputs.folders import images_in
from vpr_ros.inputs.frames import ImageFile

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_TALLEST, _WIDEST = 3 / 4, 4 / 3
"""Ratios of the sides between which crops are drawn."""


class Photographs:
    """The photographs of a folder and the folders in it.

    The first view of each is the whole picture, the others are crops of it: the same for the same
    photograph, whichever folder it lies in. Files are decoded when asked for, which for small
    photographs is faster than anything that is done with them afterwards.

    Args:
        folder: Images of any size.
        crops: How many crops of each there are beside the whole.
        smallest: Share of the area that a crop keeps at least, (0, 1].

    Raises:
        FolderError: There are no images.
    """

    def __init__(self, folder: Path, crops: int = 0, smallest: float = 0.35) -> None:
        if crops < 0 or not 0 < smallest <= 1:
            msg = f'crops must not be negative and smallest in (0, 1], not {crops} and {smallest}'
            raise ValueError(msg)
        self._paths = images_in(folder)
        self._crops = crops
        self._smallest = smallest
        self.areas = [range(len(self._paths))]

    def views(self, place: int) -> int:  # noqa: ARG002  All have as many.
        """Return how many images there are of a photograph: the whole and its crops."""
        return 1 + self._crops

    def image(self, place: int, view: int) -> NDArray[np.uint8]:
        """Return the photograph (view 0) or a crop of it, RGB (H, W, 3) uint8.

        Raises:
            ImageError: The file cannot be read.
        """
        whole = ImageFile(self._paths[place]).rgb
        if view == 0:
            return whole
        rng = np.random.default_rng([place, view])
        height, width = whole.shape[:2]
        area = rng.uniform(self._smallest, 1) * height * width
        # Uniform in the logarithm: wide crops are as likely as tall ones.
        ratio = width / height * np.exp(rng.uniform(np.log(_TALLEST), np.log(_WIDEST)))
        w = int(np.clip(round(np.sqrt(area * ratio)), 1, width))
        h = int(np.clip(round(np.sqrt(area / ratio)), 1, height))
        x, y = int(rng.integers(width - w + 1)), int(rng.integers(height - h + 1))
        return np.ascontiguousarray(whole[y : y + h, x : x + w])
