# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The place map: one SQLite file, one writer, many readers."""

from __future__ import annotations

import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

import vpr_ros
from vpr_ros.errors import MapError, MapExistsError, MapInUseError, MapMissingError
from vpr_ros.maps import columns as cols
from vpr_ros.maps import descriptors as floats
from vpr_ros.maps import file_format as schema
from vpr_ros.maps import thumbnail_table as thumbnails
from vpr_ros.maps.compression import refitted
from vpr_ros.maps.connection import (
    close_after_writing,
    explained,
    file_identity,
    open_to_read,
    open_to_write,
)
from vpr_ros.maps.foreign_places import Incoming
from vpr_ros.maps.integrity import problems_of
from vpr_ros.maps.lock import WriterLock
from vpr_ros.maps.new_places import camera_of, pose_row, prepare
from vpr_ros.maps.place import Camera, MapInfo, Place, Session
from vpr_ros.maps.snapshot import cache_for, load, require_same_model

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from vpr_ros.geometry import Datum, Pose
    from vpr_ros.maps.place import NewPlace
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import ModelInfo

MEMORY_BUDGET = 2 << 30
"""Bytes of float descriptors kept in memory at most, unless told otherwise."""
_HASH_HEAD = 'hash-head'
_CHUNK = 4096
_MERGED_AT_ONCE = 1024


class MergeSource(Protocol):
    """What can be merged into a map: another one, or what was downloaded of one."""

    @property
    def snapshot(self) -> Snapshot:
        """The places."""

    def packed_descriptors(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the descriptors (n, bytes) of rows."""


class PlaceMap:
    """Places of one or more sessions, described by one model, in one frame.

    Get one from `create` or `open`. A map opened for writing is its only writer; what it writes
    is on the disk when the method returns, visible to itself at once and to readers, in this
    process and others, when they `refresh`. Methods may be called from several threads.

    All codes and poses are held in memory. Float descriptors are kept there as they are used,
    while all of them would fit the memory budget, and are else read from the file for each use.
    """

    def __init__(self, path: Path, lock: WriterLock | None, budget: int) -> None:
        self._path = path
        self._file = file_identity(path)
        self._lock = lock
        self._budget = budget
        self._mutex = threading.RLock()
        # Even for writing: what turns out to be no map is not touched.
        self._connection, self._copy = open_to_read(path)
        try:
            self._snapshot = load(self._connection, budget)
        except BaseException:
            self._close_reader()
            raise

    @classmethod
    def create(
        cls,
        path: str | os.PathLike[str],
        model: ModelInfo,
        frame_id: str = 'map',
        datum: Datum | None = None,
        memory_budget: int = MEMORY_BUDGET,
    ) -> PlaceMap:
        """Make an empty map and open it for writing.

        Args:
            path: The file to be; nothing may be there yet.
            model: What will make the descriptions.
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
            meta = schema.Meta(
                id=str(uuid.uuid4()),
                created=time.time_ns(),
                created_by=f'vpr_ros {vpr_ros.__version__}',
                model=model,
                frame_id=frame_id,
                datum=datum,
                code_bits=model.code_bits,
                coder=_HASH_HEAD if model.code_bits else '',
            )
            with explained(path):
                schema.create_file(path, meta)
            return cls._open(path, lock, memory_budget, model)
        except BaseException:
            lock.release()
            raise

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        writable: bool = False,
        model: ModelInfo | None = None,
        memory_budget: int = MEMORY_BUDGET,
    ) -> PlaceMap:
        """Open a map and check every place of it.

        Args:
            path: The file.
            writable: Whether to add, change or delete; then no other process may be doing so.
            model: What makes the queries, to be sure that it also made the map.
            memory_budget: Bytes of float descriptors to keep in memory at most.

        Raises:
            MapError: The file is missing, damaged, foreign, newer, made with another model, or
                being written by another process; it is left as it was.
        """
        path = Path(path)
        if not path.is_file():
            msg = f'{path}: there is no such file'
            raise MapMissingError(msg)
        lock = WriterLock(path) if writable else None
        try:
            return cls._open(path, lock, memory_budget, model)
        except BaseException:
            if lock is not None:
                lock.release()
            raise

    @classmethod
    def open_or_create(cls, path: str | os.PathLike[str], model: ModelInfo) -> PlaceMap:
        """Open a map to add to it, or make an empty one where there is none.

        Raises:
            MapError: As of `open` and `create`.
        """
        if Path(path).exists():
            return cls.open(path, writable=True, model=model)
        return cls.create(path, model=model)

    @classmethod
    def _open(
        cls, path: Path, lock: WriterLock | None, budget: int, model: ModelInfo | None
    ) -> PlaceMap:
        with explained(path):
            place_map = cls(path, lock, budget)
            try:
                if model is not None:
                    require_same_model(place_map.model, model)
            finally:
                if lock is not None:
                    place_map._close_reader()
            if lock is not None:
                place_map._connection = open_to_write(path)
        return place_map

    # What is in it

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def displaced(self) -> bool:
        """Whether the file was removed or replaced by another since it was opened."""
        return file_identity(self._path) != self._file

    @property
    def writable(self) -> bool:
        """Whether this object is the writer."""
        return self._lock is not None

    @property
    def snapshot(self) -> Snapshot:
        """All that is known of the map now; later writes do not change it."""
        return self._snapshot

    @property
    def id(self) -> str:
        """Random identity (UUID) given at creation."""
        return self._snapshot.meta.id

    @property
    def model(self) -> ModelInfo:
        """What made the descriptions."""
        return self._snapshot.meta.model

    @property
    def frame_id(self) -> str:
        """The frame of the poses."""
        return self._snapshot.meta.frame_id

    @property
    def datum(self) -> Datum | None:
        """Origin of the map frame on Earth."""
        return self._snapshot.meta.datum

    @property
    def version(self) -> int:
        """Raised by every write."""
        return self._snapshot.meta.version

    @property
    def ids(self) -> NDArray[np.int64]:
        """Identities (N,), ascending."""
        return self._snapshot.columns.ids

    @property
    def sessions(self) -> NDArray[np.int64]:
        """Session of each place (N,)."""
        return self._snapshot.columns.sessions

    @property
    def stamps(self) -> NDArray[np.int64]:
        """Stamp of each place (N,), nanoseconds."""
        return self._snapshot.columns.stamps

    @property
    def distances(self) -> NDArray[np.float64]:
        """Metres travelled in its session at each place (N,), NaN where unknown."""
        return self._snapshot.columns.distances

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions (N, 3) in the map frame, metres, NaN where there is none."""
        return self._snapshot.columns.poses[:, :3]

    @property
    def codes(self) -> NDArray[np.uint8]:
        """Codes (N, bits / 8); (N, 0) while the map has no coder."""
        return self._snapshot.columns.codes

    def __len__(self) -> int:
        return len(self._snapshot)

    def place(self, place_id: int) -> Place:
        """Return one place.

        Raises:
            MapError: There is no such place.
        """
        return self.places([place_id])[0]

    def places(self, ids: Sequence[int] | NDArray[np.int64]) -> list[Place]:
        """Return places in the order asked for.

        Raises:
            MapError: One of them does not exist.
        """
        return self._snapshot.places(ids)

    def session_list(self) -> tuple[Session, ...]:
        """Return every session in order."""
        return self._snapshot.sessions()

    def descriptors(self, rows: Sequence[int] | NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the descriptors (n, D) float32 of rows (not ids) of the map.

        Raises:
            MapError: One is damaged, or was deleted by another process since the last refresh.
        """
        snapshot = self._snapshot
        packed = self.packed_descriptors(snapshot, np.asarray(rows, np.intp).reshape(-1))
        return snapshot.meta.packing.unpack(packed)

    def packed_descriptors(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Return the descriptors (n, bytes) of rows as they are stored, one after the other.

        Args:
            snapshot: Of this map.
            rows: Rows (n,) of the snapshot.

        Raises:
            DescriptorError: One was deleted or recoded since the snapshot, or is damaged.
        """
        packed, where = self.stored_descriptors(snapshot, rows)
        return packed if snapshot.cache is None else packed[where]

    def stored_descriptors(
        self, snapshot: Snapshot, rows: NDArray[np.intp]
    ) -> tuple[NDArray[np.uint8], NDArray[np.intp]]:
        """Return packed descriptors (m, bytes), and where among them those of rows (n,) are.

        What is in memory is not copied.

        Raises:
            DescriptorError: One was deleted or recoded since the snapshot, or is damaged.
        """
        cache = snapshot.cache
        if cache is None:
            return self._read_descriptors(snapshot, rows), np.arange(len(rows))
        missing = cache.missing(rows)
        if len(missing):
            with self._mutex:
                cache.fill(missing, self._read_descriptors(snapshot, missing))
        return cache.values, rows

    def thumbnail(self, place_id: int) -> bytes | None:
        """Return the small JPEG of a place, None where the map keeps none of it.

        Raises:
            MapError: It is damaged.
        """
        with self._mutex, explained(self._path):
            return thumbnails.read(self._connection, place_id)

    def preload(self) -> None:
        """Read all descriptors into memory, where they fit the budget, to spare it later."""
        snapshot = self._snapshot
        if snapshot.cache is not None:
            for start in range(0, len(snapshot), _CHUNK):
                rows = np.arange(start, min(start + _CHUNK, len(snapshot)))
                self.packed_descriptors(snapshot, rows)

    def info(self) -> MapInfo:
        """Return what the map says of itself."""
        snapshot = self._snapshot
        meta = snapshot.meta
        positions = snapshot.columns.poses[:, :3]
        positions = positions[~np.isnan(positions[:, 0])]
        bounds = None
        if len(positions):
            low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
            bounds = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        files = [self._path.with_name(self._path.name + end) for end in ('', '-wal', '-journal')]
        return MapInfo(
            id=meta.id,
            path=self._path,
            format=meta.format,
            version=meta.version,
            model=meta.model,
            coder=meta.coder,
            code_bits=meta.code_bits,
            descriptor_dim=meta.packing.dim,
            storage=meta.storage,
            places=len(snapshot),
            sessions=snapshot.sessions(),
            cameras=tuple(camera for _, camera in sorted(snapshot.cameras.items())),
            frame_id=meta.frame_id,
            datum=meta.datum,
            bounds=bounds,
            bytes=sum(file.stat().st_size for file in files if file.exists()),
            created=meta.created,
            created_by=meta.created_by,
        )

    def refresh(self) -> bool:
        """See what was committed since the map was opened or last refreshed.

        Returns:
            Whether there was anything new.

        Raises:
            MapError: What is new cannot be read.
        """
        with self._mutex, explained(self._path):
            if schema.read_version(self._connection) == self.version:
                return False
            self._snapshot = load(self._connection, self._budget, self._snapshot)
            return True

    def verify(self) -> list[str]:
        """Read and check everything; return what is wrong, in words, nothing if all is well."""
        with self._mutex:
            return problems_of(self._connection)

    # Writing

    def begin_session(self, name: str, started: int) -> int:
        """Begin a traverse.

        Args:
            name: For people; need not be unique.
            started: Nanoseconds.

        Returns:
            Identity for `NewPlace.session`.
        """
        with self._writing() as now:
            new = self._with_session(now, (name, started, str(uuid.uuid4())))
            self._commit(new)
            return now.meta.next_session

    def set_datum(self, datum: Datum) -> None:
        """Say where on Earth the origin of the map frame lies; only once, poses depend on it.

        Raises:
            MapError: The map has a datum already.
        """
        with self._writing() as now:
            if now.meta.datum is not None:
                msg = f'has the datum {now.meta.datum} already'
                raise MapError(msg)
            self._commit(replace(now, meta=replace(now.meta, datum=datum)))

    def set_mount(self, name: str, mount: Pose) -> None:
        """Say where a camera sits, also instead of what was said before.

        Args:
            name: Of the camera.
            mount: Its optical frame in the base frame.

        Raises:
            MapError: There is no such camera, the pose is not finite, or cameras of that name sat
                in different places.
        """
        pose_row(mount)
        with self._writing() as now:
            named = {key: each for key, each in now.cameras.items() if each.name == name}
            if not named:
                known = sorted({each.name for each in now.cameras.values()})
                msg = f'has no camera {name!r}; it has {known}'
                raise MapError(msg)
            if len({each.mount for each in named.values()} - {None}) > 1:
                msg = f'has cameras {name!r} that sat in different places: map again, or leave it'
                raise MapError(msg)
            camera = Camera.mounted(name, mount)
            self._commit(_with_mounts(now, {**now.cameras, **dict.fromkeys(named, camera)}))

    def add(self, places: Sequence[NewPlace]) -> list[int]:
        """Add places: on return all are on the disk; if this raises, none is.

        Returns:
            Their identities, in order.

        Raises:
            MapError: A place is not fit to be stored, or the disk is full.
        """
        if not places:
            return []
        with self._writing() as now:
            new = self._with_cameras(now, {camera_of(place) for place in places})
            cameras = {camera: key for key, camera in new.cameras.items()}
            batch, packed = prepare(new, cameras, places)
            new = self._with_places(new, batch, packed)
            ids = [int(key) for key in batch.ids]
            kept = [(i, p.thumbnail) for i, p in zip(ids, places, strict=True) if p.thumbnail]
            thumbnails.store(self._connection, kept)
            self._commit(new, batch, packed)
            return ids

    def merge(
        self,
        source: MergeSource,
        sessions: Collection[int] | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> dict[int, int]:
        """Add sessions of another map: on return all are on the disk; if this raises, none is.

        Poses are brought into the frame of this map by way of the two datums. Codes are copied
        where the model makes them, else made anew by the coder of this map. A map without places
        takes over frame, datum and coder of the first that is merged into it.

        Args:
            source: Made with the same model; stays as it is.
            sessions: Identities of sessions there, None for all.
            progress: Told after each portion how many places are done, and of how many.

        Returns:
            The identity here of each session, by its identity there.

        Raises:
            MapError: The maps do not go together, a session is here already or is not there, or
                the disk is full.
        """
        with self._writing() as now:
            theirs = source.snapshot
            new = now if len(now) else self._with_rules_of(now, theirs)
            incoming = Incoming(new, theirs, sessions)
            new = self._with_cameras(new, incoming.cameras)
            for session in incoming.sessions:
                incoming.sessions[session] = new.meta.next_session
                new = self._with_session(new, theirs.names[session])
            added = []
            for rows in np.split(
                incoming.rows, range(_MERGED_AT_ONCE, len(incoming.rows), _MERGED_AT_ONCE)
            ):
                floats = theirs.meta.packing.unpack(source.packed_descriptors(theirs, rows))
                batch, packed = incoming.batch(new, rows, floats)
                new = self._with_places(new, batch, packed)
                if isinstance(source, PlaceMap):
                    self._copy_thumbnails(source, theirs.columns.ids[rows], batch.ids)
                added.append(batch)
                progress(sum(map(len, added)), len(incoming.rows))
            self._commit(new, cols.concatenate(added))
            return incoming.sessions

    def update_poses(
        self,
        ids: Sequence[int] | NDArray[np.int64],
        poses: Sequence[Pose],
        covariances: Sequence[NDArray[np.float64] | None] | None = None,
    ) -> None:
        """Replace poses, as a SLAM back end does when it has optimised again.

        Args:
            ids: Of places, each once.
            poses: One for each.
            covariances: One for each; where None is given for all, the old ones are kept.

        Raises:
            MapError: There is no such place, or a pose is not finite; then none is changed.
        """
        with self._writing() as now:
            rows = now.columns.rows_of(ids)
            if len(poses) != len(rows) or len(np.unique(rows)) != len(rows):
                msg = 'poses are replaced one for each place, each place once'
                raise MapError(msg)
            columns = now.columns
            new_poses = columns.poses.copy()
            new_covariances = columns.covariances.copy()
            for row, pose in zip(rows, poses, strict=True):
                new_poses[row] = pose_row(pose)
            if covariances is not None:
                for row, covariance in zip(rows, covariances, strict=True):
                    new_covariances[row] = cols.pack_covariance(covariance)
            self._rewrite(
                now, replace(columns, poses=new_poses, covariances=new_covariances), rows
            )

    def delete(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Delete places; their identities are never used again.

        Raises:
            MapError: One of them does not exist; then none is deleted.
        """
        with self._writing() as now:
            self._delete_rows(now, now.columns.rows_of(ids))

    def clear(self) -> None:
        """Delete all sessions and their places; datum and coder stay."""
        with self._writing() as now:
            self._connection.execute('DELETE FROM sessions')
            self._delete_rows(replace(now, names={}), np.arange(len(now)))

    def delete_session(self, session: int) -> None:
        """Delete a session and all its places.

        Raises:
            MapError: There is no such session.
        """
        with self._writing() as now:
            if session not in now.names:
                msg = f'the map has no session {session}'
                raise MapError(msg)
            self._connection.execute('DELETE FROM sessions WHERE id = ?', (session,))
            names = {key: value for key, value in now.names.items() if key != session}
            rows = np.flatnonzero(now.columns.sessions == session)
            self._delete_rows(replace(now, names=names), rows)

    def recode(
        self,
        bits: int = 512,
        seed: int = 0,
        dim: int | None = None,
        storage: str | None = None,
    ) -> None:
        """Fit the map's own rules on its descriptors, and bring every place under them.

        A model without a hash head gets a coder: until then such a map has no codes and is
        searched by its float descriptors alone. Descriptors can be shortened to their principal
        components, and stored in fewer bytes; both lose what cannot be had back, and similarities
        change their meaning where descriptors are shortened. Queries and places to come are
        treated alike.

        Args:
            bits: Of the codes; lowered to the length of the descriptors where that is less.
            seed: Of the fits.
            dim: New length of the descriptors, None to keep the one they have.
            storage: `float16` or `int8`, None to keep what there is.

        Raises:
            MapError: The model makes the codes itself and nothing else was asked for, there is no
                place to fit on, or the descriptors were shortened before.
        """
        # Fitted before the map is held, so that others can add places while it takes its time.
        with explained(self._path):
            self._require_writable()
            basis = self._snapshot
            sample = np.linspace(0, len(basis) - 1, min(len(basis), 2 * _CHUNK))
            packed = self.packed_descriptors(basis, np.unique(sample.astype(np.intp)))
            vectors = basis.meta.packing.unpack(packed)
            rules = refitted(basis, vectors, bits, seed, dim, storage)
        with self._writing() as now:
            new = rules.applied_to(now)
            count, packing = len(now), new.meta.packing
            codes = np.empty((count, new.meta.code_bits // 8), np.uint8)
            if new.coder is None:
                codes = now.columns.codes
            crcs = now.columns.descriptor_crcs.copy()
            for start in range(0, count, _CHUNK):
                part = np.arange(start, min(start + _CHUNK, count))
                vectors = self.descriptors(part)
                packed = packing.pack(vectors if dim is None else new.reduced(vectors))
                if new.coder is not None:
                    codes[part] = new.coder.encode(packing.unpack(packed))
                if packing != now.meta.packing:
                    crcs[part] = self._repack(now.columns.ids[part], packed)
            if packing != now.meta.packing:
                new = replace(new, cache=cache_for(count, packing.row_bytes, self._budget, None))
            self._store_projections(new)
            columns = replace(now.columns, codes=codes, descriptor_crcs=crcs)
            self._rewrite(new, columns, np.arange(count))

    def _repack(self, ids: NDArray[np.int64], packed: NDArray[np.uint8]) -> list[int]:
        """Replace descriptors in the file; return their checksums."""
        blobs = [row.tobytes() for row in packed]
        self._connection.executemany(
            'UPDATE descriptors SET data = ? WHERE place = ?',
            zip(blobs, ids.tolist(), strict=True),
        )
        return [floats.checksum(key, blob) for key, blob in zip(ids.tolist(), blobs, strict=True)]

    def compact(self) -> int:
        """Give the space of what was deleted back to the disk; return how many bytes.

        The file is written anew as one transaction (SQLite's VACUUM) and not replaced by another:
        readers in other processes, who hold it open, go on reading it, and see later writes.
        Until it is done it needs room for twice the map, half of it for temporary files.

        Raises:
            MapError: The disk is full.
        """
        before = self.info().bytes
        with self._writing():
            # VACUUM is a transaction of its own; the lock file keeps other writers away.
            self._connection.execute('ROLLBACK')
            self._connection.execute('VACUUM')
            self._connection.execute('PRAGMA wal_checkpoint(TRUNCATE)')
        return before - self.info().bytes

    def close(self) -> None:
        """Leave the file complete and free for others; the object is of no use afterwards."""
        with self._mutex:
            if self._lock is None:
                self._close_reader()
                return
            close_after_writing(self._connection)
            self._lock.release()
            self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    # Inside

    def _close_reader(self) -> None:
        self._connection.close()
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def _read_descriptors(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        columns, row_bytes = snapshot.columns, snapshot.meta.packing.row_bytes
        with self._mutex, explained(self._path):
            return floats.read(
                self._connection, columns.ids[rows], columns.descriptor_crcs[rows], row_bytes
            )

    @contextmanager
    def _writing(self) -> Iterator[Snapshot]:
        """Hold the write transaction; the body ends it with `_commit`, or it is undone."""
        with self._mutex, explained(self._path):
            self._require_writable()
            try:
                self._connection.execute('BEGIN IMMEDIATE')
                if schema.read_version(self._connection) != self.version:
                    # An interrupted write was committed all the same.
                    self._connection.execute('ROLLBACK')
                    self._snapshot = load(self._connection, self._budget)
                    self._connection.execute('BEGIN IMMEDIATE')
                yield self._snapshot
            except OverflowError as error:
                msg = f'a number that was to be stored does not fit in 64 bits ({error})'
                raise MapError(msg) from error
            except UnicodeEncodeError as error:
                msg = f'a text that was to be stored is not valid Unicode ({error})'
                raise MapError(msg) from error
            finally:
                # A full disk makes SQLite roll back by itself.
                if self._connection.in_transaction:
                    self._connection.execute('ROLLBACK')

    def _require_writable(self) -> None:
        if self._lock is None:
            msg = 'is open read-only (or closed)'
            raise MapError(msg)
        # What is written to a file that has lost its name is lost with it.
        if self.displaced:
            msg = 'the file was removed or replaced since it was opened: bring it back, or reopen'
            raise MapInUseError(msg)

    def _with_session(self, now: Snapshot, session: tuple[str, int, str]) -> Snapshot:
        """Insert a session: name, start, UUID."""
        key = now.meta.next_session
        row = (key, *session)
        self._connection.execute(
            'INSERT INTO sessions VALUES (?, ?, ?, ?, ?)', (*row, schema.crc_of(*row))
        )
        meta = replace(now.meta, next_session=key + 1)
        return replace(now, meta=meta, names={**now.names, key: session})

    def _with_cameras(self, now: Snapshot, wanted: set[Camera]) -> Snapshot:
        """Insert the cameras that are new."""
        cameras = dict(now.cameras)
        new = wanted - set(cameras.values())
        for camera in sorted(new, key=lambda each: (each.name, each.mount or ())):
            row = (max(cameras, default=0) + 1, camera.name)
            self._connection.execute(
                'INSERT INTO cameras VALUES (?, ?, ?)', (*row, schema.crc_of(*row))
            )
            cameras[row[0]] = camera
        return _with_mounts(now, cameras) if new else now

    def _with_places(
        self, now: Snapshot, batch: cols.Columns, packed: NDArray[np.uint8]
    ) -> Snapshot:
        """Insert places and packed descriptors (n, bytes); only `_commit` shows the places."""
        self._connection.executemany(cols.INSERT, batch.to_rows())
        self._connection.executemany(
            'INSERT INTO descriptors VALUES (?, ?)',
            zip(batch.ids.tolist(), (row.tobytes() for row in packed), strict=True),
        )
        meta = now.meta
        return replace(
            now,
            meta=replace(
                meta,
                next_place=meta.next_place + len(batch),
                places=meta.places + len(batch),
                digest=meta.digest + batch.digest,
            ),
        )

    def _copy_thumbnails(
        self, source: PlaceMap, theirs: NDArray[np.int64], ours: NDArray[np.int64]
    ) -> None:
        pairs = zip(ours.tolist(), map(source.thumbnail, theirs.tolist()), strict=True)
        thumbnails.store(self._connection, [(key, jpeg) for key, jpeg in pairs if jpeg])

    def _store_projections(self, new: Snapshot) -> None:
        """Store coder and reducer in place of any others."""
        self._connection.execute('DELETE FROM coder')
        self._connection.executemany(
            'INSERT INTO coder VALUES (?, ?, ?)',
            [
                (each.id, each.mean.tobytes(), each.projection.tobytes())
                for each in (new.coder, new.reducer)
                if each is not None
            ],
        )

    def _with_rules_of(self, now: Snapshot, other: Snapshot) -> Snapshot:
        """Take over the datum of another map and what was fitted on it, where there is none."""
        now = replace(now, meta=replace(now.meta, datum=now.meta.datum or other.meta.datum))
        if now.coder is not None or now.reducer is not None:
            return now
        meta = replace(
            now.meta,
            code_bits=other.meta.code_bits,
            coder=other.meta.coder,
            reducer=other.meta.reducer,
            reduced_dim=other.meta.reduced_dim,
            storage=other.meta.storage,
            # Readers must not append to the columns they have, with codes of another length.
            revision=now.meta.revision + 1,
        )
        columns = cols.empty(meta.code_bits // 8)
        new = replace(
            now,
            meta=meta,
            coder=other.coder,
            reducer=other.reducer,
            growing=cols.Growing(columns),
            columns=columns,
            cache=None,
        )
        self._store_projections(new)
        return new

    def _commit(
        self,
        new: Snapshot,
        batch: cols.Columns | None = None,
        packed: NDArray[np.uint8] | None = None,
    ) -> None:
        """Commit and then show what was written, with places to be put at the end, if any.

        Their descriptors are kept in memory where they are given and fit the budget.
        """
        meta = replace(new.meta, version=new.meta.version + 1)
        schema.write_meta(self._connection, meta)
        self._connection.execute('COMMIT')
        columns, cache = new.columns, new.cache
        if batch is not None:
            columns = new.growing.append(columns, batch)
            cache = cache_for(len(columns), meta.packing.row_bytes, self._budget, new)
            if cache is not None and packed is not None:
                cache.fill(slice(len(new), len(columns)), packed)
        self._snapshot = replace(new, meta=meta, columns=columns, cache=cache)

    def _rewrite(self, now: Snapshot, columns: cols.Columns, rows: NDArray[np.intp]) -> None:
        """Commit changed values of some rows."""
        changed = columns.take(rows).with_crcs()
        crcs = columns.crcs.copy()
        crcs[rows] = changed.crcs
        columns = replace(columns, crcs=crcs)
        self._connection.executemany(cols.REPLACE, changed.to_rows())
        self._commit_revision(now, columns, now.cache)

    def _delete_rows(self, now: Snapshot, rows: NDArray[np.intp]) -> None:
        ids = [(key,) for key in now.columns.ids[rows].tolist()]
        self._connection.executemany('DELETE FROM places WHERE id = ?', ids)
        self._connection.executemany('DELETE FROM descriptors WHERE place = ?', ids)
        thumbnails.delete(self._connection, ids)
        keep = np.ones(len(now), np.bool_)
        keep[rows] = False
        kept = now.columns.take(np.flatnonzero(keep))
        self._commit_revision(
            now, kept, cache_for(len(kept), now.meta.packing.row_bytes, self._budget, None)
        )

    def _commit_revision(
        self, now: Snapshot, columns: cols.Columns, cache: floats.DescriptorCache | None
    ) -> None:
        meta = replace(
            now.meta,
            revision=now.meta.revision + 1,
            places=len(columns),
            digest=columns.digest,
        )
        self._commit(
            replace(now, meta=meta, growing=cols.Growing(columns), columns=columns, cache=cache)
        )


def _with_mounts(now: Snapshot, cameras: dict[int, Camera]) -> Snapshot:
    """Return a map with these cameras, whose mounts are part of what it says of itself."""
    mounts = {
        str(key): list(camera.mount) for key, camera in cameras.items() if camera.mount is not None
    }
    return replace(now, cameras=cameras, meta=replace(now.meta, mounts=mounts))
