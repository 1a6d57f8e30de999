# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures along a time line: of frames, and of places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.maps.coder import sample_rows
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vpr_ros.evaluation.picture_sources import Pictures
    from vpr_ros.maps import PlaceMap
    from vpr_ros.view.entities import Entity
    from vpr_ros.view.view_stream import Moments, ViewStream

MOST_PICTURES = 1000
"""Moments that have pictures; of longer time lines, these are chosen evenly. A thousand pictures
are about 14 MB."""


def chosen(count: int) -> list[int]:
    """Return which of so many moments have pictures."""
    return list(sample_rows(count, MOST_PICTURES).tolist())


def too_many(count: int) -> str:
    """Say of how many moments there are pictures, empty where of all."""
    if count <= MOST_PICTURES:
        return ''
    return f'pictures are shown of {MOST_PICTURES} of {count}, chosen evenly'


def play_frames(
    stream: ViewStream,
    entity: Entity,
    moments: Moments,
    pictures: Pictures,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Play pictures of frames, small; return how many there are.

    Args:
        stream: Takes them.
        entity: Shows them.
        moments: Of the frames.
        pictures: By number of the frame, from 0.
        progress: Told how many are read, and of how many.
    """
    rows = chosen(len(moments))

    def small() -> Iterator[tuple[int, bytes]]:
        for done, (row, rgb) in enumerate(pictures(rows), start=1):
            progress(done, len(rows))
            yield row, encode_thumbnail(rgb, THUMBNAIL_SIZE)

    return _play(stream, entity, moments, small())


def play_places(
    stream: ViewStream,
    entity: Entity,
    moments: Moments,
    place_map: PlaceMap,
    places: Sequence[int | None],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Play the thumbnails of places; return how many there are.

    Args:
        stream: Takes them.
        entity: Shows them.
        moments: T.
        place_map: Has the thumbnails.
        places: T ids, None for none.
        progress: Told how many are read, and of how many.

    Raises:
        MapError: A thumbnail is damaged.
    """
    rows = chosen(len(moments))

    def thumbnails() -> Iterator[tuple[int, bytes]]:
        for done, row in enumerate(rows, start=1):
            place = places[row]
            jpeg = None if place is None else place_map.thumbnail(place)
            if jpeg is not None:
                yield row, jpeg
            progress(done, len(rows))

    return _play(stream, entity, moments, thumbnails())


def _play(
    stream: ViewStream, entity: Entity, moments: Moments, pictures: Iterable[tuple[int, bytes]]
) -> int:
    """Play JPEGs by number of the moment, and at the other moments none."""
    empty = np.ones(len(moments), np.bool_)
    for row, jpeg in pictures:
        empty[row] = False
        stream.play_picture(entity, moments.take([row]), jpeg)
    shown = int((~empty).sum())
    if shown and empty.any():
        stream.hide(entity, moments.take(np.flatnonzero(empty)))
    return shown
