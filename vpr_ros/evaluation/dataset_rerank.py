# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The first images of a data set's answers, compared with their queries by local features."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.evaluation.dataset_search import Ranking
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.localize import Verifier
from vpr_ros.search import Candidates
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.evaluation.datasets import Dataset, ImageSet
    from vpr_ros.localize import Reranking
    from vpr_ros.localize.verification.local_features import LocalDetector

LOCAL = 'then-local-features'


@dataclass(frozen=True)
class _Thumbnails:
    """Thumbnails as a map would have them, made of the files when they are needed."""

    images: ImageSet

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the JPEG of an image by its row, None where it cannot be read."""
        try:
            return encode_thumbnail(ImageFile(self.images.paths[place_id]).rgb, THUMBNAIL_SIZE)
        except ImageError:
            return None


def reranked(
    dataset: Dataset,
    ranking: Ranking,
    detector: LocalDetector,
    how: Reranking,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Ranking:
    """Return a ranking whose first images are ordered by similarity and inliers, as in a map.

    Args:
        dataset: Queries and database.
        ranking: By descriptors.
        detector: Of local features.
        how: How many images of a query are compared.
        progress: Told how many queries are done, and of how many.

    Returns:
        Scores are the numbers of inliers, NaN of what was not compared.
    """
    verifier = Verifier(_Thumbnails(dataset.database), detector)
    rows, scores = ranking.rows.copy(), np.full(ranking.scores.shape, np.nan, np.float32)
    start, total = time.perf_counter(), len(rows)
    for query, path in enumerate(dataset.queries.paths):
        found = rows[query][rows[query] >= 0]
        if len(found):
            candidates = Candidates(
                found,
                ranking.scores[query, : len(found)].astype(np.float64),
                np.full(len(found), -1),
                dataset.database.poses[found],
            )
            comparison = verifier.comparison(ImageFile(path).rgb)
            candidates = comparison.reranked(candidates, how)
            rows[query, : len(found)] = candidates.ids
            if candidates.inliers is not None:
                scores[query, : len(found)] = candidates.inliers
        progress(query + 1, total)
    seconds = (time.perf_counter() - start) / max(1, total)
    return Ranking(rows, scores, ranking.seconds + seconds)
