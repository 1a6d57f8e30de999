# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sources of training images: the protocol, the error, and sources of image files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.inputs.folders import images_in
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
        """Return a view of a place; see `PlaceSource.image`."""
        return ImageFile(self.path(place, view)).rgb


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
