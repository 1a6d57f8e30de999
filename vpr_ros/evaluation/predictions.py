# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The images found for each query, for other programs: JSON, CSV, and the challenge of MSLS."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import VprError
from vpr_ros.evaluation.datasets import near
from vpr_ros.models.weights_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vpr_ros.evaluation.dataset_search import Ranking
    from vpr_ros.evaluation.datasets import Dataset
    from vpr_ros.evaluation.metrics import Bools
    from vpr_ros.types import ModelInfo

_KEY = 7
"""Field of the name of an image in which VPR-datasets-downloader keeps MSLS's key."""


@dataclass(frozen=True, eq=False)
class DatasetPredictions:
    """What a search method found.

    Attributes:
        dataset: What was searched, by what.
        model: The network.
        method: Name of the search method.
        ranking: Its answers.
        top: Images of each query that count.
        labelled: Whether it is known which are correct.
        wrong_only: Leave out queries whose first image is correct.
    """

    dataset: Dataset
    model: ModelInfo
    method: str
    ranking: Ranking
    top: int = 10
    labelled: bool = True
    wrong_only: bool = False

    def save(self, path: Path) -> int:
        """Write a file in the form of its ending; return how many queries are in it.

        Raises:
            VprError: It has another ending.
        """
        forms = {'.json': self._json, '.csv': self._csv, '.txt': self._challenge}
        if path.suffix not in forms:
            msg = f'{path} must end in {", ".join(forms)}'
            raise VprError(msg)
        rows = list(self.answers())
        text = forms[path.suffix](rows)
        with whole_file(path) as unfinished:
            unfinished.write_text(text, encoding='utf-8')
        return len(rows)

    def answers(self) -> Iterator[tuple[int, list[int], Bools]]:
        """Yield the row of a query, those of the images found, and which are correct."""
        for query, found in enumerate(self.ranking.rows[:, : self.top]):
            rows = [int(row) for row in found if row >= 0]
            poses = self.dataset.database.poses[rows]
            right = near(self.dataset.queries.poses[query][None], poses, self.dataset.tolerance)
            if not (self.wrong_only and rows and right[0]):
                yield query, rows, np.asarray(right, np.bool_)

    def _listed(self, answers: list[tuple[int, list[int], Bools]]) -> Iterator[dict[str, Any]]:
        names = self.dataset.database.names
        for query, rows, right in answers:
            for rank, (row, correct) in enumerate(zip(rows, right, strict=True), start=1):
                score = round(float(self.ranking.scores[query, rank - 1]), 6)
                known = {'correct': bool(correct)} if self.labelled else {}
                yield {'query': query, 'rank': rank, 'image': names[row], 'score': score, **known}

    def _json(self, answers: list[tuple[int, list[int], Bools]]) -> str:
        queries = {query: list[dict[str, Any]]() for query, _, _ in answers}
        for answer in self._listed(answers):
            queries[answer.pop('query')].append(answer)
        names = self.dataset.queries.names
        content = {
            'schema': 'vpr_ros/predictions',
            'dataset': self.dataset.name,
            'database': str(self.dataset.database.folder),
            'queries': str(self.dataset.queries.folder),
            'model': asdict(self.model),
            'method': self.method,
            'predictions': [
                {'query': names[query], 'found': found} for query, found in queries.items()
            ],
        }
        return json.dumps(content, indent=1)

    def _csv(self, answers: list[tuple[int, list[int], Bools]]) -> str:
        text, names = io.StringIO(), self.dataset.queries.names
        columns = ['query', 'rank', 'image', 'score', *(['correct'] if self.labelled else [])]
        writer = csv.DictWriter(text, columns, lineterminator='\n')
        writer.writeheader()
        for answer in self._listed(answers):
            writer.writerow(answer | {'query': names[answer['query']]})
        return text.getvalue()

    def _challenge(self, answers: list[tuple[int, list[int], Bools]]) -> str:
        """Return a line for each query: its key, then those of the images found."""
        queries, database = self.dataset.queries.names, self.dataset.database.names
        lines = (
            ' '.join([_key(queries[query]), *(_key(database[row]) for row in rows)])
            for query, rows, _ in answers
        )
        return ''.join(f'{line}\n' for line in lines)


def _key(name: str) -> str:
    """Return the key of an image of MSLS: a field of its @-name, or its name without ending."""
    name = name.rpartition('/')[2]
    fields = name.split('@')
    key = fields[_KEY] if len(fields) > _KEY else ''
    return key or name.rpartition('.')[0] or name
