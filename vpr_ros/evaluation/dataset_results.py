# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the evaluation of a data set found, by way of searching, and its JSON form."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.evaluation.dataset_findings import Finding
from vpr_ros.evaluation.metrics import PrecisionRecall, Tolerance, precision_recall, recall_at
from vpr_ros.evaluation.stored import nulled, reading
from vpr_ros.evaluation.summary import RECALL_COUNTS
from vpr_ros.types import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats

SCHEMA = 'vpr_ros/dataset-evaluation'
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class DatasetSetup:
    """What was asked, and what it ran on.

    Attributes:
        dataset: Name of the folder.
        layout: How it tells where images are.
        model: What described the images.
        tolerance: What counts as right; metres, or frames in the layout `frames`.
        candidates: Images that codes passed on to floats.
        code_bits: Length of the codes.
        coder: What made them: `hash head` or the id of a coder fitted on the database.
        batch: Images described together where descriptions depend on that, else 0.
        queries_id: Changes with the names, sizes and poses of the queries.
        queries_list: Name of the list of queries, or empty for all.
        unreadable_database: Images of the database that could not be read.
        unreadable_queries: Queries that could not be read; they count as missed.
        describe_seconds: Median time to describe an image, without reading it.
        stored_bytes: Size of all descriptions as kept on disk.
        created: When, ISO 8601, or empty.
        software: Name and version of what made this.
    """

    dataset: str
    layout: str
    model: ModelInfo
    tolerance: Tolerance
    candidates: int = 100
    code_bits: int = 0
    coder: str = ''
    batch: int = 0
    queries_id: str = ''
    queries_list: str = ''
    unreadable_database: int = 0
    unreadable_queries: int = 0
    describe_seconds: float = math.nan
    stored_bytes: int = 0
    created: str = ''
    software: str = ''

    @property
    def tolerance_words(self) -> str:
        """The tolerance as a person says it."""
        unit = 'frames' if self.layout == 'frames' else 'm'
        text = f'{self.tolerance.distance:g} {unit}'
        if self.tolerance.angle is not None:
            text += f' and {math.degrees(self.tolerance.angle):g}°'
        return text


@dataclass(frozen=True, eq=False)
class MethodResult:
    """What one way of searching found.

    Attributes:
        rank: (Q,) rank of the first right image from 1, 0 where none was found.
        match: (Q,) row of the first image found, -1 where there is none.
        score: (Q,) of that image; NaN where there is none.
        depth: Images that were returned a query: ranks go up to it.
        seconds: Search time a query.
    """

    rank: NDArray[np.int64]
    match: NDArray[np.int64]
    score: Floats
    depth: int
    seconds: float

    @property
    def recall(self) -> dict[int, float]:
        """Share of all queries with a right image among the first N; NaN of no queries."""
        right = [(self.rank > 0) & (self.rank <= n) for n in RECALL_COUNTS]
        return {
            n: recall_at(marks[:, None], [1])[1]
            for n, marks in zip(RECALL_COUNTS, right, strict=True)
            if n <= self.depth
        }

    def curve(self, positives: int) -> PrecisionRecall:
        """Return precision and recall over the score; recall among those with a right image."""
        return precision_recall(self.score, np.asarray(self.rank == 1), positives)


@dataclass(frozen=True, eq=False)
class DatasetEvaluation:
    """A whole evaluation.

    Attributes:
        setup: What was asked.
        database: Names of its M images.
        queries: Names of the Q queries.
        has_positive: (Q,) whether the database has a right image at all.
        methods: By way of searching, see `dataset_search`.
        findings: What the linter had to say.
    """

    setup: DatasetSetup
    database: list[str]
    queries: list[str]
    has_positive: Bools
    methods: dict[str, MethodResult]
    findings: list[Finding]

    @property
    def positives(self) -> int:
        """Queries with a right image in the database."""
        return int(self.has_positive.sum())

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; unknown numbers are null."""
        return {
            'schema': SCHEMA,
            'schema_version': SCHEMA_VERSION,
            'setup': {
                **asdict(self.setup),
                'describe_seconds': nulled(self.setup.describe_seconds),
            },
            'summary': {name: self._figures(m) for name, m in self.methods.items()},
            'findings': [asdict(finding) for finding in self.findings],
            'database': self.database,
            'queries': {
                'names': self.queries,
                'has_positive': self.has_positive.tolist(),
                'methods': {name: _columns(m) for name, m in self.methods.items()},
            },
        }

    def _figures(self, method: MethodResult) -> dict[str, Any]:
        curve = method.curve(self.positives)
        best, threshold = curve.at_precision(1.0)
        return {
            'recall': nulled({str(n): value for n, value in method.recall.items()}),
            'auc': nulled(curve.auc),
            'recall_at_full_precision': nulled(best),
            'full_precision_threshold': nulled(threshold),
        }

    @staticmethod
    def from_json(data: Any) -> DatasetEvaluation:
        """Rebuild from the JSON form.

        Raises:
            VprError: Not such a file, of another schema version, or damaged.
        """
        with reading(data, SCHEMA, SCHEMA_VERSION, 'no evaluation of a data set'):
            setup, queries = dict(data['setup']), data['queries']
            setup['model'] = ModelInfo(**setup['model'])
            setup['tolerance'] = Tolerance(**setup['tolerance'])
            setup['describe_seconds'] = _nan(setup['describe_seconds'])
            names = [str(name) for name in queries['names']]
            evaluation = DatasetEvaluation(
                DatasetSetup(**setup),
                [str(name) for name in data['database']],
                names,
                np.array(queries['has_positive'], np.bool_),
                {str(name): _method(m, len(names)) for name, m in queries['methods'].items()},
                [Finding(**finding) for finding in data['findings']],
            )
            if len(evaluation.has_positive) != len(names):
                msg = 'the columns of the queries differ in length'
                raise ValueError(msg)
            return evaluation

    def save(self, path: Path) -> None:
        """Write the JSON form to a file."""
        path.write_text(self.dumps() + '\n', encoding='utf-8')

    def dumps(self) -> str:
        """Return the JSON text, strictly JSON: no NaN, no Infinity."""
        return json.dumps(self.to_json(), allow_nan=False)


def _columns(method: MethodResult) -> dict[str, Any]:
    return {
        'rank': method.rank.tolist(),
        'match': method.match.tolist(),
        'score': nulled(method.score),
        'depth': method.depth,
        'seconds': nulled(method.seconds),
    }


def _method(data: dict[str, Any], count: int) -> MethodResult:
    method = MethodResult(
        np.array(data['rank'], np.int64),
        np.array(data['match'], np.int64),
        np.array([_nan(value) for value in data['score']], np.float64),
        int(data['depth']),
        _nan(data['seconds']),
    )
    if {len(method.rank), len(method.match), len(method.score)} != {count}:
        msg = f'the columns of {count} queries differ in length'
        raise ValueError(msg)
    return method


def _nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
