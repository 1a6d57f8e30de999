# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Draws an answer as an image: the query beside the first candidate, with similarities."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import decode
from vpr_ros.localize import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.localize import Localization
    from vpr_ros.search import Candidates

    Picture = NDArray[np.uint8]

_PANEL = 400
"""Width of each of the two images, pixels."""
_TALLEST = 1.0
"""Greatest ratio of height to width of an image."""
_LINE = 24
_MARGIN = 10
_ROWS = 5
"""Number of candidates listed."""
_FONT = cv2.FONT_HERSHEY_DUPLEX
_BACKGROUND = (22, 24, 29)
_INK = (236, 237, 240)
_FAINT = (150, 154, 163)
_GOOD = (64, 200, 140)
_BAD = (240, 150, 60)


def draw(rgb: Picture, result: Localization, match: bytes | None, camera: str = '') -> Picture:
    """Draw a query beside its first candidate, above the similarities of the first few.

    Args:
        rgb: The query, (H, W, 3) uint8.
        result: Answer to the query.
        match: Thumbnail (JPEG) of the first candidate, where the map stores one.
        camera: Name of the query's camera.

    Returns:
        RGB (H, W, 3) uint8.
    """
    width = 2 * _PANEL + 3 * _MARGIN
    height = round(_PANEL * min(rgb.shape[0] / rgb.shape[1], _TALLEST))
    candidates = result.candidates.take(slice(_ROWS))
    count = len(candidates)
    rows = 2 * (_LINE + _MARGIN) + height + _MARGIN + _LINE * count
    canvas = np.full((rows + _MARGIN * bool(count), width, 3), _BACKGROUND, np.uint8)
    decision = result.decision
    colour = _GOOD if decision.status == Status.ACCEPTED else _BAD
    verdict = f'{decision.status.name}: {decision.reason}'
    _write(canvas, verdict, (_MARGIN, _LINE), colour, width - 2 * _MARGIN)
    right, top = 2 * _MARGIN + _PANEL, 2 * _LINE + _MARGIN
    _write(canvas, f'query {camera}'.strip(), (_MARGIN, top), _FAINT, _PANEL)
    title = 'no candidate'
    if count:
        place = candidates.place(0)
        seen_by = f', {place.camera}' if place.camera else ''
        title = f'best match: place {place.id}, session {place.session}{seen_by}'
    _write(canvas, title, (right, top), _FAINT, _PANEL)
    top += _MARGIN
    _paste(canvas, rgb, (_MARGIN, top), (_PANEL, height))
    picture = None
    if match is not None:
        with contextlib.suppress(ImageError):
            picture = decode(SimpleNamespace(format='jpeg', data=match))
    if picture is not None:
        _paste(canvas, picture, (right, top), (_PANEL, height))
    elif count:
        at = right, top + height // 2
        _write(canvas, 'the map stores no thumbnail of this place', at, _FAINT, _PANEL)
    _bars(canvas, candidates, top + height + _MARGIN, colour)
    return canvas


def _bars(canvas: Picture, candidates: Candidates, top: int, colour: Sequence[int]) -> None:
    """List candidates, each with a bar as long as its similarity."""
    left, full = 2 * _MARGIN + _PANEL, _PANEL - 1
    columns = candidates.ids, candidates.similarities, candidates.hamming
    for i, (place_id, similarity, hamming) in enumerate(zip(*columns, strict=True)):
        y = top + (i + 1) * _LINE - 8
        bits = f', {hamming} bits differ' if hamming >= 0 else ''
        text = f'{i + 1}. place {place_id}: similarity {similarity:.3f}{bits}'
        _write(canvas, text, (_MARGIN, y), _INK, _PANEL)
        length = round(full * min(max(float(similarity), 0.0), 1.0))
        cv2.rectangle(canvas, (left, y - 11), (left + full, y + 1), (44, 47, 54), cv2.FILLED)
        shade = colour if i == 0 else _FAINT
        cv2.rectangle(canvas, (left, y - 11), (left + length, y + 1), shade, cv2.FILLED)


def _paste(canvas: Picture, rgb: Picture, at: tuple[int, int], size: tuple[int, int]) -> None:
    """Put an image into a field of the canvas, as large as fits."""
    scale = min(size[0] / rgb.shape[1], size[1] / rgb.shape[0])
    width, height = (max(1, round(side * scale)) for side in (rgb.shape[1], rgb.shape[0]))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    x, y = at[0] + (size[0] - width) // 2, at[1] + (size[1] - height) // 2
    canvas[y : y + height, x : x + width] = cv2.resize(rgb, (width, height), interpolation=way)


def _write(
    canvas: Picture, text: str, at: tuple[int, int], colour: Sequence[int], width: int
) -> None:
    """Write a line in letters small enough to fit the width."""
    plain = text.encode('ascii', 'replace').decode()  # OpenCV draws ASCII only
    scale = 0.5
    needed = cv2.getTextSize(plain, _FONT, scale, 1)[0][0]
    scale *= min(1.0, width / max(needed, 1))
    cv2.putText(canvas, plain, at, _FONT, scale, colour, 1, cv2.LINE_AA)
