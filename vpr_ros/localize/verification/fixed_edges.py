# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a camera shows wherever it is: a bonnet, a gripper, dirt on the lens, burnt-in text.

Such things match in pictures of any two places, at the same pixels, and would verify all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.localize.verification.local_features import LocalFeatures
    from vpr_ros.maps.columns import Columns

_SAMPLE, _LEAST = 32, 4
"""Most and least pictures that are compared."""
_LOOKED_AT = 2000
"""Places, at most, among which they are chosen."""
_APART = 10.0
"""Metres between two of them, so that they show nothing in common but the camera's own."""
_DEVIATIONS, _COHERENCE = 3.0, 0.8
"""An edge is fixed if its gradients add up to this many times what random ones would, or, of few
pictures, to this share of what equal ones do."""
_FAINT = 24.0
"""Length of Sobel's gradient, grey levels, below which an edge counts less."""
_CLEAR = 0.6
"""Share of that length that the mean of the gradients of a fixed edge has. The sky is everywhere
brighter towards the horizon, which is no edge, and its clouds tell the heading."""
_STAYS = 4.0
"""Pixels within which a keypoint is where it was, and within which it belongs to an edge."""


class FixedEdges:
    """Where the pictures of one camera have the same edges in all places.

    Args:
        pictures: (H, W, 3) RGB of places that have nothing in common; those of another size than
            the first are left out, and fewer than four tell nothing.
    """

    def __init__(self, pictures: Sequence[NDArray[np.uint8]]) -> None:
        self._mask: NDArray[np.bool_] | None = None
        self._sized: dict[tuple[int, int], NDArray[np.bool_]] = {}
        alike = [each for each in pictures if each.shape == pictures[0].shape]
        count = len(alike)
        if count < _LEAST:
            return
        gradients = np.array([_gradient(each) for each in alike])
        together = np.linalg.norm(gradients.sum(0), axis=-1)
        random = np.sqrt((gradients**2).sum(axis=(0, -1)))
        most = min(_DEVIATIONS, _COHERENCE * np.sqrt(count))
        self._mask = (together >= most * random) & (together >= count * _CLEAR)

    def without(
        self, query: LocalFeatures, place: LocalFeatures, matches: NDArray[np.intp]
    ) -> NDArray[np.intp]:
        """Return the matches (M, 2) that are not at the same fixed edge in both pictures."""
        if self._mask is None or query.size != place.size or not len(matches):
            return matches
        points, others = query.points[matches[:, 0]], place.points[matches[:, 1]]
        still = np.abs(points - others).max(axis=1) <= _STAYS
        columns, rows = np.clip(np.round(points), 0, np.array(query.size) - 1).astype(int).T
        return np.asarray(matches[~(still & self._near(query.size)[rows, columns])])

    def _near(self, size: tuple[int, int]) -> NDArray[np.bool_]:
        """Return which pixels of a picture of a size, width and height, are at a fixed edge."""
        if size not in self._sized and self._mask is not None:
            mask = cv2.resize(self._mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
            side = 2 * round(_STAYS) + 1
            self._sized[size] = cv2.dilate(mask, np.ones((side, side), np.uint8)) > 0
        return self._sized[size]


def sampled_places(columns: Columns, session: int, camera: int) -> list[int]:
    """Return ids of some places of a session and camera, far from each other, as they were driven.

    Args:
        columns: Of the map.
        session: Its identity.
        camera: Its identity.
    """
    rows = np.flatnonzero((columns.cameras == camera) & (columns.sessions == session))
    rows = rows[:: len(rows) // _LOOKED_AT + 1]
    positions = columns.poses[rows, :3]
    chosen: list[int] = []
    for i in range(len(rows)):
        # The distance to a place without a pose is not known, and is not near.
        if not chosen or not np.linalg.norm(positions[i] - positions[chosen[-1]]) < _APART:
            chosen.append(i)
    ids = columns.ids[rows[chosen]]
    spread = np.linspace(0, len(ids) - 1, min(_SAMPLE, len(ids))).astype(np.intp)
    return [int(key) for key in ids[spread]]


def _gradient(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the gradient (H, W, 2) of a picture, no longer than 1."""
    grey = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (0, 0), 1.0)
    parts = [cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
    gradient = np.stack(parts, axis=-1)
    length = np.linalg.norm(gradient, axis=-1, keepdims=True)
    return np.asarray(gradient / np.maximum(length, _FAINT), np.float32)
