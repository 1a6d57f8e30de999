# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SIFT, a detector of local features without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.inputs.frames.thumbnail_codec import shrunk
from vpr_ros.localize.evidence import InlierRule
from vpr_ros.localize.verification.local_features import LocalFeatures
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MOST = 1000
"""Keypoints kept of a picture, the strongest."""
_RATIO = 0.8
"""A match must be so much nearer than the second best (Lowe, IJCV 2004, section 7.1)."""


class SiftDetector:
    """SIFT with the square root kernel, or ORB where this OpenCV was built without it.

    The square root turns Euclidean distance into Hellinger's (Arandjelovic and Zisserman, Three
    things everyone should know to improve object retrieval, CVPR 2012).

    Args:
        sift: False for ORB, which is faster and finds fewer correct pairs.
    """

    rule = InlierRule(f'sift-{THUMBNAIL_SIZE}', least=10, chance=5)
    sigma = 0.75
    pose_floors = (0.15, 0.005)

    def __init__(self, *, sift: bool = True) -> None:
        self._sift = sift and hasattr(cv2, 'SIFT_create')
        # Dark images have few corners at the usual contrast threshold of 0.04.
        self._detector: Any = (
            cv2.SIFT_create(_MOST, contrastThreshold=0.02)  # type: ignore[attr-defined]
            if self._sift
            else cv2.ORB_create(_MOST, fastThreshold=7)  # type: ignore[attr-defined]
        )
        self._matcher = cv2.BFMatcher(cv2.NORM_L2 if self._sift else cv2.NORM_HAMMING)

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[LocalFeatures]:
        """Return the features of each RGB picture (H, W, 3), shrunk to a thumbnail's size."""
        return [self._features(shrunk(picture, THUMBNAIL_SIZE)) for picture in pictures]

    def _features(self, rgb: NDArray[np.uint8]) -> LocalFeatures:
        grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
        keypoints, descriptors = self._detector.detectAndCompute(grey, None)
        points = np.array([k.pt for k in keypoints], np.float32).reshape(-1, 2)
        if descriptors is None:
            descriptors = np.empty((0, 128 if self._sift else 32), np.uint8)
        if self._sift:
            sums = np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9)
            descriptors = np.sqrt(descriptors / sums).astype(np.float32)
        return LocalFeatures(points, descriptors, (rgb.shape[1], rgb.shape[0]))

    def match(self, a: LocalFeatures, b: LocalFeatures, ratio: float = _RATIO) -> NDArray[np.intp]:
        """Return (M, 2) rows of `a` and of `b` that match, each of `b` once.

        A pair passes if its distance is below `ratio` times that to the second best.
        """
        if len(a.points) < 2 or len(b.points) < 2:
            return np.empty((0, 2), np.intp)
        best: dict[int, tuple[float, int]] = {}
        for first, second in self._matcher.knnMatch(a.descriptors, b.descriptors, k=2):
            known = best.get(first.trainIdx, (np.inf, -1))
            if first.distance < ratio * second.distance and first.distance < known[0]:
                best[first.trainIdx] = first.distance, first.queryIdx
        pairs = sorted((row, train) for train, (_, row) in best.items())
        return np.array(pairs, np.intp).reshape(-1, 2)
