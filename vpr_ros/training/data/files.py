# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image files of places that are numbered one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.inputs.frames import ImageFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class ImageFiles:
    """Places as lists of files, and areas as lists of places.

    Hundreds of thousands of names are kept as one array of bytes, which worker processes share;
    Python's own strings would be copied by each as it counts its references.

    Args:
        folder: Where the files are.
        areas: For each area, for each of its places, the names of the files in the folder.
    """

    def __init__(self, folder: Path, areas: Sequence[Sequence[Sequence[str]]]) -> None:
        self._folder = folder
        self.areas: list[range] = []
        counts, names = [0], []
        for area in areas:
            self.areas.append(range(len(counts) - 1, len(counts) - 1 + len(area)))
            for files in area:
                counts.append(len(files))
                names += [name.encode() for name in files]
        self._starts = np.cumsum(counts)
        self._names = np.array(names, np.bytes_)

    def views(self, place: int) -> int:
        """Return how many images there are of a place."""
        return int(self._starts[place + 1] - self._starts[place])

    def path(self, place: int, view: int) -> Path:
        """Return the file of a view."""
        if not 0 <= view < self.views(place):
            msg = f'view {view} of the {self.views(place)} of place {place}'
            raise IndexError(msg)
        name: bytes = self._names[self._starts[place] + view]
        return self._folder / name.decode()

    def image(self, place: int, view: int) -> NDArray[np.uint8]:
        """Return a view of a place, RGB (H, W, 3) uint8.

        Raises:
            ImageError: The file cannot be read.
        """
        return ImageFile(self.path(place, view)).rgb
