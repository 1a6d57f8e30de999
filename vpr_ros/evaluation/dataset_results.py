# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The evaluation of a data set: setup and the results of each search method."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vpr_ros.evaluation.dataset_findings import Finding
from vpr_ros.evaluation.metrics import PrecisionRecall, precision_recall, recall_of_ranks
from vpr_ros.evaluation.stored import StoredResult, floats, restored, same_length

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats, Tolerance
    from vpr_ros.types import ModelInfo


@dataclass(frozen=True)
class DatasetSetup:
    """The inputs and options of an evaluation.

    Attributes:
        dataset: Name of the folder.
        layout: The folder format; called so in files of results.
        model: The network.
        tolerance: How near a correct image is; metres, or frames in the format `frames`.
        candidates: Images found by codes that are ranked again by descriptors.
        code_bits: Length of the codes.
        coder: Origin of the codes: `hash head` or the id of a coder fitted on the database.
        batch: Images described together where descriptions depend on that, else 0.
        queries_id: Changes with the names, sizes and poses of the queries.
        queries_list: Name of the list of queries, or empty for all.
        test_method: What was described of a query, see `query_crops.TestMethod`.
        unreadable_database: Images of the database that could not be read.
        unreadable_queries: Queries that could not be read; they count as missed.
        detector: Of the local features that re-rank the first candidates, or empty.
        describe_seconds: Median time to describe an image, without reading it.
        stored_bytes: Size of all descriptions as kept on disk.
        created: Time, ISO 8601, or empty.
        software: Name and version of the program.
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
    test_method: str = 'hard-resize'
    unreadable_database: int = 0
    unreadable_queries: int = 0
    detector: str = ''
    describe_seconds: float = math.nan
    stored_bytes: int = 0
    created: str = ''
    software: str = ''

    @property
    def tolerance_words(self) -> str:
        """The tolerance with its units."""
        unit = 'frames' if self.layout == 'frames' else 'm'
        text = f'{self.tolerance.distance:g} {unit}'
        if self.tolerance.angle is not None:
            text += f' and {math.degrees(self.tolerance.angle):g}°'
        return text


@dataclass(frozen=True, eq=False)
class MethodResult:
    """The results of one search method.

    Attributes:
        rank: (Q,) rank of the first correct image from 1, 0 where none was found.
        match: (Q,) row of the first image found, -1 where there is none.
        score: (Q,) of that image; NaN where there is none.
        depth: Images returned for each query: ranks go up to it.
        seconds: Search time of each query.
    """

    rank: NDArray[np.int64]
    match: NDArray[np.int64]
    score: Floats
    depth: int
    seconds: float

    @property
    def recall(self) -> dict[int, float]:
        """Share of all queries with a correct image among the first N; NaN of no queries."""
        return recall_of_ranks(self.rank, self.depth)

    def curve(self, positives: int) -> PrecisionRecall:
        """Return precision and recall over the score; recall among the queries with a positive."""
        return precision_recall(self.score, np.asarray(self.rank == 1), positives)


@dataclass(frozen=True, eq=False)
class DatasetEvaluation(StoredResult):
    """A whole evaluation.

    Attributes:
        setup: Inputs and options.
        database: Names of its M images.
        queries: Names of the Q queries.
        has_positive: (Q,) whether the database has a correct image.
        methods: By name of the search method, see `dataset_search` and `dataset_rerank`.
        findings: Of the linter.
    """

    SCHEMA: ClassVar[str] = 'vpr_ros/dataset-evaluation'

    setup: DatasetSetup
    database: list[str]
    queries: list[str]
    has_positive: Bools
    methods: dict[str, MethodResult]
    findings: list[Finding]

    @property
    def positives(self) -> int:
        """Queries with a correct image in the database."""
        return int(self.has_positive.sum())

    def content(self) -> dict[str, Any]:
        """Return setup, figures, findings and the results of every query."""
        return {
            'setup': asdict(self.setup),
            'summary': {
                name: {'recall': method.recall, **method.curve(self.positives).figures()}
                for name, method in self.methods.items()
            },
            'findings': [asdict(finding) for finding in self.findings],
            'database': self.database,
            'queries': {
                'names': self.queries,
                'has_positive': self.has_positive,
                'methods': {name: vars(method) for name, method in self.methods.items()},
            },
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> DatasetEvaluation:
        """Rebuild from the JSON form; see `StoredResult.restore`."""
        setup, queries = dict(data['setup']), data['queries']
        setup['describe_seconds'] = float(floats(setup['describe_seconds']))
        names = [str(name) for name in queries['names']]
        has_positive = np.array(queries['has_positive'], np.bool_)
        same_length('the queries', len(names), has_positive)
        return cls(
            restored(DatasetSetup, setup),
            [str(name) for name in data['database']],
            names,
            has_positive,
            {str(name): _method(m, len(names)) for name, m in queries['methods'].items()},
            [Finding(**finding) for finding in data['findings']],
        )


def _method(data: dict[str, Any], count: int) -> MethodResult:
    rank, match = (np.array(data[name], np.int64) for name in ('rank', 'match'))
    score = floats(data['score'])
    same_length('a search method', count, rank, match, score)
    return MethodResult(rank, match, score, int(data['depth']), float(floats(data['seconds'])))
