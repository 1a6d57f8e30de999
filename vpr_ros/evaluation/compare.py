# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two evaluations of the same queries side by side, and whether chance made the difference."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.evaluation.dataset_results import DatasetEvaluation
from vpr_ros.evaluation.dataset_search import BOTH
from vpr_ros.evaluation.metrics import PrecisionRecall, precision_recall, recall_of_ranks
from vpr_ros.evaluation.results import Evaluation
from vpr_ros.evaluation.stored import NAMES, nulled, read_json

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.metrics import Bools, Floats, Tolerance


@dataclass(frozen=True, eq=False)
class Run:
    """One evaluation, as far as two of them can be compared.

    Attributes:
        title: The evaluated data, in words.
        tolerance: When an answer counts as correct.
        queries: Q names, of the queries that can be judged.
        identity: Of the queries with their true poses: names alone are often the same numbers.
        rank: (Q,) rank of the first correct answer from 1, 0 where none was found.
        depth: Answers a query.
        score: (Q,) of the first answer; NaN where there is none.
        has_place: (Q,) whether there was a correct answer to be found.
        answer: Q names of the first candidates, or empty.
    """

    title: str
    tolerance: Tolerance
    queries: list[str]
    identity: str
    rank: NDArray[np.int64]
    depth: int
    score: Floats
    has_place: Bools
    answer: list[str]

    @cached_property
    def right(self) -> Bools:
        """(Q,) whether the first answer is correct."""
        return np.asarray(self.rank == 1)

    @cached_property
    def recall(self) -> dict[int, float]:
        """Share of the queries with a correct answer among the first N."""
        return recall_of_ranks(self.rank, self.depth)

    @cached_property
    def curve(self) -> PrecisionRecall:
        """Precision and recall over the score of the first answer."""
        return precision_recall(self.score, self.right, int(self.has_place.sum()))


@dataclass(frozen=True, eq=False)
class Comparison:
    """The changes from the first run to the second.

    Attributes:
        first: The run compared with.
        second: The run compared.
        gained: Rows of queries correct in the second only.
        lost: Rows of queries correct in the first only.
        p_value: See `mcnemar`.
    """

    first: Run
    second: Run
    gained: NDArray[np.intp]
    lost: NDArray[np.intp]
    p_value: float

    def figures(self) -> list[tuple[str, float, float]]:
        """Return name, first and second of each share that both have; NaN where unknown."""
        a, b = self.first, self.second
        rows = [(f'recall@{n}', a.recall[n], b.recall[n]) for n in a.recall if n in b.recall]
        rows.append(('average precision', a.curve.auc, b.curve.auc))
        full = [run.curve.at_precision(1.0)[0] for run in (a, b)]
        rows.append(('recall at 100 % precision', full[0], full[1]))
        return rows

    def to_json(self) -> dict[str, Any]:
        """Return the figures and the names of the changed queries."""
        return {
            'queries': len(self.first.queries),
            'runs': [
                {'title': run.title, **nulled({'recall': run.recall, **run.curve.figures()})}
                for run in (self.first, self.second)
            ],
            'gained': [self.first.queries[row] for row in self.gained],
            'lost': [self.first.queries[row] for row in self.lost],
            'p_value': self.p_value,
        }


def load_run(path: Path, method: str | None = None) -> Run:
    """Read a file of ``vpr evaluate bag`` or ``vpr evaluate dataset``.

    Args:
        path: The file.
        method: Way of searching, for a data set; codes then floats if not given.

    Raises:
        VprError: The file cannot be read, is neither, or has no such method.
    """
    data = read_json(path)
    try:
        if isinstance(data, dict) and data.get('schema') == DatasetEvaluation.SCHEMA:
            return _of_dataset(DatasetEvaluation.from_json(data), method or BOTH)
        if method is not None:
            msg = f'it is of no data set, and has no method {method}'
            raise VprError(msg)  # noqa: TRY301  told with the path, like all others
        return _of_bag(Evaluation.from_json(data))
    except VprError as error:
        msg = f'{path}: {error}'
        raise VprError(msg) from error


def _of_dataset(evaluation: DatasetEvaluation, name: str) -> Run:
    if name not in evaluation.methods:
        msg = f'there is no method {name!r}, but {", ".join(evaluation.methods)}'
        raise VprError(msg)
    setup, method = evaluation.setup, evaluation.methods[name]
    return Run(
        title=f'{setup.dataset}, {setup.model.name}, {name}',
        tolerance=setup.tolerance,
        queries=evaluation.queries,
        identity=setup.queries_id,
        rank=method.rank,
        depth=method.depth,
        score=method.score,
        has_place=evaluation.has_positive,
        answer=[evaluation.database[row] if row >= 0 else '' for row in method.match],
    )


def _of_bag(evaluation: Evaluation) -> Run:
    setup, summary = evaluation.setup, evaluation.summary
    judged = [i for i, q in enumerate(evaluation.queries) if q.truth is not None]
    queries = [evaluation.queries[i] for i in judged]
    digest = hashlib.sha256(setup.query.encode(errors=NAMES))
    for query in queries:
        if query.truth is not None:
            digest.update(query.truth.as_array().astype('<f8').tobytes())
    return Run(
        title=f'{setup.query} in {setup.map}, {setup.model.name}, {setup.mode}',
        tolerance=setup.tolerance,
        queries=[f'{q.stamp} ns' for q in queries],
        identity=digest.hexdigest(),
        rank=summary.rank[judged],
        depth=setup.candidates,
        score=np.array([q.score for q in queries], np.float64),
        has_place=summary.has_place[judged],
        answer=[f'place {q.candidates.ids[0]}' if len(q.candidates) else '' for q in queries],
    )


def compare(first: Run, second: Run) -> Comparison:
    """Pair the runs query by query.

    Raises:
        VprError: They are of different queries, or were judged by different rules.
    """
    if first.queries != second.queries:
        a, b = set(first.queries), set(second.queries)
        msg = (
            f'the runs are of different queries, so that there is nothing to compare: '
            f'{len(first.queries)} ({first.title}) and {len(second.queries)} ({second.title}), '
            f'{len(a & b)} of them the same. Evaluate both on the same images'
        )
        raise VprError(msg)
    if not first.queries:
        msg = 'the runs have no query that can be judged'
        raise VprError(msg)
    if first.tolerance != second.tolerance:
        msg = (
            f'the runs were judged by different rules, {first.tolerance} and {second.tolerance}: '
            'evaluate both with the same tolerance'
        )
        raise VprError(msg)
    if first.identity != second.identity:
        msg = (
            'the runs are of different queries, though their names are the same: other images or '
            f'other true poses ({first.title}; {second.title}). Evaluate both on the same images'
        )
        raise VprError(msg)
    gained = np.flatnonzero(second.right & ~first.right)
    lost = np.flatnonzero(first.right & ~second.right)
    return Comparison(first, second, gained, lost, mcnemar(len(gained), len(lost)))


def mcnemar(gained: int, lost: int) -> float:
    """Return the probability of a difference this great, or greater, if there were none.

    Exact two-sided McNemar test: of the queries that changed, each is as likely to be gained as
    lost, so that the smaller number is binomial with p = 1/2 (McNemar, Psychometrika 1947).
    """
    changed, fewer = gained + lost, min(gained, lost)
    tail, term = 0, 1
    for i in range(fewer + 1):
        tail += term
        term = term * (changed - i) // (i + 1)
    return min(1.0, float(2 * tail / 2**changed))
