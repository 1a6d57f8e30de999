# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Temporal filters: the place of the robot by all images so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.localize.temporal.bayes_filter import BayesFilter
from vpr_ros.localize.temporal.place_filter import BLIND, PlaceFilter
from vpr_ros.localize.temporal.sequence_matcher import SequenceMatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.localize.calibration import PlaceLikelihood
    from vpr_ros.localize.temporal.map_layout import Places

__all__ = ['BLIND', 'FILTERS', 'BayesFilter', 'PlaceFilter', 'make_filter']

_KINDS = {kind.kind: kind for kind in (BayesFilter, SequenceMatcher)}
FILTERS = tuple(_KINDS)
"""Names of the filters."""


def make_filter(
    kind: str,
    places: Callable[[], Places],
    likelihood: PlaceLikelihood,
    window: int = 20,
) -> PlaceFilter:
    """Return the filter of a name among `FILTERS`; see `PlaceFilter`."""
    return _KINDS[kind](places, likelihood, window)
