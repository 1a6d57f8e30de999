# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads a place map: one SQLite file with one writer and many readers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError, MapInUseError
from vpr_ros.maps import descriptors as floats
from vpr_ros.maps import file_format as schema
from vpr_ros.maps.connection import CLOSED, explained, require_file
from vpr_ros.maps.integrity import problems_of
from vpr_ros.maps.log_witness import read_checked, state_alone
from vpr_ros.maps.meta import read_version
from vpr_ros.maps.place import MapInfo, Place, Session
from vpr_ros.maps.side_files import logs_beside
from vpr_ros.maps.snapshot import load, require_same_model
from vpr_ros.maps.watched_file import WatchedFile

if TYPE_CHECKING:
    import os
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from typing_extensions import Self

    from vpr_ros.geometry import Datum
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import ModelInfo

MEMORY_BUDGET = 2 << 30
"""Bytes of float descriptors kept in memory at most, unless told otherwise."""
OVERWRITTEN = 'another map was written over the file since it was opened: open it again'
_CHUNK = 4096


class PlaceMap:
    """Places of one or more sessions, described by one model, in one frame.

    Get one from `open`; `MapWriter` makes maps and changes them. Writes that were
    committed are seen here after a `refresh`. Methods may be called from several threads.

    All codes and poses are held in memory. Float descriptors are kept there as they are used,
    while all of them would fit the memory budget, and are else read from the file for each use.
    """

    def __init__(self, path: Path, model: ModelInfo | None, memory_budget: int) -> None:
        self._path = path
        self._wanted = model
        self._file = WatchedFile(path)
        self._other = self._away = self._closed = False
        self._budget = memory_budget
        self._mutex = threading.RLock()
        self._connection, self._snapshot = self._read()
        try:
            if model is not None:
                require_same_model(self.model, model)
        except BaseException:
            self._connection.close()
            raise

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        model: ModelInfo | None = None,
        memory_budget: int = MEMORY_BUDGET,
    ) -> Self:
        """Open a map and check every place of it; the file is never changed.

        Args:
            path: The file.
            model: The model of the queries, to be sure that it also made the map.
            memory_budget: Bytes of float descriptors to keep in memory at most.

        Raises:
            MapError: The file is missing, damaged, foreign, newer, or made with another model.
        """
        path = Path(path)
        require_file(path)
        with explained(path):
            return cls(path, model, memory_budget)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def displaced(self) -> bool:
        """Whether the file was removed, or another map is in its place, since it was opened."""
        return self._file.displaced or self.overwritten

    @property
    def overwritten(self) -> bool:
        """Whether another map was written over the file; one that is half written is none yet."""
        with self._mutex:
            if self._file.displaced:
                return False
            if not self._file.touched:
                return self._other
            found = state_alone(self._path)
            return found is not None and found.id != self.id

    @property
    def snapshot(self) -> Snapshot:
        """The map as last read; later writes do not change it."""
        return self._snapshot

    @property
    def id(self) -> str:
        """Random identity (UUID) given at creation."""
        return self._snapshot.meta.id

    @property
    def model(self) -> ModelInfo:
        """Model of the descriptions."""
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
    def positions(self) -> NDArray[np.float64]:
        """Positions (N, 3) in the map frame, metres, NaN where there is none."""
        return self._snapshot.columns.poses[:, :3]

    @property
    def has_poses(self) -> bool:
        """Whether any place has a pose."""
        return not np.isnan(self.positions[:, 0]).all()

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

        Descriptors in memory are not copied.

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
            self._require_file()
            return schema.read_thumbnail(self._connection, place_id)

    def preload(self) -> None:
        """Read all descriptors into memory, where they fit the budget, to spare it later."""
        snapshot = self._snapshot
        if snapshot.cache is not None:
            for start in range(0, len(snapshot), _CHUNK):
                rows = np.arange(start, min(start + _CHUNK, len(snapshot)))
                self.packed_descriptors(snapshot, rows)

    def info(self) -> MapInfo:
        """Return a summary of the map."""
        snapshot = self._snapshot
        meta = snapshot.meta
        positions = snapshot.columns.poses[:, :3]
        positions = positions[~np.isnan(positions[:, 0])]
        bounds = None
        if len(positions):
            low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
            bounds = ((low[0], low[1], low[2]), (high[0], high[1], high[2]))
        files = [self._path, *logs_beside(self._path)]
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
        """Read the writes committed since the map was opened or last refreshed.

        A file that was written over in place, as `cp` does, is read anew, if it is the same map.

        Returns:
            Whether there was anything new.

        Raises:
            MapError: The new rows cannot be read, another map was written over the file, or the
                map was described anew with a model that is not that of the queries.
        """
        with self._mutex, explained(self._path):
            if self._closed:
                raise MapError(CLOSED)
            if self._away or (self._file.touched and not self._file.displaced):
                snapshot = self._read_again()
            elif read_version(self._connection) == self.version:
                return False
            else:
                snapshot = load(self._connection, self._budget, self._snapshot)
            if self._wanted is not None:
                require_same_model(snapshot.meta.model, self._wanted)
            if snapshot.meta.is_same(self._snapshot.meta):
                return False
            self._snapshot = snapshot
            return True

    def _read(self, known: Snapshot | None = None) -> tuple[sqlite3.Connection, Snapshot]:
        return read_checked(self._path, lambda db: load(db, self._budget, known))

    def _read_again(self) -> Snapshot:
        """Read a file that was touched, with nothing of what SQLite remembers of it.

        Raises:
            MapError: It cannot be read, perhaps only now, or is another map.
        """
        looked = WatchedFile(self._path)
        self.let_go()
        connection, snapshot = self._read(self._snapshot)
        self._file, self._other = looked, snapshot.meta.id != self.id
        if self._other:
            connection.close()
            raise MapInUseError(OVERWRITTEN)
        self._connection, self._away = connection, False
        return snapshot

    def let_go(self) -> None:
        """Close the file until the next refresh; what is in memory is searched until then.

        As long as one connection of a process is open, SQLite shares what that remembers of the
        log with all that are opened later.
        """
        with self._mutex:
            self._connection.close()
            self._away = True

    def verify(self) -> list[str]:
        """Read and check everything; return the problems found, in words."""
        with self._mutex:
            return problems_of(self._connection)

    def close(self) -> None:
        """Close the file; the object is of no use afterwards."""
        with self._mutex:
            self._connection.close()
            self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def _require_file(self) -> None:
        """Refuse to read from a file that is not the map's any more.

        Raises:
            MapInUseError: Another map was written over it.
        """
        if not self._closed and (self._away or self.overwritten):
            raise MapInUseError(OVERWRITTEN)

    def _read_descriptors(self, snapshot: Snapshot, rows: NDArray[np.intp]) -> NDArray[np.uint8]:
        columns, packing = snapshot.columns, snapshot.meta.packing
        with self._mutex, explained(self._path):
            self._require_file()
            return floats.read(
                self._connection, columns.ids[rows], columns.descriptor_crcs[rows], packing
            )
