# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""XFeat as a detector of local features, which match across light and seasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch
from torch.nn import functional

from vpr_ros.describe.runtime import available_cpus
from vpr_ros.localize.evidence import InlierRule
from vpr_ros.localize.verification.local_features import LocalFeatures, fitted_size
from vpr_ros.localize.verification.xfeat_runner import xfeat_runner
from vpr_ros.models.xfeat import STRIDE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from vpr_ros.localize.verification.xfeat_runner import XFeatBackend

_LONGEST = 480
"""Longer side of the pictures that the network sees; thumbnails are enlarged to it."""
_MOST = 1024
"""Keypoints kept of a picture, the best; half as many are too few at night."""
_LEAST_SHARE = 0.05
"""Probability that a pixel is a keypoint below which it is none, as published."""
_WINDOW = np.ones((5, 5), np.uint8)
"""Pixels around a keypoint that are no other."""
_LEAST_COSINE = 0.6
"""Of the descriptors of a match. Published is 0.82, with which too few are left at night."""
_SCALE = 254.0
"""Of descriptors as int8: hardly an entry of these unit vectors is above a half."""


class XFeatDetector:
    """Keypoints by the network of XFeat, matched as mutual nearest neighbours.

    Args:
        threads: Of ONNX Runtime; None for all processors of this process.
        backend: That computes the network.

    Raises:
        ModelError: The weights are missing or damaged, or the backend is not installed.
    """

    rule = InlierRule(f'xfeat-{_LONGEST}', least=100, chance=30)
    sigma = 0.75
    pose_floors = (0.3, 0.01)

    def __init__(self, threads: int | None = None, backend: XFeatBackend = 'auto') -> None:
        self._run = xfeat_runner(backend, threads or available_cpus())

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[LocalFeatures]:
        """Return the features of each RGB picture (H, W, 3); those of one size run in a batch."""
        found: list[LocalFeatures | None] = [None] * len(pictures)
        for rows, size in _by_shape(pictures):
            inner = tuple(max(STRIDE, round(side / STRIDE) * STRIDE) for side in size)
            batch = np.stack([_normalised(pictures[row], inner) for row in rows])
            maps = self._run(batch)
            for row, features, keypoints, reliability in zip(rows, *maps, strict=True):
                points, descriptors = _selected(features, keypoints.numpy(), reliability)
                # From pixel centres of the network's picture to those of one in the true ratio.
                scale = np.array(size) / inner
                pixels = ((points + 0.5) * scale - 0.5).astype(np.float32)
                found[row] = LocalFeatures(pixels, descriptors, size)
        return [each for each in found if each is not None]

    def match(self, a: LocalFeatures, b: LocalFeatures) -> NDArray[np.intp]:
        """Return (M, 2) rows of `a` and of `b` that are each other's most similar."""
        if not len(a.points) or not len(b.points):
            return np.empty((0, 2), np.intp)
        # By torch, which is set to the threads of the describer; numpy's library is not.
        first, second = (torch.from_numpy(each.descriptors).float() for each in (a, b))
        cosines = (first @ second.T).numpy()
        nearest = cosines.argmax(1)
        best = cosines[np.arange(len(nearest)), nearest]
        mutual = (best >= cosines.max(0)[nearest]) & (best >= _LEAST_COSINE * _SCALE**2)
        rows = np.flatnonzero(mutual)
        return np.column_stack([rows, nearest[rows]])


def _by_shape(
    pictures: Sequence[NDArray[np.uint8]],
) -> Iterator[tuple[list[int], tuple[int, int]]]:
    """Yield the rows of pictures of one size, and the size they are worked on in."""
    groups: dict[tuple[int, int], list[int]] = {}
    for row, picture in enumerate(pictures):
        height, width = picture.shape[:2]
        groups.setdefault(fitted_size(width, height, _LONGEST), []).append(row)
    for size, rows in groups.items():
        yield rows, size


def _normalised(rgb: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a picture in grey (1, H, W) with mean 0 and deviation 1."""
    grey = cv2.transform(rgb.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    way = cv2.INTER_AREA if size[0] < rgb.shape[1] else cv2.INTER_LINEAR
    grey = cv2.resize(grey, size, interpolation=way)
    mean, deviation = cv2.meanStdDev(grey)
    scale = 1 / np.sqrt(deviation[0, 0] ** 2 + 1e-5 * 255**2)
    return np.asarray((grey - mean[0, 0]) * scale, np.float32)[None]


def _selected(
    features: Tensor, keypoints: NDArray[np.float32], reliability: Tensor
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return positions (N, 2) of the best keypoints, in pixels, and their descriptors (N, 64)."""
    peaks = (keypoints == cv2.dilate(keypoints, _WINDOW)) & (keypoints > _LEAST_SHARE)
    rows, columns = np.divmod(np.flatnonzero(peaks), peaks.shape[1])
    extent = np.array(keypoints.shape[::-1], np.float32)
    points = np.column_stack([columns, rows]).astype(np.float32)
    scores = keypoints[peaks] * _sampled(reliability[None], points, extent, 'bilinear')[:, 0]
    best = np.argsort(-scores, kind='stable')[:_MOST]
    points = points[best]
    descriptors = _sampled(features, points, extent, 'bicubic')
    norms = np.linalg.norm(descriptors, axis=1, keepdims=True)
    small = np.rint(descriptors / np.maximum(norms, 1e-9) * _SCALE)
    points += _offsets(keypoints, rows[best], columns[best])
    return points, np.clip(small, -127, 127).astype(np.int8)


def _offsets(
    keypoints: NDArray[np.float32], rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return (N, 2) by how much keypoints lie beside their pixels: the centroid of 3 x 3."""
    padded = cv2.copyMakeBorder(keypoints, 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    steps = np.arange(3)
    windows = padded[rows[:, None, None] + steps[:, None], columns[:, None, None] + steps]
    along, down = windows.sum(1), windows.sum(2)
    moments = np.column_stack([along[:, 2] - along[:, 0], down[:, 2] - down[:, 0]])
    return np.asarray(moments / along.sum(1, keepdims=True), np.float32)


def _sampled(
    values: Tensor, points: NDArray[np.float32], extent: NDArray[np.float32], mode: str
) -> NDArray[np.float32]:
    """Return (N, C) interpolated values (C, h, w) at pixels (N, 2) of a picture, as published."""
    grid = torch.from_numpy(2 * points / (extent - 1) - 1)
    with torch.inference_mode():
        found = functional.grid_sample(
            values[None], grid[None, None], mode=mode, align_corners=False
        )
    return np.asarray(found[0, :, 0].T.numpy(), np.float32)
