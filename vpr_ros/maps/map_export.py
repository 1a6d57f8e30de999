# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Exchange with other programs: poses as TUM, places as GeoJSON and CSV.

Poses that a SLAM back end optimised again replace those of the map.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.geometry.geodesy import to_utm, utm_zone
from vpr_ros.geometry.pose import yaw_of
from vpr_ros.geometry.trajectory_file import TrajectoryError, tum_line
from vpr_ros.printable import as_cell
from vpr_ros.stamps import format_stamp, iso_time

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from vpr_ros.geometry.trajectory_file import Trajectory
    from vpr_ros.maps.reader import PlaceMap
    from vpr_ros.maps.writer import MapWriter

_PLACE = ('id', 'session', 'session_name', 'camera', 'stamp_ns', 'time', 'distance')
_UTM = ('utm_zone', 'utm_east', 'utm_north')
COLUMNS = (*_PLACE, 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'lon', 'lat', 'alt', *_UTM)
"""Of the CSV; UTM coordinates are all of one zone, that of the first place on Earth."""
Progress = Callable[[int, int], None]
_TOLD_EVERY = 4096
_DEGREE_DECIMALS = 9  # A tenth of a millimetre.


def _table(
    place_map: PlaceMap,
    rows: NDArray[np.intp],
    positions: NDArray[np.float64],
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """Yield places of a map, with their positions on Earth, as values; None where unknown."""
    snapshot = place_map.snapshot
    columns = snapshot.columns.take(rows)
    names = {key: name for key, (name, _, _) in snapshot.names.items()}
    zone, projected = _utm(positions)
    places = zip(
        columns.ids.tolist(),
        columns.sessions.tolist(),
        columns.cameras.tolist(),
        columns.stamps.tolist(),
        columns.distances.tolist(),
        columns.poses.tolist(),
        positions.tolist(),
        projected.tolist(),
        strict=True,
    )
    for done, (key, session, camera, stamp, distance, pose, geo, utm) in enumerate(
        places, start=1
    ):
        lat, lon, alt = geo
        east, north = utm
        values = [
            key,
            session,
            names[session],
            snapshot.cameras[camera].name,
            stamp,
            iso_time(stamp),
            distance,
            *pose,
            round(lon, _DEGREE_DECIMALS),
            round(lat, _DEGREE_DECIMALS),
            round(alt, 4) + 0.0,  # No negative zero.
            None if math.isnan(east) else zone,
            round(east, 4),
            round(north, 4),
        ]
        yield dict(zip(COLUMNS, map(_known, values), strict=True))
        if done % _TOLD_EVERY == 0 or done == len(columns):
            progress(done, len(columns))


def write_tum(
    place_map: PlaceMap, file: IO[str], sessions: Collection[int] | None = None, *, ids: bool
) -> int:
    """Write the poses, in order of stamp; return how many.

    Args:
        place_map: The map.
        file: Open for writing text.
        sessions: Identities; None for all.
        ids: Write identities of places where the form has stamps, in order of identity.

    Raises:
        MapError: There are places, and none has a pose.
    """
    chosen = _rows(place_map, sessions)
    columns = place_map.snapshot.columns
    rows = chosen[~np.isnan(columns.poses[chosen, 0])]
    if len(chosen) and not len(rows):
        msg = f'{place_map.path}: no place has a pose; a table (csv) lists places without one'
        raise MapError(msg)
    if not ids:
        rows = rows[np.argsort(columns.stamps[rows], kind='stable')]
    file.write(f'# {"id" if ids else "stamp"} x y z qx qy qz qw\n')
    keys = columns.ids[rows].tolist() if ids else columns.stamps[rows].tolist()
    for key, pose in zip(keys, columns.poses[rows].tolist(), strict=True):
        file.write(tum_line(str(key) if ids else format_stamp(key), pose) + '\n')
    return len(rows)


def write_csv(
    place_map: PlaceMap,
    file: IO[str],
    sessions: Collection[int] | None = None,
    progress: Progress = lambda _done, _total: None,
) -> int:
    """Write every place, fields that are unknown empty; return how many.

    Args:
        place_map: The map.
        file: Open for writing text with newline=''.
        sessions: Identities; None for all.
        progress: Told now and then how many are done, and of how many.
    """
    rows = _rows(place_map, sessions)
    writer = csv.DictWriter(file, COLUMNS)
    writer.writeheader()
    positions = place_map.snapshot.on_earth()[rows]
    for place in _table(place_map, rows, positions, progress):
        # Numbers may begin with a sign, names are anything.
        named = {key: as_cell(place[key]) for key in ('session_name', 'camera')}
        writer.writerow({**place, **named})
    return len(rows)


def write_geojson(
    place_map: PlaceMap,
    file: IO[str],
    sessions: Collection[int] | None = None,
    progress: Progress = lambda _done, _total: None,
) -> int:
    """Write the places whose position on Earth is known as points (RFC 7946); return how many.

    Args:
        place_map: The map.
        file: Open for writing text.
        sessions: Identities; None for all.
        progress: Told now and then how many are done, and of how many.

    Raises:
        MapError: There is none.
    """
    rows = _rows(place_map, sessions)
    positions = place_map.snapshot.on_earth()[rows]
    known = ~np.isnan(positions[:, 0])
    rows, positions = rows[known], positions[known]
    if not len(rows):
        msg = f'{place_map.path}: no place has a position on Earth, and there is no datum'
        raise MapError(msg)
    headings = _headings(place_map)
    file.write('{"type": "FeatureCollection", "features": [')
    for number, (row, place) in enumerate(
        zip(rows.tolist(), _table(place_map, rows, positions, progress), strict=True)
    ):
        point = [place['lon'], place['lat']]
        if place['alt'] is not None:
            point.append(place['alt'])
        feature = {
            'type': 'Feature',
            'id': place['id'],
            'geometry': {'type': 'Point', 'coordinates': point},
            'properties': {
                **{key: place[key] for key in _PLACE},
                'heading': _known(round(headings[row], 2)),
            },
        }
        file.write(',\n' * (number > 0) + json.dumps(feature, ensure_ascii=False, allow_nan=False))
    file.write(']}\n')
    return len(rows)


def _rows(place_map: PlaceMap, sessions: Collection[int] | None) -> NDArray[np.intp]:
    if sessions is None:
        return np.arange(len(place_map))
    for session in sessions:
        if session not in place_map.snapshot.names:
            msg = f'{place_map.path}: the map has no session {session}'
            raise MapError(msg)
    return np.flatnonzero(np.isin(place_map.sessions, list(sessions)))


def _headings(place_map: PlaceMap) -> list[float]:
    """Return where each place looks, degrees clockwise from north, NaN where it is unknown."""
    snapshot = place_map.snapshot
    if snapshot.meta.datum is None:
        return [math.nan] * len(snapshot)
    heading = np.degrees(np.pi / 2 - yaw_of(snapshot.columns.poses[:, 3:].T)) % 360
    # Poses made of fixes alone say by their covariance that nothing is known of the rotation.
    unknown = snapshot.columns.covariances[:, 20] > np.pi**2 * 0.999
    headings: list[float] = np.where(unknown, np.nan, heading).tolist()
    return headings


def _utm(positions: NDArray[np.float64]) -> tuple[str | None, NDArray[np.float64]]:
    """Return a zone and the UTM coordinates (N, 2) of positions (N, 3) in it, NaN where unknown.

    One zone for all, for coordinates of two cannot be subtracted.
    """
    known = positions[~np.isnan(positions[:, 0])]
    zone = utm_zone(*known[0, :2].tolist()) if len(known) else None
    if zone is None:
        return None, np.full((len(positions), 2), np.nan)
    number, south = zone
    return f'{number}{"S" if south else "N"}', to_utm(positions, number, south=south)


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


@dataclass(frozen=True)
class PoseUpdate:
    """Counts of the updated and kept places of a map, or of the sessions chosen.

    Attributes:
        updated: Places that have a new pose.
        kept: Places that were not in the trajectory and have the pose they had.
    """

    updated: int
    kept: int


def update_by_id(place_map: MapWriter, trajectory: Trajectory) -> PoseUpdate:
    """Replace the poses of the places a trajectory names by their identities, all or none.

    Raises:
        MapError: One does not exist or is named twice, or the map cannot be written.
    """
    place_map.update_poses(trajectory.keys, trajectory.poses)
    return PoseUpdate(len(trajectory.keys), len(place_map) - len(trajectory.keys))


def update_by_stamp(
    place_map: MapWriter,
    trajectory: Trajectory,
    tolerance: int = 10**6,
    sessions: Collection[int] | None = None,
) -> PoseUpdate:
    """Replace the poses of the places a trajectory passes at their stamps, all or none.

    Args:
        place_map: Open for writing.
        trajectory: Poses of the robot's base in the map frame, by stamp, in any order.
        tolerance: Nanoseconds by which the stamp of a pose may be off, for files with rounded
            stamps; the nearest counts.
        sessions: Identities; only their places are touched. None for all.

    Raises:
        TrajectoryError: It has two poses for one stamp, or none for any of the places.
        MapError: The map cannot be written.
    """
    order = np.argsort(trajectory.keys, kind='stable')
    stamps = trajectory.keys[order]
    twice = np.flatnonzero(np.diff(stamps) == 0)
    if len(twice):
        msg = f'there are several poses at {format_stamp(int(stamps[twice[0]]))} s'
        raise TrajectoryError(msg)
    columns = place_map.snapshot.columns
    rows = np.arange(len(columns))
    if sessions is not None:
        rows = np.flatnonzero(np.isin(columns.sessions, list(sessions)))
    chosen = which = np.empty(0, np.intp)
    if len(stamps):
        nearest = _nearest(stamps, columns.stamps[rows])
        found = _apart(stamps[nearest], columns.stamps[rows]) <= tolerance
        chosen, which = rows[found], order[nearest[found]]
    if not len(chosen):
        msg = f'none of the {len(stamps)} poses is at the stamp of one of {len(rows)} places'
        raise TrajectoryError(msg)
    place_map.update_poses(columns.ids[chosen], [trajectory.poses[i] for i in which.tolist()])
    return PoseUpdate(len(chosen), len(rows) - len(chosen))


def _nearest(stamps: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.intp]:
    """Return the index of the nearest of ascending stamps, of which there is at least one."""
    after = np.minimum(np.searchsorted(stamps, wanted), len(stamps) - 1)
    before = np.maximum(after - 1, 0)
    nearer = _apart(wanted, stamps[before]) <= _apart(stamps[after], wanted)
    return np.where(nearer, before, after)


def _apart(some: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the nanoseconds between stamps, also between the first and the last there can be."""
    return (np.maximum(some, others) - np.minimum(some, others)).view(np.uint64)
