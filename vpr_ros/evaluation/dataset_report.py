# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of the evaluation of a data set as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.evaluation import charts
from vpr_ros.evaluation.dataset_search import BOTH
from vpr_ros.evaluation.gallery import Card, Gallery, Kind, data_uri, spread
from vpr_ros.evaluation.report import render
from vpr_ros.evaluation.words import average_precision
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.evaluation.dataset_results import DatasetEvaluation
    from vpr_ros.evaluation.datasets import Dataset

_KINDS = (
    Kind(
        'Wrong and most similar',
        'The first errors that a lower threshold would accept.',
        accepted=True,
        right=False,
        empty='None: every first answer is correct.',
    ),
    Kind(
        'Correct and most similar',
        'Highest similarity first.',
        accepted=True,
        right=True,
        empty='None: no first answer is correct.',
    ),
    Kind(
        'Correct and least similar',
        'The first correct answers that a higher threshold would reject.',
        accepted=False,
        right=True,
        empty='None: no first answer is correct.',
        doubtful_first=True,
    ),
)


def render_report(evaluation: DatasetEvaluation, dataset: Dataset) -> str:
    """Return the page's HTML; pictures are read from the data set."""
    curves = [method.curve(evaluation.positives) for method in evaluation.methods.values()]
    return render(
        'dataset.html.j2',
        setup=evaluation.setup,
        images=len(evaluation.database),
        queries=len(evaluation.queries),
        positives=evaluation.positives,
        methods=evaluation.methods,
        counts=list(evaluation.methods[BOTH].recall),
        aucs=[average_precision(curve.auc) for curve in curves],
        curve=charts.curves_chart(curves),
        findings=evaluation.findings,
        galleries=[_gallery(kind, evaluation, dataset) for kind in _KINDS],
    )


def _gallery(kind: Kind, evaluation: DatasetEvaluation, dataset: Dataset) -> Gallery:
    method = evaluation.methods[BOTH]
    rows = np.flatnonzero((method.match >= 0) & ((method.rank == 1) == kind.right))
    order = method.score if kind.doubtful_first else -method.score
    cards = [_card(row, evaluation, dataset) for row in spread(rows, order)]
    return Gallery(kind, len(rows), cards)


def _card(row: int, evaluation: DatasetEvaluation, dataset: Dataset) -> Card:
    method = evaluation.methods[BOTH]
    match, rank = int(method.match[row]), int(method.rank[row])
    at = dataset.queries.poses[row][:3]
    away = np.linalg.norm(dataset.database.poses[:, :3] - at, axis=1)
    pictures = [
        ('query', _picture(dataset.queries.paths[row])),
        ('match', _picture(dataset.database.paths[match])),
    ]
    facts = [
        f'similarity {method.score[row]:.3f}',
        f'{away[match]:.4g} m off'
        if evaluation.setup.layout != 'frames'
        else f'{counted(round(away[match]), "frame")} off',
    ]
    if rank != 1:
        facts.append(
            f'correct image at rank {rank}'
            if rank
            else f'no correct image among the first {method.depth}'
            if evaluation.has_positive[row]
            else 'the database has no correct image'
        )
        if evaluation.has_positive[row]:
            nearest = dataset.database.paths[int(np.nanargmin(away))]
            pictures.append(('correct image', _picture(nearest)))
    return Card(
        pictures,
        title=f'{_short(evaluation.queries[row])} → {_short(evaluation.database[match])}',
        facts=' · '.join(facts),
    )


def _short(name: str) -> str:
    """Return a name, shortened in the middle."""
    return name if len(name) <= 40 else f'{name[:24]}…{name[-12:]}'


def _picture(path: Path) -> str | None:
    try:
        return data_uri(ImageFile(path).rgb)
    except ImageError:
        return None
