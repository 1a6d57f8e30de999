# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pushing sessions: descriptors in batches that nobody sees, then all places in one transaction.

A push that was cut off goes on where it stopped: what the server has is not sent again. Sessions
are known by their UUID, and versions by their contents, so that pushing twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Literal

import numpy as np

from vpr_ros.errors import FleetBusyError, FleetError
from vpr_ros.fleet.fleet_map import FleetMap
from vpr_ros.fleet.place_rows import (
    MOST_PLACES,
    ImageKeys,
    SessionLabel,
    descriptor_layout,
    descriptor_values,
    digest_of,
)
from vpr_ros.fleet.publishing import alone, copy_in, may_change, publish, require_own_tables
from vpr_ros.maps.columns import Columns, concatenate, empty
from vpr_ros.maps.merging import MergedSessions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray
    from psycopg import Connection
    from typing_extensions import LiteralString

    from vpr_ros.fleet.fleet_map import FleetSession
    from vpr_ros.maps import Camera, PlaceMap

_BATCH_BYTES = 4 << 20
"""Of descriptors and thumbnails that one transaction sends: what an interruption can cost."""
_BATCH_PLACES = 2048
_STAGE_DESCRIPTORS: LiteralString = (
    'CREATE TEMPORARY TABLE IF NOT EXISTS staged_descriptors (session bigint, number int, '
    'step real, key uuid, data halfvec) ON COMMIT DELETE ROWS'
)


@dataclass(frozen=True)
class Pushed:
    """The answer to the push of one session.

    Attributes:
        session: Its identity in the map that was pushed.
        uid: Its UUID.
        name: Its name.
        version: Number of the version on the server now, 0 where nothing was published.
        outcome: Whether the session is new on the server, was replaced by a new version, was there
            as it is, or was left alone.
        reason: Why it was left alone; else empty.
    """

    session: int
    uid: str
    name: str
    version: int
    outcome: Literal['new', 'changed', 'unchanged', 'refused']
    reason: str = ''


class _Refusal(Exception):  # noqa: N818
    """A session that is left as it is, and why; an answer, not a failure."""


def push(
    connection: Connection,
    name: str,
    place_map: PlaceMap,
    sessions: Collection[int] | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    *,
    anchored: bool = False,
    shrink: bool = False,
) -> list[Pushed]:
    """Bring sessions of a map to the server, as new ones or as new versions.

    Any number of robots may push at once. Each session appears with all its places at once, or not
    at all, and a session that has an answer is on the server's disk.

    Args:
        connection: From `connected`.
        name: Of the map on the server, which the first push makes.
        place_map: The map.
        sessions: Identities there, None for all.
        progress: Told how many places are done, and of how many.
        anchored: See `MapWriter.merge`.
        shrink: Whether places that the map lacks are to be removed on the server, too.

    Returns:
        An answer for each session.

    Raises:
        FleetError: The server fails, or the role may not push at all.
        MapError: The maps do not go together.
    """
    require_own_tables(connection)
    snapshot = place_map.snapshot
    fleet = FleetMap.made_like(connection, name, snapshot)
    chosen = sorted(snapshot.names) if sessions is None else sorted(set(sessions))
    work = [_SessionPush(fleet, place_map, each, anchored=anchored) for each in chosen]
    total, done, answers = sum(len(each.rows) for each in work), 0, []
    for each in work:

        def tell(places: int, before: int = done) -> None:
            progress(before + places, total)

        answers.append(each.answer(tell, shrink=shrink))
        done += len(each.rows)
        progress(done, total)
    return answers


class _SessionPush:
    """One session on its way to the server."""

    def __init__(
        self, fleet: FleetMap, place_map: PlaceMap, session: int, *, anchored: bool
    ) -> None:
        self._fleet, self._map, self._session = fleet, place_map, session
        name, started, self._uid = place_map.snapshot.names[session]
        frame = place_map.snapshot.meta.frames.get(str(session), '')
        # What is there already under its UUID is a matter of versions, not of merging.
        rules = fleet.rules_without(self._uid)
        # A frame that began with the session itself is the same in each of its versions.
        anchored = anchored or (bool(frame) and fleet.frame_of(self._uid) == frame)
        self._merged = MergedSessions(rules, place_map.snapshot, [session], anchored=anchored)
        self.rows = self._merged.rows
        self._label = SessionLabel(name, started, frame)

    def answer(self, tell: Callable[[int], None], *, shrink: bool) -> Pushed:
        """Push the session and return the answer."""
        answered = partial(Pushed, self._session, self._uid, self._label.name)
        try:
            with alone(self._fleet.connection, self._uid):
                published = self._fleet.session(self._uid)
                return answered(*self._pushed(published, tell, shrink=shrink))
        except (_Refusal, FleetBusyError) as refusal:
            published = self._fleet.session(self._uid)
            return answered(published.version if published else 0, 'refused', str(refusal))

    def _pushed(
        self, published: FleetSession | None, tell: Callable[[int], None], *, shrink: bool
    ) -> tuple[int, Literal['new', 'changed', 'unchanged']]:
        fleet = self._fleet
        if not len(self.rows):
            msg = 'it has no places'
            raise _Refusal(msg)
        key = self._key()
        known = fleet.image_keys(key)
        columns, keys = self._upload(key, known, tell)
        order = np.argsort(columns.ids)
        columns, keys = columns.take(order), [keys[i] for i in order.tolist()]
        digest = digest_of(self._label, columns, keys)
        if published is None:
            return publish(fleet, key, 0, self._label, columns, digest), 'new'
        if published.digest.bytes == digest and not published.deleted:
            return published.version, 'unchanged'
        lost = 0
        if not published.deleted:
            there = fleet.places(published).ids & (MOST_PLACES - 1)
            lost = len(np.setdiff1d(there, columns.ids))
        if lost and not shrink:
            msg = (
                f'{lost} of its {published.places} places on the server are not in this map: say '
                'so (shrink) if they are to be removed'
            )
            raise _Refusal(msg)
        version = publish(fleet, key, published.version, self._label, columns, digest)
        return version, 'changed'

    def _key(self) -> int:
        """Return the identity of the session on the server, which it gets if it has none."""
        connection, fleet = self._fleet.connection, self._fleet
        connection.execute(
            # A key is spent also where the row is there already, unless one looks before.
            'INSERT INTO sessions (map, uid) SELECT %(map)s, %(uid)s WHERE NOT EXISTS '
            '(SELECT FROM sessions WHERE map = %(map)s AND uid = %(uid)s) '
            'ON CONFLICT (map, uid) DO NOTHING',
            {'map': fleet.ids[0], 'uid': self._uid},
        )
        row = connection.execute(
            'SELECT key, owner FROM sessions WHERE map = %s AND uid = %s',
            [fleet.ids[0], self._uid],
        ).fetchone()
        if row is None:
            msg = f'session {self._uid} was deleted on the server while it was pushed'
            raise FleetError(msg)
        if not may_change(connection, row[1]):
            msg = f'it belongs to {row[1]}, who alone may change it'
            raise _Refusal(msg)
        return int(row[0])

    def _upload(
        self, key: int, known: dict[int, bytes], tell: Callable[[int], None]
    ) -> tuple[Columns, list[bytes]]:
        """Send the descriptors that the server lacks; return the places and their image keys."""
        fleet, snapshot = self._fleet, self._map.snapshot
        rules = replace(fleet.rules, cameras=_with_cameras(fleet, self._merged))
        self._merged.sessions[self._session] = key
        numbers = {image: number for number, image in known.items()}
        unused, images = count(max(known, default=0) + 1), ImageKeys()
        parts, keys = [empty(rules.meta.code_bits // 8)], list[bytes]()
        size = max(1, min(_BATCH_PLACES, _BATCH_BYTES // rules.meta.packing.row_bytes))
        for start in range(0, len(self.rows), size):
            rows = self.rows[start : start + size]
            stored = self._map.packed_descriptors(snapshot, rows)
            columns, packed = self._merged.converted(rules, rows, stored)
            found = images.of(rules, columns, packed)
            missing = [i for i, image in enumerate(found) if image not in numbers]
            for i in missing:
                numbers[found[i]] = next(unused)
            ids = np.array([numbers[image] for image in found], np.int64)
            if missing:
                _require_room(int(ids.max()))
                self._send(
                    key, ids[missing], [found[i] for i in missing], packed[missing], rows[missing]
                )
            parts.append(replace(columns, ids=ids))
            keys += found
            tell(start + len(rows))
        return concatenate(parts), keys

    def _send(
        self,
        key: int,
        numbers: NDArray[np.int64],
        images: list[bytes],
        packed: NDArray[np.uint8],
        rows: NDArray[np.intp],
    ) -> None:
        """Send some descriptors, and their thumbnails, as one transaction."""
        fleet = self._fleet
        packing = fleet.rules.meta.packing
        values = {
            'session': np.array(key),
            'number': numbers,
            'key': np.array([np.void(image) for image in images], 'V16'),
            **descriptor_values(packed, packing),
        }
        places = self._map.snapshot.columns.ids[rows].tolist()
        with fleet.connection.transaction(), fleet.connection.cursor() as cursor:
            # Nobody is told of a batch: what publishes them waits for the disk, for all of them.
            cursor.execute('SET LOCAL synchronous_commit = off')
            cursor.execute(_STAGE_DESCRIPTORS)
            copy_in(
                fleet.connection,
                'staged_descriptors',
                descriptor_layout(packing),
                values,
                len(rows),
            )
            cursor.execute('INSERT INTO descriptors SELECT * FROM staged_descriptors')
            jpegs = zip(numbers.tolist(), map(self._map.thumbnail, places), strict=True)
            cursor.executemany(
                'INSERT INTO thumbnails VALUES (%s, %s, %b)',
                [(key, number, jpeg) for number, jpeg in jpegs if jpeg],
            )


def _with_cameras(fleet: FleetMap, merged: MergedSessions) -> dict[int, Camera]:
    """Return the server's cameras, with those that saw the session."""
    cameras = fleet.cameras()
    unknown = merged.cameras.difference(cameras.values())
    for camera in sorted(unknown, key=lambda each: (each.name, each.mount or ())):
        mount = None if camera.mount is None else list(camera.mount)
        fleet.connection.execute(
            'INSERT INTO cameras (map, name, mount) VALUES (%s, %s, %s::float8[]) '
            'ON CONFLICT (map, name, mount) DO NOTHING',
            [fleet.ids[0], camera.name, mount],
        )
    return fleet.cameras() if unknown else cameras


def _require_room(number: int) -> None:
    if number >= MOST_PLACES:
        msg = f'a session on the server may have {MOST_PLACES - 1} places, its versions included'
        raise FleetError(msg)
