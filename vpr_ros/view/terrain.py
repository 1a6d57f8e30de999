# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The places of a map as the viewer takes them: near an origin, on Earth, in traverses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.search.self_similarity import Traverses
from vpr_ros.view import colours
from vpr_ros.view import entities as at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.geometry import Datum
    from vpr_ros.maps import Snapshot
    from vpr_ros.view.view_stream import ViewStream

    Floats = NDArray[np.float64]

POINT, BIG_POINT, LINE = -3.0, -6.0, -1.0
"""Radii in points of the screen, which Rerun takes as negative numbers."""
_FAR, _WHOLE = 100_000.0, 1000.0
"""Metres from which positions are shown about another origin, since the viewer has float32; and
what the origin is a multiple of."""
_ARROWS, _SHORTEST, _LONGEST = 25, 0.3, 10.0
"""Arrows along the extent of a map, and bounds of their length, metres."""


@dataclass(frozen=True, eq=False)
class Terrain:
    """Where the poses of a map are in the viewer, and on Earth.

    Attributes:
        origin: (3,) of the viewer in the map frame, metres.
        datum: Origin of the map frame on Earth, where it is known.
        arrow: Length of the arrows that show poses, metres.
    """

    origin: Floats
    datum: Datum | None = None
    arrow: float = 1.0

    @staticmethod
    def of(positions: Floats, datum: Datum | None = None) -> Terrain:
        """Return the terrain of places at positions (N, 3) in the map frame, NaN where unknown."""
        known = positions[np.isfinite(positions).all(axis=1)]
        middle = np.median(known, axis=0) if len(known) else np.zeros(3)
        far = np.abs(middle) > _FAR
        extent = float(np.ptp(known, axis=0).max()) if len(known) else 0.0
        arrow = min(max(extent / _ARROWS, _SHORTEST), _LONGEST)
        return Terrain(np.where(far, (middle / _WHOLE).round() * _WHOLE, 0.0), datum, arrow)

    @property
    def moved(self) -> bool:
        """Whether positions are shown about another origin than that of the map."""
        return bool(self.origin.any())

    def local(self, positions: Floats) -> NDArray[np.float32]:
        """Return positions (..., 3) in the map frame as the viewer takes them."""
        return np.asarray(positions - self.origin, np.float32)

    def on_earth(self, positions: Floats) -> Floats:
        """Return latitude and longitude (N, 2) of positions (N, 3) in the map frame.

        NaN where a position is, and everywhere without a datum.
        """
        found = np.full((len(positions), 2), np.nan)
        known = np.isfinite(positions).all(axis=1)
        if self.datum is not None and known.any():
            found[known] = self.datum.to_geodetic(positions[known])[:, :2]
        return found


def runs(positions: Floats, traverses: Traverses) -> list[NDArray[np.intp]]:
    """Return the rows of places that follow each other in a traverse, two or more at a time.

    Args:
        positions: (N, 2 or 3), NaN where one is not known, which ends a run.
        traverses: Of the places.
    """
    order = np.lexsort((traverses.indices, traverses.numbers))
    order = order[np.isfinite(positions[order]).all(axis=1)]
    ends = np.diff(traverses.numbers[order]) != 0
    ends |= np.diff(traverses.indices[order]) != 1
    return [run for run in np.split(order, np.flatnonzero(ends) + 1) if len(run) > 1]


def one_run(count: int) -> Traverses:
    """Return a traverse of so many frames."""
    return Traverses(np.zeros(count, np.intp), np.arange(count))


def session_part(key: int, name: str) -> str:
    """Return the part of a path that names a session, another for each."""
    return f'{key} {name}'.strip()


def show_places(
    stream: ViewStream, snapshot: Snapshot, terrain: Terrain, poses: Floats | None = None
) -> None:
    """Show the places of each session as points, and the way from one to the next as a line.

    Args:
        stream: Takes them.
        snapshot: The map.
        terrain: Of the map.
        poses: (N, 7) in place of those of the map.
    """
    columns = snapshot.columns
    positions = np.asarray(columns.poses if poses is None else poses, np.float64)[:, :3]
    on_earth = snapshot.on_earth()[:, :2] if poses is None else terrain.on_earth(positions)
    posed, placed = np.isfinite(positions).all(axis=1), np.isfinite(on_earth).all(axis=1)
    ways = runs(positions, Traverses.of(columns.sessions, columns.cameras))
    stream.show(at.UP, xyz=at.Z_UP)
    for turn, (key, (name, _, _)) in enumerate(sorted(snapshot.names.items())):
        part, colour = session_part(key, name), colours.SESSIONS[turn % len(colours.SESSIONS)]
        own = columns.sessions == key
        if (rows := np.flatnonzero(own & posed)).size:
            stream.show(
                at.PLACES.of(part),
                positions=terrain.local(positions[rows]),
                radii=[POINT],
                colors=[colour],
                labels=[f'place {place}' for place in columns.ids[rows].tolist()],
                show_labels=False,
            )
        if strips := [terrain.local(positions[way]) for way in ways if own[way[0]]]:
            stream.show(at.WAYS.of(part), strips=strips, radii=[LINE], colors=[colour])
        if (rows := np.flatnonzero(own & placed)).size:
            where = at.PLACES_ON_EARTH.of(part)
            stream.show(where, lat_lon=on_earth[rows], radii=[POINT], colors=[colour])


def show_way(stream: ViewStream, positions: Floats, terrain: Terrain) -> None:
    """Show the way of a drive over positions (Q, 3), NaN where one is not known."""
    ways = runs(positions, one_run(len(positions)))
    if ways:
        strips = [terrain.local(positions[way]) for way in ways]
        stream.show(at.DRIVE_WAY, strips=strips, radii=[LINE], colors=[colours.TRUTH])
    if ways and terrain.datum is not None:
        lines = [terrain.on_earth(positions[way]) for way in ways]
        stream.show(at.DRIVE_ON_EARTH, lat_lon=lines, radii=[LINE], colors=[colours.TRUTH])
