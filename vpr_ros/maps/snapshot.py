# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map in memory as it was at one moment, and how it is read from the file."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.documents import DocumentError
from vpr_ros.errors import MapDamagedError, MapError, MapModelError, shown
from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.geometry.geodesy import surface_positions
from vpr_ros.maps import file_format as schema
from vpr_ros.maps.coder import fitted_of
from vpr_ros.maps.columns import SELECT, Columns, Growing, empty, unpack_covariance
from vpr_ros.maps.connection import SQLITE_ERRORS
from vpr_ros.maps.descriptors import DescriptorCache
from vpr_ros.maps.meta import MOST_SESSIONS, Meta, crc_of, fault_of_texts, read_meta
from vpr_ros.maps.place import Camera, Place, Session

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray

    from vpr_ros.maps.coder import ItqCoder, PcaReducer
    from vpr_ros.types import Description, ModelInfo

_FETCH = 1024


@dataclass(frozen=True, eq=False)
class Snapshot:
    """A map at one moment; writes make a new one and leave this as it is.

    Attributes:
        meta: Metadata of the file.
        names: Name, start (nanoseconds) and UUID of each session by identity.
        cameras: Each camera by identity.
        coder: Coder fitted on the map, if there is one.
        reducer: Shortens the model's descriptors to those of the map, if there is one.
        growing: Owner of the columns.
        columns: Every place.
        cache: Packed descriptors by row, None where they do not fit the memory budget.
    """

    meta: Meta
    names: dict[int, tuple[str, int, str]]
    cameras: dict[int, Camera]
    coder: ItqCoder | None
    reducer: PcaReducer | None
    growing: Growing
    columns: Columns
    cache: DescriptorCache | None

    def __len__(self) -> int:
        return len(self.columns)

    @cached_property
    def mounts(self) -> dict[int, Pose | None]:
        """Mount of each camera by identity, None where it is not known."""
        return {
            key: None if camera.mount is None else Pose.from_array(camera.mount)
            for key, camera in self.cameras.items()
        }

    def places(self, ids: Sequence[int] | NDArray[np.int64]) -> list[Place]:
        """Return places by identity, in the order asked for.

        Raises:
            MapError: One of them does not exist.
        """
        return self.places_at(self.columns.rows_of(ids))

    def places_at(self, rows: NDArray[np.intp]) -> list[Place]:
        """Return the places of rows."""
        columns, cameras, mounts = self.columns, self.cameras, self.mounts
        poses, covariances = columns.poses[rows], columns.covariances[rows]
        values = zip(
            columns.ids[rows].tolist(),
            columns.sessions[rows].tolist(),
            columns.cameras[rows].tolist(),
            columns.stamps[rows].tolist(),
            columns.distances[rows].tolist(),
            poses,
            (~np.isnan(poses[:, 0])).tolist(),
            columns.geo[rows].tolist(),
            covariances,
            (~np.isnan(covariances[:, 0])).tolist(),
            strict=True,
        )
        return [
            Place(
                key,
                session,
                stamp,
                Pose(pose[:3], pose[3:]) if posed else None,
                unpack_covariance(spread) if covered else None,
                None if isnan(geo[0]) else GeoPoint(*geo),
                cameras[camera].name,
                None if isnan(distance) else distance,
                mounts[camera],
            )
            for key, session, camera, stamp, distance, pose, posed, geo, spread, covered in values
        ]

    def on_earth(self) -> NDArray[np.float64]:
        """Return latitude, longitude (degrees) and height (metres) of each place, (N, 3) float64.

        By its pose and the datum, which may have been optimised since the place was seen; else as
        measured; NaN where neither is known.
        """
        columns, datum = self.columns, self.meta.datum
        positions = columns.geo.copy()
        posed = ~np.isnan(columns.poses[:, 0])
        if datum is not None and posed.any():
            positions[posed] = datum.to_geodetic(columns.poses[posed, :3])
        return positions

    def within(self, centre: GeoPoint | ArrayLike, radius: float) -> NDArray[np.int64]:
        """Return the identities of the places in an area.

        Args:
            centre: A point on Earth (then heights do not matter), or a position (3,) in the map.
            radius: Metres; places at this distance are within.
        """
        if isinstance(centre, GeoPoint):
            lat, lon, _ = self.on_earth().T
            positions = surface_positions(lat, lon)
            middle = surface_positions(np.array(centre.lat), np.array(centre.lon))
        else:
            positions, middle = self.columns.poses[:, :3], np.asarray(centre, np.float64)
        # NaN, where there is no position, compares as not within.
        inside = np.linalg.norm(positions - middle, axis=1) <= radius
        return np.asarray(self.columns.ids[inside])

    def sessions(self) -> tuple[Session, ...]:
        """Return every session in order."""
        ids, counts = np.unique(self.columns.sessions, return_counts=True)
        places = dict(zip(ids.tolist(), counts.tolist(), strict=True))
        frames = self.meta.frames
        return tuple(
            Session(key, name, started, places.get(key, 0), uid, frames.get(str(key), ''))
            for key, (name, started, uid) in sorted(self.names.items())
        )

    @property
    def begun_frames(self) -> set[str]:
        """Frames of poses that began with a session, see `Session.frame`."""
        return set(self.meta.frames.values())

    def query_of(
        self, description: Description
    ) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
        """Return the descriptor (d,) and code (bits / 8,) a description has in this map.

        There is no code while the map has no coder.

        Raises:
            MapError: The description is not of the map's model, or not finite.
        """
        vector = np.ascontiguousarray(description.descriptor, np.float32)
        model = self.meta.model
        if vector.shape != (model.descriptor_dim,):
            msg = (
                f'a descriptor of shape {vector.shape} does not belong to a map '
                f'of {model.name}, whose descriptors have length {model.descriptor_dim}'
            )
            raise MapError(msg)
        # The product alone tells almost always, and sooner.
        if not isfinite(vector @ vector) and not np.isfinite(vector).all():
            msg = 'the descriptor of the query has values that are not finite'
            raise MapError(msg)
        vector = self.reduced(vector[None])[0]
        if model.code_bits:
            return vector, self.model_code(description)
        if self.coder is None:
            return vector, None
        packing = self.meta.packing
        return vector, self.coder.encode(packing.unpack(packing.pack(vector[None])))[0]

    def reduced(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the model's descriptors (n, D) as the map has them (n, d)."""
        return vectors if self.reducer is None else self.reducer.reduce(vectors)

    def model_code(self, description: Description) -> NDArray[np.uint8]:
        """Return the code (bits / 8,) that the model gave a description.

        Raises:
            MapError: The description is not of the map's model.
        """
        model, code = self.meta.model, description.code
        if code is None or code.dtype != np.uint8 or code.shape != (model.code_bits // 8,):
            msg = (
                f'a description for a map of {model.name} has a code of {model.code_bits} bits, '
                'packed'
            )
            raise MapError(msg)
        return code


def require_same_model(stored: ModelInfo, given: ModelInfo) -> None:
    """Refuse a map made with another model than that of the queries.

    Raises:
        MapError: Names everything that differs.
    """
    differences = [
        f'{label} {theirs!r} in the map, {ours!r} here'
        for label, theirs, ours in (
            ('model', stored.name, given.name),
            ('weights', stored.weights_id, given.weights_id),
            ('descriptor length', stored.descriptor_dim, given.descriptor_dim),
            ('code bits', stored.code_bits, given.code_bits),
            ('preprocessing', stored.preprocessing, given.preprocessing),
        )
        if theirs != ours
    ]
    if differences:
        msg = (
            f'was made with another model ({"; ".join(differences)}): use that, or describe its '
            f'places anew with {given.name} (`vpr map redescribe`)'
        )
        raise MapModelError(msg)


def load(db: sqlite3.Connection, budget: int, known: Snapshot | None = None) -> Snapshot:
    """Read a map, or only the places added since a known snapshot where that is possible.

    Raises:
        MapError: The file is no map, newer, or damaged.
    """
    with reading(db):
        if known is not None:
            try:
                return _load(db, budget, known)
            except MapDamagedError:
                pass  # Perhaps a copy of the map that was added to elsewhere, and brought here.
        return _load(db, budget, None)


@contextmanager
def reading(db: sqlite3.Connection) -> Iterator[None]:
    """Show the body one state of the map, whatever is written meanwhile."""
    if db.in_transaction:
        yield
        return
    db.execute('BEGIN')
    try:
        yield
    finally:
        with suppress(*SQLITE_ERRORS):  # Severe ones have ended it.
            db.execute('ROLLBACK')


def _load(db: sqlite3.Connection, budget: int, known: Snapshot | None) -> Snapshot:
    try:
        schema.check_identity(db)
        meta = read_meta(db)
        if known is not None and not _is_added_to(known.meta, meta):
            known = None
        added = _read_places(db, known.columns if known else None, meta.code_bits // 8)
        growing = known.growing if known else Growing(empty(meta.code_bits // 8))
        columns = growing.append(known.columns if known else added.take(slice(0)), added)
        if len(columns) != meta.places or columns.digest != meta.digest:
            msg = f'is damaged: of {meta.places} places {len(columns)} can be read'
            raise MapDamagedError(msg)
        if known:
            coder, reducer = known.coder, known.reducer
        else:
            coder, reducer = fitted_of(meta, lambda key: _read_fitted(db, key))
        snapshot = Snapshot(
            meta=meta,
            names=_read_sessions(db),
            cameras=_read_cameras(db, meta),
            coder=coder,
            reducer=reducer,
            growing=growing,
            columns=columns,
            cache=cache_for(len(columns), meta.packing.row_bytes, budget, known),
        )
    except (DocumentError, KeyError, TypeError, ValueError, OverflowError) as error:
        msg = f'is damaged: makes no sense ({error})'
        raise MapDamagedError(msg) from error
    if fault := _fault_between_tables(snapshot):
        msg = f'is damaged: {fault}'
        raise MapDamagedError(msg)
    return snapshot


def _fault_between_tables(snapshot: Snapshot) -> str:
    """Return what one table says of another that is not so, in words; empty if there is none."""
    meta, columns = snapshot.meta, snapshot.columns
    sessions, cameras = set(snapshot.names), set(snapshot.cameras)
    unknown = set(np.unique(columns.cameras).tolist()) - cameras
    unknown |= set(np.unique(columns.sessions).tolist()) - sessions
    if unknown:
        return f'the sessions or cameras {shown(sorted(unknown))} of its places are missing'
    if {int(key) for key in meta.mounts} - cameras or {int(key) for key in meta.frames} - sessions:
        return 'the camera of a mount, or the session of a frame, is missing'
    if (
        max(sessions, default=0) >= meta.next_session
        or columns.ids[-1:].max(initial=0) >= meta.next_place
    ):
        return 'the next identity of a session or place is one that is there'
    return ''


def _is_added_to(known: Meta, now: Meta) -> bool:
    """Tell whether places may only have been added since a state that is known."""
    return known.rules == now.rules and known.version <= now.version


def cache_for(
    count: int, row_bytes: int, budget: int, known: Snapshot | None
) -> DescriptorCache | None:
    """Return room for packed descriptors, that of a known snapshot if it has the same rows."""
    most = budget // row_bytes
    if count > most:
        return None
    if known is None or known.cache is None:
        return DescriptorCache(count, row_bytes, most)
    known.cache.grow(count)
    return known.cache


def _read_places(db: sqlite3.Connection, known: Columns | None, code_bytes: int) -> Columns:
    last = int(known.ids[-1]) if known is not None and len(known) else 0
    growing = Growing(empty(code_bytes))
    rows = db.execute(f'{SELECT} WHERE id > ? ORDER BY id', (last,))
    columns = empty(code_bytes)
    while chunk := rows.fetchmany(_FETCH):
        columns = growing.append(columns, Columns.from_rows(chunk, code_bytes))
    return columns


def _read_sessions(db: sqlite3.Connection) -> dict[int, tuple[str, int, str]]:
    query = 'SELECT id, name, started, uid, crc FROM sessions'
    rows = _checked(db, query, 'session', (int, str, int, str))
    return {key: (name, started, uid) for key, name, started, uid in rows}


def _read_cameras(db: sqlite3.Connection, meta: Meta) -> dict[int, Camera]:
    mounts = {int(key): tuple(mount) for key, mount in meta.mounts.items()}
    rows = _checked(db, 'SELECT id, name, crc FROM cameras', 'camera', (int, str))
    return {key: Camera(name, mounts.get(key)) for key, name in rows}


def _checked(
    db: sqlite3.Connection, query: str, what: str, kinds: tuple[type, ...]
) -> Iterator[list[Any]]:
    """Yield rows of an identity and other values without the checksum that they end with."""
    for *row, crc in db.execute(query):
        if tuple(map(type, row)) != kinds or not 0 < row[0] < MOST_SESSIONS:
            msg = f'is damaged: {what} {shown(row[0])} makes no sense'
            raise MapDamagedError(msg)
        if fault := fault_of_texts(row):
            msg = f'is damaged: {fault}'
            raise MapDamagedError(msg)
        if crc_of(*row) != crc:
            msg = f'is damaged: the checksum of {what} {row[0]} does not match'
            raise MapDamagedError(msg)
        yield row


def _read_fitted(db: sqlite3.Connection, key: str) -> Any:
    return db.execute('SELECT mean, projection FROM coder WHERE id = ?', (key,)).fetchone()
