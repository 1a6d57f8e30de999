# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Verification and re-ranking of candidates by local features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.localize.verification.sift_detector import SiftDetector
from vpr_ros.localize.verification.verifier import (
    FeatureComparison,
    Reranking,
    Verification,
    Verifier,
    detector_of,
    related,
    require_thumbnails,
)
from vpr_ros.localize.verification.xfeat_detector import XFeatDetector

if TYPE_CHECKING:
    from vpr_ros.localize.verification.local_features import LocalDetector, LocalFeatureKind

__all__ = [
    'RULES',
    'FeatureComparison',
    'Reranking',
    'SiftDetector',
    'Verification',
    'Verifier',
    'XFeatDetector',
    'detector_of',
    'local_detector',
    'related',
    'require_thumbnails',
]


RULES = {detector.rule.detector: detector.rule for detector in (XFeatDetector, SiftDetector)}
"""The meaning of inliers, by the names of the detectors."""


def local_detector(kind: LocalFeatureKind, threads: int | None = None) -> LocalDetector | None:
    """Return the detector of a kind, None for ``none``.

    Args:
        kind: ``xfeat``, ``sift`` or ``none``.
        threads: On the CPU; None for all processors of this process.

    Raises:
        ModelError: The weights of XFeat are missing or damaged.
    """
    if kind == 'xfeat':
        return XFeatDetector(threads)
    return SiftDetector() if kind == 'sift' else None
