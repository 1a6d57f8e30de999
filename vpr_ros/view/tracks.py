# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What changes along a time line: poses, scores, statuses and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    count = int(known.sum())
    if count:
        ahead = rotation_of(poses[known, 3:].T)[:, 0].T * terrain.arrow
        stream.play(
            entity,
            moments,
            known.astype(int),
            origins=terrain.local(poses[known, :3]),
            vectors=ahead.astype(np.float32),
            radii=np.full(count, 2 * LINE),
            colors=np.tile(colour, (count, 1)),
        )


def play_on_earth(
    stream: ViewStream,
    entity: Entity,
    moments: Moments,
    positions: Floats,
    colour: tuple[int, int, int],
) -> None:
    """Play latitudes and longitudes (T, 2), degrees, as points, none where one is NaN."""
    known = np.isfinite(positions[:, 0])
    count = int(known.sum())
    if count:
        stream.play(
            entity,
            moments,
            known.astype(int),
            positions=positions[known],
            radii=np.full(count, 2 * BIG_POINT),
            colors=np.tile(colour, (count, 1)),
        )


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
