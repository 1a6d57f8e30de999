# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Batches of P places with K views each, that depend on nothing but the seed and their number."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from vpr_ros.describe.preprocess import resize
from vpr_ros.training.data.source import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from vpr_ros.training.data.source import PlaceSource

_GOLDEN = (5**0.5 - 1) / 2


class PlaceBatch(NamedTuple):
    """Images of places, K views of one place after the other.

    Attributes:
        images: (P·K, 3, S, S) uint8 RGB, resized as in use but not normalised.
        places: (P·K,) int64, unique over all sources.
        views: (P·K,) int64, which view of the place each image is.
    """

    images: Tensor
    places: Tensor
    views: Tensor


def batch_loader(batches: Batches, *, first: int, workers: int) -> DataLoader[PlaceBatch]:
    """Load the batches from a number on.

    Args:
        batches: All of them.
        first: Number of the first batch: to go on after n batches give n.
        workers: Processes that prepare batches, each with one thread; 0 does it in this one. The
            batches are the same. With any, OpenCV keeps to one thread in this process, too.
    """
    if workers:
        # Workers are forks without the threads of OpenCV's pool, and would wait for them for ever
        # once they use or change it. It must be gone before they are made.
        cv2.setNumThreads(1)
    numbers = range(first, len(batches))
    return DataLoader(batches, batch_size=None, sampler=numbers, num_workers=workers)


class Batches(Dataset[PlaceBatch]):
    """All batches of a seed by their numbers.

    Each batch holds places of one area of one source. A source is gone through in rounds: in each,
    its areas are shuffled and cut into batches of P anew, and the rest waits for another
    round. An area of fewer than P places makes one smaller batch of them all. The sources take
    turns so evenly that after any number of batches none is more than a few behind its share.

    Args:
        sources: With the share of the batches that comes from each; need not add up to one.
        places: P, places in a batch.
        views: K, views of a place; drawn without replacement where it has as many, and where it
            has fewer all of them, over again.
        size: S, side of the images in pixels.
        seed: Another seed is another sequence of batches.
        upto: How many batches.

    Raises:
        TrainingDataError: There is no source, a source is empty, or a share is not positive.
    """

    def __init__(
        self,
        sources: Sequence[tuple[PlaceSource, float]],
        *,
        places: int,
        views: int,
        size: int,
        seed: int,
        upto: int,
    ) -> None:
        shares = np.array([share for _, share in sources], np.float64)
        if not len(shares) or not (np.isfinite(shares).all() and (shares > 0).all()):
            msg = f'the shares of the sources must be positive numbers, not {shares.tolist()}'
            raise TrainingDataError(msg)
        if min(places, views, size) < 1:
            msg = f'places, views and size must be positive, not {places}, {views} and {size}'
            raise TrainingDataError(msg)
        self._sources = [source for source, _ in sources]
        self._views = views
        self._size = size
        self._seed = seed
        self._rounds = [
            _Rounds(source.areas, places, (seed, i)) for i, source in enumerate(self._sources)
        ]
        highest = [max(max(area) for area in r.areas) for r in self._rounds]
        self._first_ids = np.cumsum([0, *(top + 1 for top in highest)])
        self._turns = _turns(shares / shares.sum(), seed, upto)
        self._ordinals = np.empty_like(self._turns)
        for i in range(len(shares)):
            mine = self._turns == i
            self._ordinals[mine] = np.arange(np.count_nonzero(mine))

    def __len__(self) -> int:
        return len(self._turns)

    def __getitem__(self, number: int) -> PlaceBatch:
        chosen = self.choice(number)
        source = self._sources[int(self._turns[number])]
        images = resize([source.image(*pair) for pair in chosen.tolist()], self._size)
        places, views = torch.from_numpy(chosen).unbind(1)
        offset = int(self._first_ids[self._turns[number]])
        return PlaceBatch(images, places + offset, views.clone())

    def choice(self, number: int) -> NDArray[np.int64]:
        """Return (P·K, 2) the places, by the ids of the source, and views of a batch."""
        which = int(self._turns[number])
        source = self._sources[which]
        places = self._rounds[which].batch(int(self._ordinals[number]))
        rng = np.random.default_rng([self._seed, 1, number])
        return np.array(
            [
                (place, view)
                for place in places.tolist()
                for view in _draw(rng, source.views(place), self._views)
            ],
            np.int64,
        )


class _Rounds:
    """The places of one source, cut into batches again and again.

    Args:
        areas: Places that may share a batch.
        places: P.
        seed: Of the shuffling.
    """

    def __init__(self, areas: Sequence[Sequence[int]], places: int, seed: tuple[int, int]) -> None:
        self.areas = [np.asarray(area, np.int64) for area in areas if len(area)]
        if not self.areas:
            msg = 'a source of training images holds no places'
            raise TrainingDataError(msg)
        self._places = places
        self._seed = seed
        self._length = sum(max(1, len(area) // places) for area in self.areas)
        self._round = lru_cache(maxsize=2)(self._shuffled)

    def __reduce__(self) -> tuple[type[_Rounds], tuple[object, ...]]:
        # The cache is for this process alone.
        return _Rounds, (self.areas, self._places, self._seed)

    def batch(self, ordinal: int) -> NDArray[np.int64]:
        """Return the places of the batch with this number among those of the source."""
        return self._round(ordinal // self._length)[ordinal % self._length]

    def _shuffled(self, number: int) -> list[NDArray[np.int64]]:
        rng = np.random.default_rng([*self._seed, 2, number])
        batches: list[NDArray[np.int64]] = []
        for area in self.areas:
            order = rng.permutation(area)
            full = max(1, len(order) // self._places)
            batches += [order[i * self._places : (i + 1) * self._places] for i in range(full)]
        return [batches[i] for i in rng.permutation(len(batches))]


def _turns(shares: NDArray[np.float64], seed: int, count: int) -> NDArray[np.int64]:
    """Return (count,) which source each batch comes from.

    Multiples of the golden ratio fill [0, 1) more evenly than random numbers and without a period.
    """
    start = np.random.default_rng([seed, 3]).random()
    positions = (start + _GOLDEN * np.arange(count)) % 1
    turns = np.searchsorted(np.cumsum(shares), positions, side='right')
    return np.minimum(turns, len(shares) - 1).astype(np.int64)


def _draw(rng: np.random.Generator, there: int, wanted: int) -> list[int]:
    """Return so many of the views that are there, none more often than it must be."""
    whole, rest = divmod(wanted, there)
    over_again = [*range(there)] * whole
    drawn: list[int] = rng.permutation(
        over_again + rng.permutation(there)[:rest].tolist()
    ).tolist()
    return drawn


_GAP = 4


def write_grid(path: Path, rows: Sequence[Tensor]) -> None:
    """Write rows of images (N, 3, S, S), RGB, 0 to 1, below each other as a PNG file."""
    padded = [
        torch.nn.functional.pad(row.float().cpu(), (0, _GAP, 0, _GAP), value=1.0) for row in rows
    ]
    lines = [torch.cat(list(row), dim=2) for row in padded]
    pixels = torch.cat(lines, dim=1).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    _, encoded = cv2.imencode('.png', np.ascontiguousarray(pixels[..., ::-1]))
    path.write_bytes(encoded.tobytes())
