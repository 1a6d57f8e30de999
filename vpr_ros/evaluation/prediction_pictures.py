# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of what was found: the query, then the images found in green or red frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.models.weights_file import whole_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.predictions import DatasetPredictions

    Picture = NDArray[np.uint8]

_HEIGHT = 240
_WIDEST = 480
_FRAME = 6
_GREEN, _RED, _GREY = (46, 160, 67), (207, 34, 46), (140, 149, 159)


def save_pictures(
    predictions: DatasetPredictions,
    folder: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Write a JPEG for each query, named as the query, in folders as the queries are.

    Args:
        predictions: Which queries, and how many images of each.
        folder: Made where it is not there.
        progress: Told how many queries are done, and of how many.

    Returns:
        How many were written.

    Raises:
        OSError: A file cannot be written.
    """
    queries, database = predictions.dataset.queries, predictions.dataset.database
    answers = list(predictions.answers())
    names = queries.names
    for done, (query, rows, right) in enumerate(answers, 1):
        colours = [_GREEN if ok else _RED for ok in right] if predictions.labelled else None
        panels = [_panel(queries.paths[query], _GREY)]
        panels += [
            _panel(database.paths[row], colour)
            for row, colour in zip(rows, colours or [_GREY] * len(rows), strict=True)
        ]
        path = folder / f'{names[query]}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = np.hstack(panels)[..., ::-1]
        with whole_file(path) as unfinished:
            unfinished.write_bytes(cv2.imencode('.jpg', drawn)[1].tobytes())
        progress(done, len(answers))
    return len(answers)


def _panel(path: Path, colour: Sequence[int]) -> Picture:
    """Return a picture of one height in a frame; a grey one where it cannot be read."""
    try:
        rgb = ImageFile(path).rgb
    except ImageError:
        rgb = np.full((_HEIGHT, _HEIGHT, 3), 96, np.uint8)
    width = min(_WIDEST, max(1, round(_HEIGHT * rgb.shape[1] / rgb.shape[0])))
    small = cv2.resize(rgb, (width, _HEIGHT), interpolation=cv2.INTER_AREA)
    sides = _FRAME, _FRAME, _FRAME, _FRAME
    framed = cv2.copyMakeBorder(small, *sides, cv2.BORDER_CONSTANT, value=tuple(colour))
    return cast('Picture', framed)
