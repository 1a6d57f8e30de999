# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation of a traverse in a map: setup, places, the result of every query."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vpr_ros.evaluation.stored import StoredResult, floats, restored, same_length
from vpr_ros.evaluation.summary import PlaceTable, QueryResult, summarise
from vpr_ros.geometry import Pose
from vpr_ros.search import Candidates

if TYPE_CHECKING:
    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.evaluation.summary import Summary
    from vpr_ros.types import ModelInfo


@dataclass(frozen=True)
class Setup:
    """The inputs and options of an evaluation.

    Attributes:
        query: Name of the bag or data set of the queries.
        map: Name of the place map.
        model: The network that described queries and map.
        tolerance: How near a correct place is.
        candidates: Candidates of each query.
        mode: How images were decided on, for example ``single frame``.
        created: Time, ISO 8601, or empty.
        software: Name and version of the program.
        unreadable: Images that were left out because they cannot be decoded.
        detector: Of the local features that candidates were compared by, or empty.
    """

    query: str
    map: str
    model: ModelInfo
    tolerance: Tolerance
    candidates: int = 20
    mode: str = 'single frame'
    created: str = ''
    software: str = ''
    unreadable: int = 0
    detector: str = ''


@dataclass(frozen=True, eq=False)
class Evaluation(StoredResult):
    """A whole evaluation: setup, places of the map, and the result of each query."""

    SCHEMA: ClassVar[str] = 'vpr_ros/evaluation'

    setup: Setup
    places: PlaceTable
    queries: tuple[QueryResult, ...]

    @cached_property
    def summary(self) -> Summary:
        """All figures; computed from the queries, never read from a file."""
        return summarise(
            self.queries, self.places.poses, self.setup.tolerance, self.setup.candidates
        )

    def content(self) -> dict[str, Any]:
        """Return setup, summary, places, queries.

        Candidates are named by place id; their poses are in ``places``.
        """
        poses = [row if np.isfinite(row).all() else None for row in self.places.poses]
        return {
            'setup': asdict(self.setup),
            'summary': self.summary.to_json(),
            'places': asdict(self.places) | {'poses': poses},
            'queries': [_query_to_json(query) for query in self.queries],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Evaluation:
        """Rebuild from the JSON form; see `StoredResult.restore`."""
        table = data['places']
        columns = (np.array(table[name], np.int64) for name in ('ids', 'sessions', 'stamps'))
        ids, sessions, stamps = columns
        poses = [[math.nan] * 7 if row is None else row for row in table['poses']]
        places = PlaceTable(ids, sessions, stamps, floats(poses).reshape(-1, 7))
        queries = tuple(_query_from_json(query, places) for query in data['queries'])
        return cls(restored(Setup, data['setup']), places, queries)


def _query_to_json(query: QueryResult) -> dict[str, Any]:
    candidates = query.candidates
    return {
        'stamp': query.stamp,
        'status': query.status,
        'reason': query.reason,
        'truth': None if query.truth is None else query.truth.as_array(),
        'pose': None if query.pose is None else query.pose.as_array(),
        'covariance': query.covariance,
        'place_ids': candidates.ids,
        'similarities': candidates.similarities,
        'hamming': candidates.hamming,
        'probabilities': candidates.probabilities,
        'inliers': candidates.inliers,
        'matches': candidates.matches,
        'deformations': candidates.deformations,
        'parallaxes': candidates.parallaxes,
        'standings': candidates.standings,
        'timings': query.timings,
    }


def _query_from_json(data: dict[str, Any], places: PlaceTable) -> QueryResult:
    ids = np.array(data['place_ids'], np.int64)
    similarities, hamming = floats(data['similarities']), np.array(data['hamming'], np.int64)
    known = data['probabilities']
    probabilities = None if known is None else floats(known)
    # Files of earlier versions have none of these.
    further = inliers, matches, deformations, parallaxes, standings = [
        None if (known := data.get(name)) is None else floats(known)
        for name in ('inliers', 'matches', 'deformations', 'parallaxes', 'standings')
    ]
    spread = data.get('covariance')
    what = f'the candidates of the query at {data["stamp"]}'
    columns = similarities, hamming, probabilities, *further
    same_length(what, len(ids), *columns)
    return QueryResult(
        stamp=int(data['stamp']),
        status=str(data['status']),
        truth=None if data['truth'] is None else Pose.from_array(data['truth']),
        candidates=Candidates(
            ids,
            similarities,
            hamming,
            places.poses_of(ids),
            probabilities,
            inliers,
            matches,
            deformations,
            parallaxes,
            standings,
        ),
        pose=None if data['pose'] is None else Pose.from_array(data['pose']),
        timings={str(stage): float(s) for stage, s in data['timings'].items()},
        reason=str(data['reason']),
        covariance=None if spread is None else floats(spread).reshape(6, 6),
    )
