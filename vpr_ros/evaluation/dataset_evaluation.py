# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A published data set evaluated as the papers do: every query against the whole database."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.dataset_rerank import LOCAL, reranked
from vpr_ros.evaluation.dataset_results import DatasetEvaluation, DatasetSetup, MethodResult
from vpr_ros.evaluation.dataset_search import BINARY, BOTH, FLOAT, codes_of, search
from vpr_ros.evaluation.datasets import have_positives, near
from vpr_ros.evaluation.description_store import describe_images
from vpr_ros.evaluation.metrics import RECALL_COUNTS, first_ranks
from vpr_ros.evaluation.query_crops import CROPS, CropMeans, nearest_of_crops
from vpr_ros.evaluation.stored import NAMES
from vpr_ros.localize import Reranking
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    from vpr_ros.evaluation.dataset_findings import Finding
    from vpr_ros.evaluation.dataset_search import Ranking
    from vpr_ros.evaluation.datasets import Dataset, ImageSet
    from vpr_ros.evaluation.description_store import AnyDescriber
    from vpr_ros.evaluation.query_crops import TestMethod
    from vpr_ros.localize.verification.local_features import LocalDetector

    Progress: TypeAlias = Callable[[str, int, int], None]
    """Called with the name of the work, the number done and the total."""

_BATCH = 32
"""Images described between two writes, where descriptions do not depend on it."""


def cache_folder() -> Path:
    """Return where descriptions are kept: in ``$XDG_CACHE_HOME``, or ``~/.cache``."""
    base = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    return Path(base) / 'vpr_ros' / 'descriptions'


def evaluate_dataset(  # noqa: PLR0913  each is a choice of its own
    dataset: Dataset,
    describer: AnyDescriber,
    cache: Path,
    *,
    batch: int = 0,
    candidates: int = 100,
    bits: int = 512,
    queries_list: str = '',
    test_method: TestMethod = 'hard-resize',
    detector: LocalDetector | None = None,
    reranking: Reranking | None = None,
    findings: Sequence[Finding] = (),
    created: str = '',
    rankings_to: Callable[[dict[str, Ranking]], object] = lambda _rankings: None,
    progress: Progress = lambda _what, _done, _total: None,
) -> DatasetEvaluation:
    """Describe all images, search in three ways, re-rank, and judge the candidates.

    Recall is over all queries: one without a correct image in the database counts as missed, and
    so does one that cannot be read. Descriptions are kept in the cache, so that a run that
    was killed goes on where it was, and one with another tolerance need not describe anything.

    Args:
        dataset: What to search, by what, and which answers are correct.
        describer: Describes the images.
        cache: Folder where descriptions are kept.
        batch: Images described together, where the descriptions depend on that; else 0.
        candidates: Images that codes pass on to floats.
        bits: Length of the codes, where they have to be fitted.
        queries_list: Name of the list the queries were chosen by, to be kept with the results.
        test_method: What is described of a query.
        detector: Of local features that re-rank the first candidates; None does not.
        reranking: How many it compares.
        findings: Of the linter, to be kept with the results.
        created: When, ISO 8601, likewise.
        rankings_to: Given the answers of every search method, of which the result keeps the first.
        progress: Told how far it is.

    Raises:
        VprError: The cache cannot be written, or nothing can be read.
    """
    database, queries = (
        describe_images(
            images,
            describer,
            cache,
            batch=batch or _BATCH,
            company=batch,
            cuts=cuts,
            progress=lambda done, total, what=what: progress(f'describing {what}', done, total),  # type: ignore[misc]
        )
        for what, images, cuts in (
            ('database', dataset.database, ()),
            ('queries', dataset.queries, CROPS[test_method]),
        )
    )
    if test_method == 'five-crops':
        queries = CropMeans(queries)
    codes = codes_of(database, queries, bits)
    rankings = search(
        database,
        queries,
        codes,
        k=max(RECALL_COUNTS),
        candidates=candidates,
        progress=lambda done, total: progress('searching', done, total),
    )
    if test_method == 'nearest-crop':
        rankings = {name: nearest_of_crops(ranking) for name, ranking in rankings.items()}
    if detector is not None:
        rankings[LOCAL] = reranked(
            dataset,
            rankings[BOTH],
            detector,
            reranking or Reranking(),
            lambda done, total: progress('comparing local features', done, total),
        )
    rankings_to(rankings)
    seconds = np.concatenate([database.seconds, queries.seconds])
    setup = DatasetSetup(
        dataset=dataset.name,
        layout=dataset.form,
        model=describer.model_info,
        tolerance=dataset.tolerance,
        candidates=candidates,
        code_bits=codes.bits,
        coder=codes.coder,
        batch=batch,
        queries_id=queries_id(dataset.queries),
        queries_list=queries_list,
        unreadable_database=int((~database.readable).sum()),
        unreadable_queries=int((~queries.readable).sum())
        * len(dataset.queries.paths)
        // max(1, len(queries)),
        test_method=test_method,
        detector='' if detector is None else detector.rule.detector,
        describe_seconds=float(np.nanmedian(seconds)),
        stored_bytes=database.bytes + queries.bytes,
        created=created,
        software=SOFTWARE,
    )
    return DatasetEvaluation(
        setup,
        dataset.database.names,
        dataset.queries.names,
        have_positives(dataset),
        {name: judged(dataset, ranking) for name, ranking in rankings.items()},
        list(findings),
    )


def search_methods(*, local: bool) -> tuple[str, ...]:
    """Return the names of the methods that are compared, with local features or without."""
    return (FLOAT, BINARY, BOTH, LOCAL) if local else (FLOAT, BINARY, BOTH)


def queries_id(queries: ImageSet) -> str:
    """Return an identifier of the queries, equal for evaluations of the same queries."""
    digest = hashlib.sha256(queries.poses.astype('<f8').tobytes())
    for path, name in zip(queries.paths, queries.names, strict=True):
        digest.update(f'{name}\0{path.stat().st_size}\n'.encode(errors=NAMES))
    return digest.hexdigest()


def judged(dataset: Dataset, ranking: Ranking) -> MethodResult:
    """Return which answers are correct."""
    right = np.zeros(ranking.rows.shape, np.bool_)
    for query, rows in enumerate(ranking.rows):
        found = dataset.database.poses[rows]
        right[query] = near(dataset.queries.poses[query][None], found, dataset.tolerance)
    return MethodResult(
        first_ranks(right & (ranking.rows >= 0)),
        ranking.rows[:, 0],
        ranking.scores[:, 0].astype(np.float64),
        ranking.rows.shape[1],
        ranking.seconds,
    )
