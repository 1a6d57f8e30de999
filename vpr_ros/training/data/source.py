# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sources of training images: the protocol, the error, and sources of image files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.inputs.frames import ImageFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class TrainingDataError(VprError):
    """Training data that is missing, or not laid out or described as it has to be."""


class PlaceSource(Protocol):
    """Images grouped into places, and places into areas.

    Places of different areas may show the same thing, so they never share a batch: a pair of them
    would be trained apart. Places of one area are all different. The same place and view are the
    same image at any time and in any process.
    """

    @property
    def areas(self) -> Sequence[Sequence[int]]:
        """The places of each area; their ids are not negative and unique over the source."""

    def views(self, place: int) -> int:
        """Return how many images there are of a place, at least one."""

    def image(self, place: int, view: int) -> NDArray[np.uint8]:
        """Return a view of a place, RGB (H, W, 3) uint8.

        Raises:
            ImageError: The file cannot be read.
        """


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
