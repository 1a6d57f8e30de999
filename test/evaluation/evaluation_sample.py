# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small evaluation whose every figure is known, for the tests."""

from __future__ import annotations

import numpy as np

from vpr_ros.evaluation import Evaluation, PlaceTable, QueryResult, Setup, Tolerance
from vpr_ros.geometry import Pose
from vpr_ros.search import Candidates
from vpr_ros.types import ModelInfo

MODEL = ModelInfo('tiny', 'untrained-seed-0', 8, 64, 'resize 112', trained=False)

PLACES = PlaceTable(
    ids=np.arange(10, 20),
    sessions=np.repeat([1, 2], 5),
    stamps=np.arange(10) * 10**9,
    poses=np.array([Pose.planar(x, 0, 0).as_array() for x in range(10)]),
)


def query(
    stamp: int,
    x: float | None,
    ids: list[int],
    *,
    status: str = 'ACCEPTED',
    similarities: list[float] | None = None,
    probabilities: list[float] | None = None,
) -> QueryResult:
    """Answer a frame at x metres with places; place id 10 + n lies at n metres."""
    places = np.array(ids, np.int64)
    return QueryResult(
        stamp=stamp,
        status=status,
        truth=None if x is None else Pose.planar(x, 0, 0),
        candidates=Candidates(
            places,
            np.array(
                [0.9 - 0.1 * i for i in range(len(ids))] if similarities is None else similarities
            ),
            np.arange(len(ids)),
            PLACES.poses_of(places),
            None if probabilities is None else np.array(probabilities),
        ),
        timings={'describe': 0.01 * (stamp + 1), 'retrieve': 0.001},
        reason='as the test wants it',
    )


QUERIES = (
    query(0, 0.0, [10, 15]),  # accepted, right at rank 1
    query(1, 1.0, [15, 11], similarities=[0.95, 0.8]),  # accepted, wrong, right at rank 2
    query(2, 2.0, [16, 17], status='BELOW_THRESHOLD', similarities=[0.2, 0.1]),  # wrong
    query(3, 50.0, [12], status='BELOW_THRESHOLD', similarities=[0.3]),  # nowhere in the map
    query(4, None, [13], status='ACCEPTED'),  # nobody knows where it was taken
    query(5, 4.4, [14], similarities=[0.85]),  # accepted, right, 0.4 m off
    query(6, 5.0, [], status='NO_MAP'),  # no candidates
)


def evaluation(queries: tuple[QueryResult, ...] = QUERIES, **setup: object) -> Evaluation:
    """Return the evaluation of some answers at half a metre's tolerance."""
    values = {
        'query': 'evening',
        'map': 'town.vprmap',
        'model': MODEL,
        'tolerance': Tolerance(0.5),
        'candidates': 5,
        'software': 'vpr_ros test',
    }
    return Evaluation(Setup(**{**values, **setup}), PLACES, queries)
