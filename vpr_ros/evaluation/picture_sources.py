# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the pictures of frames and places come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Pictures = Callable[[Collection[int]], Iterable[tuple[int, 'NDArray[np.uint8]']]]
"""Yields keys and their RGB pictures, in one pass through the source and in its order; a key
without a picture is left out."""


def by_another_key(pictures: Pictures, key_of: Callable[[int], int]) -> Pictures:
    """Return the same pictures by keys of which each stands for one of theirs."""

    def fetch(keys: Collection[int]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        wanted = defaultdict(list)
        for key in keys:
            wanted[key_of(key)].append(key)
        for other, picture in pictures(wanted):
            yield from ((key, picture) for key in wanted[other])

    return fetch
