# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation saw, query by query, and its JSON form."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.evaluation.metrics import Tolerance
from vpr_ros.evaluation.query_result import PlaceTable, QueryResult
from vpr_ros.evaluation.stored import nulled, read_json, reading
from vpr_ros.evaluation.summary import summarise
from vpr_ros.geometry import Pose
from vpr_ros.search import Candidates
from vpr_ros.types import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.summary import Summary

SCHEMA = 'vpr_ros/evaluation'
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Setup:
    """What was asked: enough to do it again and to tell two evaluations apart.

    Attributes:
        query: Name of the bag or data set the queries came from.
        map: Name of the place map.
        model: The network that described both.
        tolerance: What counts as right.
        candidates: Candidates asked for per query.
        mode: How the decision was made, for example ``single frame``.
        created: When, ISO 8601, or empty.
        software: Name and version of what made this.
        unreadable: Frames that were left out because no picture could be made of them.
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


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A whole evaluation: what was asked, against which places, and each answer."""

    setup: Setup
    places: PlaceTable
    queries: tuple[QueryResult, ...]

    @cached_property
    def summary(self) -> Summary:
        """All figures; computed from the queries, never stored, so that it cannot disagree."""
        return summarise(
            self.queries, self.places.poses, self.setup.tolerance, self.setup.candidates
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: setup, summary, places, queries. Unknown numbers are null.

        Candidates are named by place id; their poses are in ``places``.
        """
        return {
            'schema': SCHEMA,
            'schema_version': SCHEMA_VERSION,
            'setup': asdict(self.setup),
            'summary': nulled(self.summary.to_json()),
            'places': {
                'ids': self.places.ids.tolist(),
                'sessions': self.places.sessions.tolist(),
                'stamps': self.places.stamps.tolist(),
                'poses': [_pose_row(row) for row in self.places.poses],
            },
            'queries': [_query_to_json(query) for query in self.queries],
        }

    @staticmethod
    def from_json(data: Any) -> Evaluation:
        """Rebuild from the JSON form.

        Raises:
            VprError: Not such a file, of another schema version, or damaged.
        """
        with reading(data, SCHEMA, SCHEMA_VERSION, 'not an evaluation'):
            setup = dict(data['setup'])
            model, tolerance = ModelInfo(**setup.pop('model')), Tolerance(**setup.pop('tolerance'))
            table = data['places']
            places = PlaceTable(
                np.array(table['ids'], np.int64),
                np.array(table['sessions'], np.int64),
                np.array(table['stamps'], np.int64),
                np.array([_nan_row(row) for row in table['poses']], np.float64).reshape(-1, 7),
            )
            queries = tuple(_query_from_json(query, places) for query in data['queries'])
            return Evaluation(Setup(**setup, model=model, tolerance=tolerance), places, queries)

    def save(self, path: Path) -> None:
        """Write the JSON form to a file."""
        path.write_text(dumps(self) + '\n', encoding='utf-8')

    @staticmethod
    def load(path: Path) -> Evaluation:
        """Read what `save` wrote.

        Raises:
            VprError: The file cannot be read or is not an evaluation.
        """
        return Evaluation.from_json(read_json(path))


def dumps(evaluation: Evaluation) -> str:
    """Return the JSON text of an evaluation, strictly JSON: no NaN, no Infinity."""
    return json.dumps(evaluation.to_json(), allow_nan=False)


def _query_to_json(query: QueryResult) -> dict[str, Any]:
    candidates = query.candidates
    return {
        'stamp': query.stamp,
        'status': query.status,
        'reason': query.reason,
        'truth': None if query.truth is None else query.truth.as_array().tolist(),
        'pose': None if query.pose is None else query.pose.as_array().tolist(),
        'place_ids': candidates.ids.tolist(),
        'similarities': nulled(candidates.similarities),
        'hamming': candidates.hamming.tolist(),
        'probabilities': nulled(candidates.probabilities),
        'timings': nulled(query.timings),
    }


def _query_from_json(data: dict[str, Any], places: PlaceTable) -> QueryResult:
    ids = np.array(data['place_ids'], np.int64)
    probabilities = data['probabilities']
    candidates = Candidates(
        ids,
        np.array(data['similarities'], np.float64),
        np.array(data['hamming'], np.int64),
        places.poses_of(ids),
        None if probabilities is None else np.array(probabilities, np.float64),
    )
    columns = candidates.similarities, candidates.hamming, candidates.probabilities
    if any(column is not None and len(column) != len(ids) for column in columns):
        msg = f'the candidate lists of the query at {data["stamp"]} differ in length'
        raise ValueError(msg)
    return QueryResult(
        stamp=int(data['stamp']),
        status=str(data['status']),
        truth=None if data['truth'] is None else Pose.from_array(data['truth']),
        candidates=candidates,
        pose=None if data['pose'] is None else Pose.from_array(data['pose']),
        timings={str(stage): float(s) for stage, s in data['timings'].items()},
        reason=str(data['reason']),
    )


def _pose_row(row: NDArray[np.float64]) -> list[float] | None:
    return row.tolist() if np.isfinite(row).all() else None


def _nan_row(row: list[float] | None) -> list[float]:
    return [math.nan] * 7 if row is None else row
