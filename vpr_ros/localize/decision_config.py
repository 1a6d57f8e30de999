# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Thresholds of the decision."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecisionConfig:
    """When a candidate is accepted.

    Attributes:
        min_similarity: Cosine similarity below which the place counts as not mapped.
        min_probability: Probability below which nothing is accepted; 0 takes the threshold of the
            calibration. Without a calibration it has no effect.
        max_distance_ratio: Descriptor distance of the best candidate over that of the best
            candidate somewhere else; above it the places look alike. 1 accepts everything. With a
            calibration it has no effect.
        place_radius: Candidates within this distance of the best one are the same place, metres.
            With a calibration, its radius is taken.
        position_sigma: Smallest standard deviation ever claimed, metres.
        angle_sigma: Smallest standard deviation ever claimed, radians.
    """

    min_similarity: float = 0.0
    min_probability: float = 0.0
    max_distance_ratio: float = 0.85
    place_radius: float = 5.0
    position_sigma: float = 0.5
    angle_sigma: float = 0.07
