# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The states in which a robot is easily wrong, made out of answers whose truth is known.

A calibration that has seen only drives that match their map knows nothing of its end, of gaps, or
of being carried away. The answers of these states are those of a map of fewer places, or of fewer
images; nothing is described or searched again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.summary import PlaceTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.evaluation.calibration_data import AnsweredTraverse
    from vpr_ros.evaluation.metrics import Bools

_LEAST_PLACES = 40
"""Of a map that is worth being cut."""
_EVERY, _MISSING = 15, 3
"""Of so many places in a row so many are missing in a map with gaps."""


def states_of(traverse: AnsweredTraverse) -> Iterator[AnsweredTraverse]:
    """Yield a traverse as it is, and in each state that can be made of it."""
    yield traverse
    count = len(traverse.evaluation.places.ids)
    if not (traverse.known and traverse.exact) or count < _LEAST_PLACES:
        return
    for state, kept in smaller_maps(count).items():
        yield replace(within_places(traverse, kept), state=state)
    yield replace(carried_away(traverse), state='carried away')


def smaller_maps(count: int) -> dict[str, Bools]:
    """Return the states of smaller maps, and which places (count,) remain in each."""
    rows = np.arange(count)
    return {
        'first half': rows < count // 2,
        'second half': rows >= count // 2,
        'gaps': rows % _EVERY >= _MISSING,
    }


def within_places(traverse: AnsweredTraverse, kept: Bools) -> AnsweredTraverse:
    """Return a traverse as answered by a map of only some of the places.

    Args:
        traverse: Its answers.
        kept: (M,) which places remain.
    """
    table = traverse.evaluation.places
    places = PlaceTable(
        table.ids[kept], table.sessions[kept], table.stamps[kept], table.poses[kept]
    )
    queries = []
    for query in traverse.evaluation.queries:
        rows = np.flatnonzero(np.isin(query.candidates.ids, places.ids))
        queries.append(replace(query, candidates=query.candidates.take(rows)))
    return replace(
        traverse, evaluation=replace(traverse.evaluation, places=places, queries=tuple(queries))
    )


def carried_away(traverse: AnsweredTraverse) -> AnsweredTraverse:
    """Return a traverse without its middle third, which odometry and stamps do not tell."""
    queries = traverse.evaluation.queries
    first, second = len(queries) // 3, 2 * len(queries) // 3
    if not 0 < first < second < len(queries):
        return traverse
    pause = queries[first].stamp - queries[first - 1].stamp
    missing = queries[second].stamp - queries[first - 1].stamp - pause
    later = [replace(query, stamp=query.stamp - missing) for query in queries[second:]]
    evaluation = replace(traverse.evaluation, queries=(*queries[:first], *later))
    return replace(traverse, evaluation=evaluation, jump=first)
