# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks new places, or those of another map, and converts them to rows of the file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError, MapExistsError, MapFrameError, MapModelError
from vpr_ros.maps import descriptors
from vpr_ros.maps.columns import Columns, pack_covariance, unpack_covariance
from vpr_ros.maps.place import Camera
from vpr_ros.maps.snapshot import require_same_model

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.maps.place import NewPlace
    from vpr_ros.maps.snapshot import Snapshot

_NORM_TOLERANCE = 0.01


def prepare(
    snapshot: Snapshot, cameras: dict[Camera, int], places: Sequence[NewPlace]
) -> tuple[Columns, NDArray[np.uint8]]:
    """Return the columns and the packed descriptors (n, bytes) of places to be added.

    Raises:
        MapError: One is not fit to be stored; says which and why.
    """
    vectors = np.stack([_vector(snapshot, number, place) for number, place in enumerate(places)])
    packed = snapshot.meta.packing.pack(snapshot.reduced(vectors))
    first = snapshot.meta.next_place
    ids = np.arange(first, first + len(places))
    columns = Columns(
        ids=ids,
        sessions=np.array([place.session for place in places], np.int64),
        cameras=np.array([cameras[camera_of(place)] for place in places], np.int64),
        stamps=np.array([place.stamp for place in places], np.int64),
        distances=canonical([_number(place.distance) for place in places]),
        poses=np.array([pose_row(place.pose) for place in places]),
        geo=canonical([(g.lat, g.lon, g.alt) if (g := p.geo) else [np.nan] * 3 for p in places]),
        covariances=np.stack([pack_covariance(place.covariance) for place in places]),
        codes=_codes(snapshot, places, packed),
        descriptor_crcs=descriptors.checksums(ids, packed),
        crcs=np.zeros(len(places), np.int64),
    )
    return columns.with_crcs(), packed


def pose_row(pose: Pose | None) -> NDArray[np.float64]:
    """Return (7,) x, y, z, qx, qy, qz, qw, NaN where there is no pose.

    Raises:
        MapError: The pose is not finite, or its quaternion is not of unit length.
    """
    if pose is None:
        return np.full(7, np.nan)
    row = pose.as_array()
    if not (np.isfinite(row).all() and abs(np.linalg.norm(row[3:]) - 1) < 1e-6):
        msg = f'a pose needs a finite position and a unit quaternion, not {row}'
        raise MapError(msg)
    return canonical(row)


def camera_of(place: NewPlace) -> Camera:
    """Return the camera of a place.

    Raises:
        MapError: Its mount is not finite, or the quaternion of that not of unit length.
    """
    if place.mount is not None:
        pose_row(place.mount)
    return Camera.mounted(place.camera, place.mount)


def _vector(snapshot: Snapshot, number: int, place: NewPlace) -> NDArray[np.float32]:
    descriptor = place.description.descriptor
    model = snapshot.meta.model
    if descriptor.shape != (model.descriptor_dim,):
        msg = (
            f'descriptor {number} has shape {descriptor.shape}; those of {model.name}, with which '
            f'the map was made, have length {model.descriptor_dim}'
        )
        raise MapError(msg)
    norm = float(np.linalg.norm(descriptor))
    if not abs(norm - 1) < _NORM_TOLERANCE:
        msg = f'descriptor {number} has norm {norm:.6g}; descriptors have norm 1'
        raise MapError(msg)
    if place.session not in snapshot.names:
        msg = f'the map has no session {place.session}: begin one'
        raise MapError(msg)
    return np.asarray(descriptor, np.float32)


def _codes(
    snapshot: Snapshot, places: Sequence[NewPlace], packed: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    if snapshot.coder is not None:
        return snapshot.coder.encode(snapshot.meta.packing.unpack(packed))
    if not snapshot.meta.code_bits:
        return np.empty((len(places), 0), np.uint8)
    return np.stack([snapshot.model_code(place.description) for place in places])


def _number(value: float | None) -> float:
    if value is None:
        return np.nan
    if not np.isfinite(value):
        msg = f'the distance travelled is {value}; give None where it is unknown'
        raise MapError(msg)
    return value


def canonical(values: object) -> NDArray[np.float64]:
    """Return numbers as SQLite keeps them: without the sign of zero and the bits of NaN."""
    array = np.array(values, np.float64) + 0.0
    array[np.isnan(array)] = np.nan
    return array


class Incoming:
    """Sessions of one map as they will be in another.

    Args:
        target: The map they go into.
        source: The map they are in.
        sessions: Identities in the source, None for all.

    Attributes:
        sessions: Identities in the source; the values are those in the target, to be filled in.
        cameras: Those that saw their places.
        rows: Rows (n,) of the source.

    Raises:
        MapError: Another model, unrelated frames, or a session that is not there or here already.
    """

    def __init__(
        self, target: Snapshot, source: Snapshot, sessions: Collection[int] | None
    ) -> None:
        require_same_model(target.meta.model, source.meta.model)
        if source.meta.reducer not in ('', target.meta.reducer):
            msg = (
                f'the descriptors of the map {source.meta.id} were shortened, and not as those '
                'here: the removed components are lost, so that the maps cannot be merged'
            )
            raise MapModelError(msg)
        chosen = sorted(source.names) if sessions is None else sorted(set(sessions))
        _require_new(target, source, chosen)
        self.sessions = dict.fromkeys(chosen, 0)
        self.rows = np.flatnonzero(np.isin(source.columns.sessions, chosen))
        self.cameras = {
            source.cameras[key] for key in np.unique(source.columns.cameras[self.rows]).tolist()
        }
        self._source = source
        posed = not np.isnan(source.columns.poses[self.rows, 0]).all()
        self._frame = _frame_in(target, source) if posed else None

    def batch(
        self, target: Snapshot, rows: NDArray[np.intp], floats: NDArray[np.float32]
    ) -> tuple[Columns, NDArray[np.uint8]]:
        """Return columns and packed descriptors (n, bytes) of some rows, to be inserted next.

        Args:
            target: With the sessions and cameras inserted.
            rows: Rows (n,) of the source.
            floats: Their descriptors (n, D).
        """
        columns = self._source.columns.take(rows)
        ids = target.meta.next_place + np.arange(len(rows))
        if target.reducer is not None and self._source.reducer is None:
            floats = target.reduced(floats)
        packing = target.meta.packing
        packed = packing.pack(floats)
        if target.coder is not None:
            columns = replace(columns, codes=target.coder.encode(packing.unpack(packed)))
        elif not target.meta.code_bits:
            columns = replace(columns, codes=np.empty((len(rows), 0), np.uint8))
        if self._frame is not None:
            columns = _moved(columns, self._frame)
        keys = {camera: key for key, camera in target.cameras.items()}
        cameras = {key: keys.get(camera, 0) for key, camera in self._source.cameras.items()}
        columns = replace(
            columns,
            ids=ids,
            sessions=_translated(columns.sessions, self.sessions),
            cameras=_translated(columns.cameras, cameras),
            descriptor_crcs=descriptors.checksums(ids, packed),
        )
        return columns.with_crcs(), packed


def _require_new(target: Snapshot, source: Snapshot, chosen: list[int]) -> None:
    known = {uid: key for key, (_, _, uid) in target.names.items()}
    for session in chosen:
        if session not in source.names:
            msg = f'the map {source.meta.id} has no session {session}'
            raise MapError(msg)
        name, _, uid = source.names[session]
        if uid in known:
            msg = (
                f'session {session} ({name!r}) of the map {source.meta.id} is here already, as '
                f'session {known[uid]}: leave it out'
            )
            raise MapExistsError(msg)


def _frame_in(target: Snapshot, source: Snapshot) -> Pose | None:
    """Return the pose of the source's frame in the target's, None where they are the same."""
    ours, theirs = target.meta.datum, source.meta.datum
    if ours is not None and theirs is not None:
        return None if ours == theirs else ours.pose_of(theirs)
    if ours is None and theirs is None:
        if target.meta.frame_id == source.meta.frame_id:
            return None
        reason = f'frames {target.meta.frame_id!r} and {source.meta.frame_id!r}, without a datum'
    else:
        reason = 'one has a datum, the other has none'
    msg = f'the poses of the map {source.meta.id} cannot be related to those here: {reason}'
    raise MapFrameError(msg)


def _moved(columns: Columns, frame: Pose) -> Columns:
    """Return places whose poses are given in a frame, as given in that frame's parent."""
    posed = np.flatnonzero(~np.isnan(columns.poses[:, 0]))
    poses = columns.poses.copy()
    poses[posed, :3] = columns.poses[posed, :3] @ frame.rotation.T + frame.position
    x, y, z, w = frame.orientation
    # Multiplication by the quaternion from the left.
    matrix = np.array([[w, -z, y, x], [z, w, -x, y], [-y, x, w, z], [-x, -y, -z, w]])
    turned = columns.poses[posed, 3:] @ matrix.T
    poses[posed, 3:] = turned / np.linalg.norm(turned, axis=1, keepdims=True)
    rotation = np.kron(np.eye(2), frame.rotation)
    covariances = columns.covariances.copy()
    for row in np.flatnonzero(~np.isnan(covariances[:, 0])):
        covariance = rotation @ unpack_covariance(covariances[row]) @ rotation.T
        covariances[row] = pack_covariance((covariance + covariance.T) / 2)
    return replace(columns, poses=canonical(poses), covariances=covariances)


def _translated(values: NDArray[np.int64], table: dict[int, int]) -> NDArray[np.int64]:
    unique, where = np.unique(values, return_inverse=True)
    return np.array([table[key] for key in unique.tolist()], np.int64)[where]
