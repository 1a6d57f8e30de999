# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pulling sessions into the file of a map: new ones added, changed ones replaced."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import FleetContentsError, MapModelError
from vpr_ros.fleet.place_rows import MOST_PLACES, ImageKeys
from vpr_ros.fleet.server_connection import one_moment
from vpr_ros.maps import MapWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.fleet.fleet_map import FleetMap, FleetSession
    from vpr_ros.fleet.region import MapRegion
    from vpr_ros.maps import Snapshot
    from vpr_ros.maps.columns import Columns


@dataclass
class PullReport:
    """What became of the sessions of a map's file.

    Attributes:
        added: UUIDs of those that are new there.
        replaced: Of those that had changed.
        removed: Of those that were removed.
        unchanged: How many were as they are on the server.
        places: How many places were written.
        refused: Why sessions were left as they were here, by their UUIDs: those on the server make
            no sense.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    places: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.added or self.replaced or self.removed)


def open_copy(path: Path, fleet: FleetMap) -> MapWriter:
    """Open a file to pull into, which is made where there is none.

    Raises:
        MapError: The file is of another model, or cannot be written.
    """
    meta = fleet.rules.meta
    if path.exists():
        return MapWriter.open(path, model=meta.model, memory_budget=0)
    return MapWriter.create(path, meta.model, meta.frame_id, meta.datum, 0)


def pull(
    fleet: FleetMap,
    place_map: MapWriter,
    sessions: Sequence[FleetSession],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    region: MapRegion | None = None,
) -> PullReport:
    """Bring sessions in a map to the state that they have on the server.

    Each is written as a whole or not at all. What is there already, and the same, costs no more
    than the comparison: a pull that was cut off goes on where it stopped. A session that makes no
    sense is refused, and keeps no other from coming.

    Args:
        fleet: The map on the server.
        place_map: Empty, or made under the same rules.
        sessions: Which are wanted, of which versions.
        progress: Told how many places are done, and of how many.
        region: Of which places are wanted; None for all.

    Returns:
        What was done.

    Raises:
        FleetError: The server fails.
        MapError: The map cannot be written, or does not go together with that of the server.
    """
    _require_same_rules(fleet, place_map.snapshot)
    report, done = PullReport(), 0
    total = sum(each.places for each in sessions)
    for session in sessions:
        _pull_session(fleet, place_map, session, region, report)
        done += session.places
        progress(done, total)
    return report


def remove(place_map: MapWriter, uids: Collection[str], report: PullReport) -> None:
    """Remove sessions from a map, those of them that are there."""
    for key, (_, _, uid) in place_map.snapshot.names.items():
        if uid in uids:
            place_map.delete_session(key)
            report.removed.append(uid)


def _pull_session(
    fleet: FleetMap,
    place_map: MapWriter,
    session: FleetSession,
    region: MapRegion | None,
    report: PullReport,
) -> None:
    wanted = None if session.version == session.newest else session.version
    while True:
        found = None
        try:
            with one_moment(fleet.connection):
                # It may have changed since it was listed.
                found = fleet.session(session.uid, wanted)
                if found is None or (wanted is None and found.deleted):
                    return
                source = _Download(fleet, found, region)
            _write(source, place_map, found, report)
        except FleetContentsError as error:
            # What was replaced meanwhile, and tidied away, is no fault.
            if found is not None and fleet.session(session.uid, wanted) != found:
                continue
            report.refused[session.uid] = f'session {session.key} ({session.name!r}): {error}'
        return


def _write(
    source: _Download, place_map: MapWriter, session: FleetSession, report: PullReport
) -> None:
    """Bring a session in a map to the state that it has on the server."""
    here = next(
        (key for key, each in place_map.snapshot.names.items() if each[2] == session.uid), None
    )
    if here is not None and source.equals(place_map, here):
        report.unchanged += 1
        return
    if here is not None:
        source.reuse(place_map, here)
    if here is None and not len(source.snapshot):
        return
    with place_map.transaction():
        if here is not None:
            place_map.delete_session(here)
        if len(source.snapshot):
            place_map.merge(source, [session.key], anchored=True)
    report.places += len(source.snapshot)
    if here is None:
        report.added.append(session.uid)
    else:
        (report.replaced if len(source.snapshot) else report.removed).append(session.uid)


class _Download:
    """Places of a session on the server, as a source that `MapWriter.merge` takes.

    Descriptors and thumbnails are fetched as they are asked for; those of places that the map has
    already are not fetched again.
    """

    def __init__(
        self,
        fleet: FleetMap,
        session: FleetSession,
        region: MapRegion | None,
    ) -> None:
        self._fleet, self._session = fleet, session
        rules = fleet.rules
        self.snapshot: Snapshot = replace(
            rules,
            meta=replace(
                rules.meta, frames={str(session.key): session.frame} if session.frame else {}
            ),
            names={session.key: (session.name, session.started, session.uid)},
            cameras=fleet.cameras(),
            columns=fleet.places(session, None if region is None else region.condition(rules)),
        )
        if not set(self.snapshot.columns.cameras.tolist()) <= set(self.snapshot.cameras):
            msg = 'places on the server were seen by a camera that is none'
            raise FleetContentsError(msg)
        if region is not None:
            wanted = np.flatnonzero(region.includes(self.snapshot))
            self.snapshot = replace(self.snapshot, columns=self.snapshot.columns.take(wanted))
        images = fleet.image_keys(session.key)
        numbers = self._numbers(slice(None))
        self._images = [images.get(number, b'') for number in numbers]
        self._here: dict[bytes, tuple[NDArray[np.uint8], bytes | None]] = {}
        self._thumbnails: dict[int, bytes | None] = {}

    def equals(self, place_map: MapWriter, session: int) -> bool:
        """Whether a session of a map is this one, to the last bit."""
        snapshot, ours = place_map.snapshot, self.snapshot
        rows = np.flatnonzero(snapshot.columns.sessions == session)
        name = snapshot.names[session]
        frame = snapshot.meta.frames.get(str(session), '')
        if len(rows) != len(ours) or name != ours.names[self._session.key]:
            return False
        if frame != self._session.frame:
            return False
        columns = snapshot.columns.take(rows)
        return (
            _same(columns, ours.columns)
            and [snapshot.cameras[key] for key in columns.cameras.tolist()]
            == [ours.cameras[key] for key in ours.columns.cameras.tolist()]
            and self._images_of(place_map, rows)[0] == self._images
        )

    def reuse(self, place_map: MapWriter, session: int) -> None:
        """Remember descriptors and thumbnails of a session that is to be replaced."""
        snapshot = place_map.snapshot
        rows = np.flatnonzero(snapshot.columns.sessions == session)
        keys, packed = self._images_of(place_map, rows)
        jpegs = map(place_map.thumbnail, snapshot.columns.ids[rows].tolist())
        self._here = {key: (row, jpeg) for key, row, jpeg in zip(keys, packed, jpegs, strict=True)}

    def packed_descriptors(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the descriptors (n, bytes) of rows, ascending; thumbnails come along."""
        packed = np.empty((len(rows), snapshot.meta.packing.row_bytes), np.uint8)
        images = [self._images[row] for row in rows.tolist()]
        known = np.array([image in self._here for image in images], np.bool_)
        ids = snapshot.columns.ids[rows]
        self._thumbnails = {}
        for i in np.flatnonzero(known).tolist():
            packed[i], self._thumbnails[int(ids[i])] = self._here[images[i]]
        if not known.all():
            fetched = rows[~known]
            numbers = self._numbers(fetched)
            packed[~known] = self._fleet.packed_descriptors(self._session.key, numbers)
            jpegs = self._fleet.thumbnails(self._session.key, numbers)
            found = zip(ids[~known].tolist(), numbers, strict=True)
            self._thumbnails.update((key, jpegs.get(number)) for key, number in found)
        return packed

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the JPEG of a place whose descriptor was asked for last."""
        return self._thumbnails[place_id]

    def _numbers(self, rows: NDArray[np.intp] | slice) -> list[int]:
        numbers: list[int] = (self.snapshot.columns.ids[rows] & (MOST_PLACES - 1)).tolist()
        return numbers

    @staticmethod
    def _images_of(
        place_map: MapWriter, rows: NDArray[np.intp]
    ) -> tuple[list[bytes], NDArray[np.uint8]]:
        """Return the image keys and packed descriptors of all places of a session of a map."""
        snapshot = place_map.snapshot
        packed = place_map.packed_descriptors(snapshot, rows)
        return ImageKeys().of(snapshot, snapshot.columns.take(rows), packed), packed


def _same(one: Columns, other: Columns) -> bool:
    """Whether places are equal but for their identities and those of session and camera."""
    names = ('stamps', 'distances', 'poses', 'geo', 'covariances', 'codes')
    # NaN is equal to itself here, and bytes are.
    return all(
        np.array_equal(getattr(one, name), getattr(other, name), equal_nan=name != 'codes')
        for name in names
    )


def _require_same_rules(fleet: FleetMap, snapshot: Snapshot) -> None:
    """Refuse a map whose places would not be those of the server, byte by byte."""
    ours, theirs = snapshot.meta, fleet.rules.meta
    names = ('frame_id', 'datum', 'coder', 'storage', 'reducer')
    different = [name for name in names if getattr(ours, name) != getattr(theirs, name)]
    if len(snapshot) and different:
        msg = (
            f'the map on the server was made under other rules ({", ".join(different)}): pull '
            'into a new file, and merge that (`vpr map merge`)'
        )
        raise MapModelError(msg)
