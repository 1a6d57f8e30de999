# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every source of training images can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
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
