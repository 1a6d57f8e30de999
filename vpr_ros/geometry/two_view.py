# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two-view geometry: checks that matched points of two pictures come from one rigid scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry.pinhole import Pinhole

_LEAST = 8
"""Pairs below which a geometry explains anything."""
_SEED = 7
_STRIDES = (2, 3, 4, 5, 7)
"""Each point is paired with those at half, a third, … of the row of points further on."""
_LEAST_APART = 0.04
"""Distance of two points whose ratio means something, as a part of the picture's longer side."""


@dataclass(frozen=True, eq=False)
class TwoView:
    """The epipolar geometry that most pairs agree with.

    Attributes:
        inliers: (M,) whether each pair agrees.
        rotation: (3, 3) from the first camera's optical frame to the second's, or None where the
            intrinsics are not known.
        direction: (3,) unit vector to the first camera from the second, in the second's optical
            frame; how far away it is cannot be told. It means little where the cameras nearly
            coincide. None as the rotation.
        deformation: Median size of the logarithm of the ratio of distances between points of one
            picture and of the other; 0 where one is the other, shifted or turned, 1 and more where
            they have nothing in common. It grows with the distance between the cameras, whatever
            the season: near things grow, far ones stay.
    """

    inliers: NDArray[np.bool_]
    rotation: NDArray[np.float64] | None = None
    direction: NDArray[np.float64] | None = None
    deformation: float = 1.0


def relate(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    size: tuple[int, int],
    camera: Pinhole | None = None,
    threshold: float = 1.5,
) -> TwoView:
    """Find the essential matrix, or the fundamental one where the intrinsics are not known.

    By MAGSAC++ (Barath and others, CVPR 2020) from a fixed seed: equal points, equal answer.

    Args:
        first: (M, 2) pixels of matched points in the first picture.
        second: (M, 2) the same in the second.
        size: Width and height of both pictures.
        camera: Of both pictures.
        threshold: Distance from the epipolar line, pixels.
    """
    none = TwoView(np.zeros(len(first), np.bool_))
    if len(first) < _LEAST:
        return none
    view = None if camera is None else _by_essential(first, second, size, camera, threshold)
    if view is None:
        view = _by_points(first, second, threshold)
    if view is None:
        return none
    agreeing = first[view.inliers], second[view.inliers]
    return replace(view, deformation=_deformation(*agreeing, _LEAST_APART * max(size)))


def _deformation(first: NDArray[np.float64], second: NDArray[np.float64], least: float) -> float:
    """Return `TwoView.deformation` of points (N, 2) that agree.

    Args:
        first: Pixels of the first picture.
        second: Of the second.
        least: Distance of pairs of points, pixels.
    """
    count = len(first)
    if count < _LEAST:
        return 1.0
    logs = []
    for stride in _STRIDES:
        a, b = (
            np.hypot(*(points - np.roll(points, count // stride, axis=0)).T)
            for points in (first, second)
        )
        apart = (a > least) & (b > least)
        logs.append(np.abs(np.log(b[apart] / a[apart])))
    ratios = np.concatenate(logs)
    return float(np.median(ratios)) if len(ratios) >= _LEAST else 1.0


def _by_essential(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    size: tuple[int, int],
    camera: Pinhole,
    threshold: float,
) -> TwoView | None:
    # In pixels about the principal point: OpenCV's search fares worse on numbers below one.
    focal = camera.focal_pixels(size)
    a, b = focal * camera.rays(first, size), focal * camera.rays(second, size)
    k, d = np.diag([focal, focal, 1.0]), np.zeros(4)
    try:
        essential, mask = cv2.findEssentialMat(a, b, k, k, d, d, _params(threshold))
    except cv2.error:  # Raised where no geometry fits.
        return None
    if mask is None or essential is None or essential.shape != (3, 3):
        return None
    inliers = mask.ravel().astype(np.bool_)
    if np.count_nonzero(inliers) < _LEAST:
        return TwoView(inliers)
    _, rotation, direction, _ = cv2.recoverPose(essential, a[inliers], b[inliers], k)
    return TwoView(inliers, rotation, direction[:, 0])


def _by_points(
    first: NDArray[np.float64], second: NDArray[np.float64], threshold: float
) -> TwoView | None:
    """Use the fundamental matrix; a homography where there is none, as the camera stood still."""
    for find in (cv2.findFundamentalMat, cv2.findHomography):
        try:
            _, mask = find(first, second, _params(threshold))
        except cv2.error:
            continue
        if mask is not None:
            return TwoView(mask.ravel().astype(np.bool_))
    return None


def _params(threshold: float) -> cv2.UsacParams:
    params = cv2.UsacParams()
    params.threshold = threshold
    params.confidence = 0.999
    params.maxIterations = 2000
    params.score = cv2.SCORE_METHOD_MAGSAC
    params.loMethod = cv2.LOCAL_OPTIM_SIGMA
    params.randomGeneratorState = _SEED
    return params
