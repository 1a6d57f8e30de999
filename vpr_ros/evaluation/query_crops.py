# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Square crops of queries, as the benchmark of Berton et al. (CVPR 2022) tests with them.

Of its five crops, those at the corners and the centre of the image, two and two are the same, for
their side is the shorter one of the image: here they are three, and the outer ones count twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from vpr_ros.evaluation.dataset_search import Ranking
from vpr_ros.evaluation.description_store import Descriptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

TestMethod: TypeAlias = Literal['hard-resize', 'central-crop', 'five-crops', 'nearest-crop']
"""How a query becomes the network's input: resized as it is, its centre, the mean of the
descriptors of five crops, or the nearest of five crops."""

_VOTES = np.array([2, 2, 1])


@dataclass(frozen=True)
class Square:
    """The largest square of an image, from 0 to 1 of its longer side."""

    where: float

    @property
    def name(self) -> str:
        """Identity of the part."""
        return f'square-{self.where:g}'

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the square (S, S, 3) of an image (H, W, 3)."""
        height, width = rgb.shape[:2]
        side = min(height, width)
        top, left = round(self.where * (height - side)), round(self.where * (width - side))
        return rgb[top : top + side, left : left + side]


_OUTER = Square(0.0), Square(1.0), Square(0.5)
CROPS: dict[TestMethod, tuple[Square, ...]] = {
    'hard-resize': (),
    'central-crop': (Square(0.5),),
    'five-crops': _OUTER,
    'nearest-crop': _OUTER,
}
"""What is described of a query."""


class CropMeans(Descriptions):
    """Descriptions of images as the means of those of their crops.

    Codes are those that most of the crops have, bit by bit.

    Args:
        crops: Of the crops, those of an image one behind the other.
    """

    def __init__(self, crops: Descriptions) -> None:
        self._crops = crops
        count = len(crops) // len(_VOTES)
        self.readable = np.asarray(crops.readable.reshape(count, -1).all(1))
        self.seconds = crops.seconds.reshape(count, -1).sum(1)
        self.bytes = crops.bytes
        self.codes = None
        if crops.codes is not None:
            bits = np.unpackbits(crops.codes, axis=1).reshape(count, len(_VOTES), -1)
            votes = np.einsum('c,qcb->qb', _VOTES, bits.astype(np.int64))
            self.codes = np.packbits(2 * votes > _VOTES.sum(), axis=1)

    @property
    def dim(self) -> int:
        """Length of a descriptor."""
        return self._crops.dim

    def rows(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Read descriptors (n, D); they are shorter than one."""
        chosen = np.arange(len(self))[rows]
        every = (len(_VOTES) * chosen[:, None] + np.arange(len(_VOTES))).ravel()
        found = self._crops.rows(every).reshape(len(chosen), len(_VOTES), -1)
        weights = (_VOTES / _VOTES.sum()).astype(np.float32)
        return np.asarray(np.einsum('c,qcd->qd', weights, found), np.float32)


def nearest_of_crops(ranking: Ranking) -> Ranking:
    """Return the answers to images from those to their crops: each by its nearest crop."""
    crops = len(_VOTES)
    number = ranking.rows.shape[1]
    rows = ranking.rows.reshape(-1, crops * number)
    scores = ranking.scores.reshape(-1, crops * number)
    found = np.full((len(rows), number), -1, np.int64)
    values = np.full((len(rows), number), np.nan, np.float32)
    for query, (places, likeness) in enumerate(zip(rows, scores, strict=True)):
        order = np.lexsort((places, -np.nan_to_num(likeness, nan=-np.inf)))
        order = order[places[order] >= 0]
        _, first = np.unique(places[order], return_index=True)
        best = order[np.sort(first)][:number]
        found[query, : len(best)], values[query, : len(best)] = places[best], likeness[best]
    return Ranking(found, values, crops * ranking.seconds)
