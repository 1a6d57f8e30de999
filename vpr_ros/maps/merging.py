# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks sessions that are merged into another map, and converts their places to its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError, MapExistsError, MapFrameError, MapModelError
from vpr_ros.maps import descriptors
from vpr_ros.maps.columns import Columns, pack_covariance, unpack_covariance
from vpr_ros.maps.new_places import canonical
from vpr_ros.maps.snapshot import require_same_model

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from vpr_ros.geometry import Pose
    from vpr_ros.maps.snapshot import Snapshot


class MergedSessions:
    """Sessions of one map, converted to places of another that they are merged into.

    Args:
        target: The map they go into.
        source: The map they are in.
        sessions: Identities in the source, None for all.
        anchored: See `MapWriter.merge`.

    Attributes:
        sessions: Identities in the source; the values are those in the target, to be filled in.
        cameras: Those that saw their places.
        rows: Rows (n,) of the source.

    Raises:
        MapError: Another model, unrelated frames, or a session that is not there.
    """

    def __init__(
        self,
        target: Snapshot,
        source: Snapshot,
        sessions: Collection[int] | None,
        *,
        anchored: bool = False,
    ) -> None:
        require_same_model(target.meta.model, source.meta.model)
        if source.meta.reducer not in ('', target.meta.reducer):
            msg = (
                f'the descriptors of the map {source.meta.id} were shortened, and not as those '
                'here: the removed components are lost, so that the maps cannot be merged'
            )
            raise MapModelError(msg)
        chosen = sorted(source.names) if sessions is None else sorted(set(sessions))
        _require_there(source, chosen)
        self.sessions = dict.fromkeys(chosen, 0)
        self.rows = np.flatnonzero(np.isin(source.columns.sessions, chosen))
        self.cameras = {
            source.cameras[key] for key in np.unique(source.columns.cameras[self.rows]).tolist()
        }
        self._source = source
        posed = not np.isnan(source.columns.poses[self.rows, 0]).all()
        if posed and not anchored:
            _require_related(target, source)
        self._frame = _frame_in(target, source) if posed else None

    def converted(
        self, target: Snapshot, rows: NDArray[np.intp], packed: NDArray[np.uint8]
    ) -> tuple[Columns, NDArray[np.uint8]]:
        """Return columns and packed descriptors (n, bytes) of some rows, to be inserted next.

        What both maps store alike stays as it is, byte by byte.

        Args:
            target: With the sessions and cameras inserted.
            rows: Rows (n,) of the source.
            packed: Their descriptors (n, bytes) as the source packs them.
        """
        columns = self._source.columns.take(rows)
        ids = target.meta.next_place + np.arange(len(rows))
        ours, theirs = target.meta, self._source.meta
        alike = (ours.packing, ours.reducer) == (theirs.packing, theirs.reducer)
        if not alike:
            floats = theirs.packing.unpack(packed)
            if target.reducer is not None and self._source.reducer is None:
                floats = target.reduced(floats)
            packed = ours.packing.pack(floats)
        if target.coder is not None and not (alike and ours.coder == theirs.coder):
            columns = replace(columns, codes=target.coder.encode(ours.packing.unpack(packed)))
        elif not ours.code_bits:
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


def require_new(target: Snapshot, source: Snapshot, sessions: Collection[int]) -> None:
    """Refuse sessions of a map that another holds already.

    Raises:
        MapExistsError: It holds one of them.
    """
    known = {uid: key for key, (_, _, uid) in target.names.items()}
    for session in sessions:
        name, _, uid = source.names[session]
        if uid in known:
            msg = (
                f'session {session} ({name!r}) of the map {source.meta.id} is here already, as '
                f'session {known[uid]}: leave it out'
            )
            raise MapExistsError(msg)


def _require_there(source: Snapshot, sessions: list[int]) -> None:
    for session in sessions:
        if session not in source.names:
            msg = f'the map {source.meta.id} has no session {session}'
            raise MapError(msg)


def _require_related(target: Snapshot, source: Snapshot) -> None:
    """Refuse poses in a frame that began with a session, unless both hold it, or a datum."""
    begun = sorted({*target.begun_frames, *source.begun_frames})
    on_earth = target.meta.datum is not None and source.meta.datum is not None
    if begun and target.meta.places and not on_earth and not _share_a_beginning(target, source):
        msg = (
            f'the poses of the map {source.meta.id} cannot be related to those here: the frame '
            f'{begun[0]!r} begins anew with each run. `vpr map register` finds out by the '
            'pictures how they are related'
        )
        raise MapFrameError(msg)


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


def _share_a_beginning(one: Snapshot, other: Snapshot) -> bool:
    """Return whether one map holds the very session that the frame of the other began with."""

    def begun(snapshot: Snapshot) -> set[str]:
        return {snapshot.names[int(key)][2] for key in snapshot.meta.frames}

    def uids(snapshot: Snapshot) -> set[str]:
        return {uid for _, _, uid in snapshot.names.values()}

    return bool(begun(one) & uids(other) or begun(other) & uids(one))


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
