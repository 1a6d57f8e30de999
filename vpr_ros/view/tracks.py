# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What changes along a time line: poses, scores, statuses and words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.geometry.pose import rotation_of
from vpr_ros.localize import Status
from vpr_ros.view import colours
from vpr_ros.view import entities as at
from vpr_ros.view.terrain import BIG_POINT, LINE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.view.entities import Entity
    from vpr_ros.view.terrain import Terrain
    from vpr_ros.view.view_stream import Moments, ViewStream

    Floats = NDArray[np.float64]


def play_marks(
    stream: ViewStream,
    entity: Entity,
    moments: Moments,
    known: NDArray[np.bool_],
    radius: float,
    colour: tuple[int, int, int],
    **columns: Any,
) -> None:
    """Play marks of one size and colour: one at each known moment (T,), none at the others.

    Args:
        stream: Takes them.
        entity: Shows them.
        moments: T.
        known: (T,) which of them have a mark.
        radius: Of each.
        colour: Of each.
        columns: Of the archetype, with a value for each mark.
    """
    count = int(known.sum())
    stream.play(
        entity,
        moments,
        known.astype(int),
        radii=np.full(count, radius),
        colors=np.tile(colour, (count, 1)),
        **columns,
    )


def play_arrows(
    stream: ViewStream,
    entity: Entity,
    moments: Moments,
    poses: Floats,
    terrain: Terrain,
    colour: tuple[int, int, int],
) -> None:
    """Play poses (T, 7) as arrows along the x axis of the base, none where one is NaN."""
    known = np.isfinite(poses[:, 0])
    if known.any():
        ahead = rotation_of(poses[known, 3:].T)[:, 0].T * terrain.arrow
        origins, vectors = terrain.local(poses[known, :3]), ahead.astype(np.float32)
        play_marks(
            stream, entity, moments, known, 2 * LINE, colour, origins=origins, vectors=vectors
        )


def play_points(
    stream: ViewStream,
    entity: Entity,
    moments: Moments,
    positions: NDArray[np.floating],
    colour: tuple[int, int, int],
) -> None:
    """Play positions as points, none where one is NaN.

    Args:
        stream: Takes them.
        entity: Shows them.
        moments: T.
        positions: (T, 3) as `Terrain.local` gives them, or latitudes and longitudes (T, 2).
        colour: Of all.
    """
    known = np.isfinite(positions[:, 0])
    if known.any():
        marks = positions[known]
        play_marks(stream, entity, moments, known, 2 * BIG_POINT, colour, positions=marks)


def play_scores(
    stream: ViewStream, moments: Moments, scores: dict[Entity, Floats], *, points: bool = False
) -> None:
    """Play numbers (T,) of entities as lines, or as points where they are sparse; NaN is none."""
    for entity, values in scores.items():
        known = np.flatnonzero(np.isfinite(values))
        if len(known):
            if points:
                stream.style(at.DOTS.at(entity), marker_sizes=[4.0])
            stream.play(entity, moments.take(known), scalars=values[known])


def play_statuses(stream: ViewStream, moments: Moments, statuses: Sequence[str]) -> None:
    """Play the names of statuses, by colour."""
    names = [status.name for status in Status]
    stream.show(at.QUERY_STATES, values=names, colors=[colours.STATUSES[name] for name in names])
    stream.play(at.QUERY_STATUS, moments, state=list(statuses))


def play_words(stream: ViewStream, entity: Entity, moments: Moments, texts: Sequence[str]) -> None:
    """Play texts in Markdown."""
    stream.play(entity, moments, text=list(texts), media_type=[at.MARKDOWN] * len(texts))
