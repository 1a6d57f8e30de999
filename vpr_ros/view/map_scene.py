# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map in the viewer: its sessions, its weak spots, and one place after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.search.map_health import resembling
from vpr_ros.view import colours, layouts
from vpr_ros.view import entities as at
from vpr_ros.view.picture_tracks import play_places
from vpr_ros.view.terrain import BIG_POINT, LINE, Terrain, show_places
from vpr_ros.view.tracks import play_marks, play_points, play_scores, play_words
from vpr_ros.view.view_stream import Moments
from vpr_ros.view.words_on_maps import about_map, about_place

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.maps import PlaceMap
    from vpr_ros.search.map_health import MapHealth
    from vpr_ros.search.self_similarity import SelfSimilarity
    from vpr_ros.view.view_stream import ViewStream

_MOST_DISTINCT = 8.0


@dataclass(frozen=True, eq=False)
class ExaminedMap:
    """A map and its weak spots.

    Attributes:
        place_map: The map.
        similarity: Of M of its places, all if not too many.
        health: Of the map.
    """

    place_map: PlaceMap
    similarity: SelfSimilarity
    health: MapHealth


def show_map(
    stream: ViewStream,
    examined: ExaminedMap,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Show a map.

    Args:
        stream: Takes it.
        examined: The map.
        progress: Told how many places have their pictures, and of how many.

    Returns:
        What is not shown, in words; empty where all is.

    Raises:
        MapError: A thumbnail is damaged.
    """
    snapshot = examined.place_map.snapshot
    columns = snapshot.columns
    terrain = Terrain.of(columns.poses[:, :3], snapshot.meta.datum)
    show_places(stream, snapshot, terrain)
    _show_health(stream, examined, terrain)
    _play_places(stream, examined, terrain)
    shown = _play_pictures(stream, examined, progress)
    left_out = _left_out(examined, shown)
    stream.say(about_map(examined.place_map, examined.health, terrain), left_out)
    stream.arrange(
        layouts.of_map(
            posed=bool(np.isfinite(columns.poses[:, 0]).any()),
            placed=bool(np.isfinite(snapshot.on_earth()[:, 0]).any()),
            pictured=shown > 0,
        )
    )
    return left_out


def _show_health(stream: ViewStream, examined: ExaminedMap, terrain: Terrain) -> None:
    """Show distinctness by colour, and look-alike places, gaps and blank places."""
    snapshot, similarity, health = (
        examined.place_map.snapshot,
        examined.similarity,
        examined.health,
    )
    columns = snapshot.columns
    positions, on_earth = columns.poses[:, :3], snapshot.on_earth()[:, :2]
    posed = np.isfinite(positions[similarity.rows, 0])
    if posed.any():
        shades = colours.shades(similarity.distinctness, _MOST_DISTINCT)
        alike = resembling(similarity)
        shades[alike] = colours.LOOK_ALIKE
        rows = similarity.rows[posed]
        stream.show(
            at.DISTINCTNESS,
            positions=terrain.local(positions[rows]),
            radii=[BIG_POINT],
            colors=shades[posed],
            labels=[f'place {place}' for place in columns.ids[rows].tolist()],
            show_labels=False,
        )
    ends = _ends_of_look_alikes(similarity)
    steps = [columns.rows_of([gap.before, gap.after]) for gap in health.gaps]
    blank = columns.rows_of([each.place for each in health.blank])
    for pairs, entity, earthly, colour in (
        (ends, at.LOOK_ALIKES, at.LOOK_ALIKES_ON_EARTH, colours.LOOK_ALIKE),
        (steps, at.GAPS, at.GAPS_ON_EARTH, colours.GAP),
    ):
        if strips := [terrain.local(positions[pair]) for pair in pairs if _known(positions[pair])]:
            stream.show(entity, strips=strips, radii=[LINE], colors=[colour])
        if lines := [on_earth[pair] for pair in pairs if _known(on_earth[pair])]:
            stream.show(earthly, lat_lon=lines, radii=[LINE], colors=[colour])
    blank = blank[np.isfinite(positions[blank, 0])]
    if len(blank):
        stream.show(
            at.BLANK,
            positions=terrain.local(positions[blank]),
            radii=[BIG_POINT],
            colors=[colours.BLANK_PLACE],
        )


def _known(positions: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(positions).all())


def _ends_of_look_alikes(similarity: SelfSimilarity) -> list[NDArray[np.intp]]:
    """Return the rows (2,) of each two places that resemble each other, once each."""
    alike = resembling(similarity)
    pairs = np.stack([similarity.rows[alike], similarity.matches[alike]], axis=1)
    return list(np.unique(np.sort(pairs, axis=1), axis=0))


def _play_places(stream: ViewStream, examined: ExaminedMap, terrain: Terrain) -> None:
    """Play the examined places one after the other: where each is, and how distinct."""
    place_map, similarity = examined.place_map, examined.similarity
    columns, rows, matches = place_map.snapshot.columns, similarity.rows, similarity.matches
    moments = Moments('place', columns.ids[rows])
    positions = terrain.local(columns.poses[:, :3])
    play_points(stream, at.PLACE, moments, positions[rows], colours.HERE)
    on_earth = place_map.snapshot.on_earth()[rows, :2]
    play_points(stream, at.PLACE_ON_EARTH, moments, on_earth, colours.HERE)
    posed = np.isfinite(positions[:, 0])
    linked = resembling(similarity) & posed[rows] & posed[matches]
    strips = np.stack([positions[rows[linked]], positions[matches[linked]]], axis=1)
    play_marks(stream, at.PLACE_RESEMBLES, moments, linked, 2 * LINE, colours.HERE, strips=strips)
    scores = {
        at.BESIDE: similarity.beside,
        at.ELSEWHERE: similarity.elsewhere,
        at.DISTINCTNESS_PLOT: similarity.distinctness,
    }
    play_scores(stream, moments, scores)
    texts = [about_place(place_map, similarity, index) for index in range(len(rows))]
    play_words(stream, at.PLACE_ABOUT, moments, texts)


def _play_pictures(
    stream: ViewStream, examined: ExaminedMap, progress: Callable[[int, int], None]
) -> int:
    """Play the thumbnails of places, and of those that they resemble most; return how many."""
    similarity, ids = examined.similarity, examined.place_map.ids
    moments = Moments('place', ids[similarity.rows])
    own = ids[similarity.rows].tolist()
    other = [int(ids[match]) if match >= 0 else None for match in similarity.matches.tolist()]
    play_places(stream, at.PLACE_LOOK_ALIKE, moments, examined.place_map, other)
    return play_places(stream, at.PLACE_PICTURE, moments, examined.place_map, own, progress)


def _left_out(examined: ExaminedMap, shown: int) -> str:
    """Return what is not shown of a map, in words."""
    health, total = examined.health, examined.health.places
    told = []
    if health.poseless == total:
        told.append('no place has a pose, so that there is no map to look at')
    elif health.poseless:
        told.append(f'{health.poseless} of {total} places have no pose and are not on the map')
    if health.examined < total:
        told.append(f'{health.examined} of {total} places were examined, chosen evenly')
    if not shown:
        told.append('the map keeps no thumbnails, so that there are no pictures')
    elif shown < total:
        told.append(f'pictures are shown of {shown} of {total} places')
    return '; '.join(told)
