# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Makes place maps and changes them."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vpr_ros.errors import MapError, MapExistsError
from vpr_ros.maps import columns as cols
from vpr_ros.maps import file_format as schema
from vpr_ros.maps.compression import with_rules_of
from vpr_ros.maps.connection import explained
from vpr_ros.maps.editor import with_mounts
from vpr_ros.maps.merging import MergedSessions, require_new
from vpr_ros.maps.meta import HASH_HEAD, Meta, row_with_crc
from vpr_ros.maps.new_places import camera_of, prepare
from vpr_ros.maps.reader import MEMORY_BUDGET
from vpr_ros.maps.recoding import MapRecoder
from vpr_ros.maps.writer_lock import WriterLock
from vpr_ros.version import SOFTWARE

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from vpr_ros.geometry import Datum
    from vpr_ros.maps.place import Camera, NewPlace
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import ModelInfo

_MERGED_AT_ONCE = 1024


class MergeSource(Protocol):
    """Something that can be merged into a map: a map, or the downloaded part of one."""

    @property
    def snapshot(self) -> Snapshot:
        """The places."""

    def packed_descriptors(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the descriptors (n, bytes) of rows."""

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the small JPEG of a place, None where there is none."""


class MapWriter(MapRecoder):
    """The only writer of a place map, which can also be read through it.

    Get one from `create`, `open` or `open_or_create`. Everything a method writes is on the disk
    when it returns, visible here at once and to readers when they `refresh`; within a
    `transaction` this holds when that ends. A method that refuses its arguments does not touch
    the file.
    """

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        model: ModelInfo,
        frame_id: str = 'map',
        datum: Datum | None = None,
        memory_budget: int = MEMORY_BUDGET,
    ) -> Self:
        """Make an empty map and open it.

        Args:
            path: The new file; nothing may be there yet.
            model: The model of the descriptions to come.
            frame_id: The frame of the poses.
            datum: Origin of that frame on Earth, where it is known.
            memory_budget: Bytes of float descriptors to keep in memory at most.

        Raises:
            MapError: Something is there already, or the folder cannot be written.
        """
        path = Path(path)
        lock = WriterLock(path)
        try:
            if path.exists():
                msg = f'{path} exists already: remove it, or open it to add to it'
                raise MapExistsError(msg)  # noqa: TRY301
            meta = Meta(
                id=str(uuid.uuid4()),
                created=time.time_ns(),
                created_by=SOFTWARE,
                model=model,
                frame_id=frame_id,
                datum=datum,
                code_bits=model.code_bits,
                coder=HASH_HEAD if model.code_bits else '',
            )
            with explained(path):
                schema.create_file(path, meta)
            lock.acknowledge(None)
        except BaseException:
            lock.release()
            raise
        return cls._open_locked(path, model, memory_budget, lock)

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str], model: ModelInfo) -> Self:
        """Open a map to add to it, or make an empty one where there is none.

        Raises:
            MapError: As of `open` and `create`.
        """
        if Path(path).exists():
            return cls.open(path, model=model)
        return cls.create(path, model=model)

    def begin_session(self, name: str, started: int, frame: str = '') -> int:
        """Begin a traverse.

        Args:
            name: For people; need not be unique.
            started: Nanoseconds.
            frame: See `Session.frame`.

        Returns:
            Identity for `NewPlace.session`.
        """
        _require_storable(name, started)
        _require_storable(frame)
        with self.transaction():
            now = self._now
            self._store(self._with_session(now, (name, started, str(uuid.uuid4())), frame))
            return now.meta.next_session

    def add(self, places: Sequence[NewPlace]) -> list[int]:
        """Add places: on return all are on the disk; if this raises, none is.

        Returns:
            Their identities, in order.

        Raises:
            MapError: A place is not fit to be stored, or the disk is full.
        """
        if not places:
            return []
        with self.transaction():
            now = self._now
            new = _with_cameras(now, {camera_of(place) for place in places})
            cameras = {camera: key for key, camera in new.cameras.items()}
            columns, packed = prepare(new, cameras, places)
            self._insert_cameras(now, new)
            new = self._with_places(new, columns, packed)
            ids = [int(key) for key in columns.ids]
            kept = [(i, p.thumbnail) for i, p in zip(ids, places, strict=True) if p.thumbnail]
            schema.store_thumbnails(self._database(), kept)
            self._store(new, columns, packed)
            return ids

    def merge(
        self,
        source: MergeSource,
        sessions: Collection[int] | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
        *,
        anchored: bool = False,
    ) -> dict[int, int]:
        """Add sessions of another map: on return all are on the disk; if this raises, none is.

        Poses are brought into the frame of this map by way of the two datums. Codes are copied
        where the model makes them, else made anew by the coder of this map. A map without places
        takes over frame, datum and coder of the first that is merged into it.

        Args:
            source: Made with the same model; stays as it is.
            sessions: Identities of sessions there, None for all.
            progress: Told after each portion how many places are done, and of how many.
            anchored: Whether the poses are in the frame of this map though one of the two began
                with a session, see `Session.frame`.

        Returns:
            The identity here of each session, by its identity there.

        Raises:
            MapError: The maps do not go together, a session is here already or is not there, or
                the disk is full.
        """
        with self.transaction():
            now = self._now
            theirs = source.snapshot
            new = now if len(now) else _empty_like(now, theirs)
            merged = MergedSessions(new, theirs, sessions, anchored=anchored)
            require_new(new, theirs, merged.sessions)
            if (new.coder, new.reducer) != (now.coder, now.reducer):
                self._store_projections(new)
            before, new = new, _with_cameras(new, merged.cameras)
            self._insert_cameras(before, new)
            for session in merged.sessions:
                merged.sessions[session] = new.meta.next_session
                frame = theirs.meta.frames.get(str(session), '')
                new = self._with_session(new, theirs.names[session], frame)
            added = []
            for rows in np.split(
                merged.rows, range(_MERGED_AT_ONCE, len(merged.rows), _MERGED_AT_ONCE)
            ):
                stored = source.packed_descriptors(theirs, rows)
                columns, packed = merged.converted(new, rows, stored)
                new = self._with_places(new, columns, packed)
                jpegs = map(source.thumbnail, theirs.columns.ids[rows].tolist())
                pairs = zip(columns.ids.tolist(), jpegs, strict=True)
                kept = [(key, jpeg) for key, jpeg in pairs if jpeg]
                schema.store_thumbnails(self._database(), kept)
                added.append(columns)
                progress(sum(map(len, added)), len(merged.rows))
            self._store(new, cols.concatenate(added))
            return merged.sessions

    def _with_session(
        self, now: Snapshot, session: tuple[str, int, str], frame: str = ''
    ) -> Snapshot:
        """Insert a session: name, start, UUID; and the frame of its poses."""
        key = now.meta.next_session
        row = row_with_crc(key, *session)
        self._database().execute('INSERT INTO sessions VALUES (?, ?, ?, ?, ?)', row)
        frames = {**now.meta.frames, str(key): frame} if frame else now.meta.frames
        meta = replace(now.meta, next_session=key + 1, frames=frames)
        return replace(now, meta=meta, names={**now.names, key: session})

    def _insert_cameras(self, before: Snapshot, new: Snapshot) -> None:
        for key in sorted(set(new.cameras) - set(before.cameras)):
            row = row_with_crc(key, new.cameras[key].name)
            self._database().execute('INSERT INTO cameras VALUES (?, ?, ?)', row)

    def _with_places(
        self, now: Snapshot, columns: cols.Columns, packed: NDArray[np.uint8]
    ) -> Snapshot:
        """Insert places and packed descriptors (n, bytes); only `_store` takes the places in."""
        self._database().executemany(cols.INSERT, columns.to_rows())
        self._database().executemany(
            'INSERT INTO descriptors VALUES (?, ?)',
            zip(columns.ids.tolist(), (row.tobytes() for row in packed), strict=True),
        )
        meta = now.meta
        return replace(
            now,
            meta=replace(
                meta,
                next_place=meta.next_place + len(columns),
                places=meta.places + len(columns),
                digest=meta.digest + columns.digest,
            ),
        )


def _with_cameras(now: Snapshot, wanted: set[Camera]) -> Snapshot:
    """Return a map with the cameras that are new."""
    cameras = dict(now.cameras)
    new = wanted - set(cameras.values())
    for camera in sorted(new, key=lambda each: (each.name, each.mount or ())):
        _require_storable(camera.name)
        cameras[max(cameras, default=0) + 1] = camera
    return with_mounts(now, cameras) if new else now


def _empty_like(now: Snapshot, other: Snapshot) -> Snapshot:
    """Return an empty map with the datum, coder and reducer of another, where it has none."""
    now = replace(now, meta=replace(now.meta, datum=now.meta.datum or other.meta.datum))
    if now.coder is not None or now.reducer is not None:
        return now
    now = with_rules_of(now, other)
    # Readers must not append to the columns they have, with codes of another length.
    meta = replace(now.meta, revision=now.meta.revision + 1)
    columns = cols.empty(meta.code_bits // 8)
    return replace(now, meta=meta, growing=cols.Growing(columns), columns=columns, cache=None)


def _require_storable(text: str, number: int = 0) -> None:
    """Refuse values that SQLite cannot store.

    Raises:
        MapError: The text is not valid Unicode, or the number does not fit in 64 bits.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        msg = f'a text that was to be stored is not valid Unicode ({error})'
        raise MapError(msg) from error
    if not -(2**63) <= number < 2**63:
        msg = f'a number that was to be stored does not fit in 64 bits ({number})'
        raise MapError(msg)
