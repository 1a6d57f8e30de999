# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Temporal filters: the place of the robot by all images so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.localize.temporal.sequence_filter import BLIND, SequenceFilter

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.localize.place_likelihood import PlaceLikelihoods
    from vpr_ros.localize.temporal.map_layout import Places

__all__ = ['BLIND', 'FILTERS', 'SequenceFilter', 'make_filter']

_KINDS = {kind.kind: kind for kind in (SequenceFilter,)}
FILTERS = tuple(_KINDS)
"""Names of the filters."""


def make_filter(
    kind: str,
    places: Callable[[], Places],
    likelihood: PlaceLikelihoods,
    window: int = 20,
    detector: str = '',
) -> SequenceFilter:
    """Return the filter of a name among `FILTERS`; see `SequenceFilter`."""
    return _KINDS[kind](places, likelihood, window, detector)
