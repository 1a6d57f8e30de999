# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Local features of pictures, and the protocol of their detectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.localize.evidence import InlierRule

LocalFeatureKind = Literal['xfeat', 'sift', 'none']
"""The choices of `verify`."""


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """Keypoints of one picture.

    Attributes:
        points: (N, 2) float32 column and row, pixels.
        descriptors: (N, D) in the form that the detector matches: float32 of SIFT, uint8 of ORB,
            int8 of XFeat.
        size: Width and height of the picture that the points are in.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.int8]
    size: tuple[int, int]


class LocalDetector(Protocol):
    """Detects and matches local features of one kind.

    Attributes:
        rule: The meaning of matches that agree.
        sigma: Standard deviation of a keypoint, pixels of `LocalFeatures.size`.
        pose_floors: Standard deviations added to those of a measured pose, metres and radians, for
            small pictures and keypoints whose errors are correlated.
    """

    rule: InlierRule
    sigma: float
    pose_floors: tuple[float, float]

    def detect(self, pictures: Sequence[NDArray[np.uint8]]) -> list[LocalFeatures]:
        """Return the features of each RGB picture (H, W, 3) of any size."""

    def match(self, a: LocalFeatures, b: LocalFeatures) -> NDArray[np.intp]:
        """Return (M, 2) rows of `a` and of `b` that match, each at most once."""


def fitted_size(width: int, height: int, longest: int) -> tuple[int, int]:
    """Return width and height whose longer one is given, in the same ratio, at least 1 each."""
    scale = longest / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
