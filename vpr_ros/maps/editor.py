# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Changes and deletes the contents of a place map."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.maps import columns as cols
from vpr_ros.maps import file_format as schema
from vpr_ros.maps.connection import empty_log, explained
from vpr_ros.maps.new_places import pose_row
from vpr_ros.maps.place import Camera
from vpr_ros.maps.snapshot import cache_for
from vpr_ros.maps.transactions import TransactionalMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.geometry import Datum, Pose
    from vpr_ros.maps.descriptors import DescriptorCache
    from vpr_ros.maps.snapshot import Snapshot


_TURN_VARIANCE = 0.05**2
"""Of the directions of a registered session, radians squared."""


class MapEditor(TransactionalMap):
    """Changes the datum, mounts and poses of a map, and deletes places."""

    def set_datum(self, datum: Datum) -> None:
        """Set the position of the map frame's origin on Earth; only once, poses depend on it.

        Raises:
            MapError: The map has a datum already.
        """
        with self.transaction():
            now = self._now
            if now.meta.datum is not None:
                msg = f'has the datum {now.meta.datum} already'
                raise MapError(msg)
            self._store(replace(now, meta=replace(now.meta, datum=datum)))

    def set_mount(self, name: str, mount: Pose) -> None:
        """Set the mount of a camera, or replace it.

        Args:
            name: Of the camera.
            mount: Its optical frame in the base frame.

        Raises:
            MapError: There is no such camera, the pose is not finite, or cameras of that name sat
                in different places.
        """
        pose_row(mount)
        with self.transaction():
            now = self._now
            named = {key: each for key, each in now.cameras.items() if each.name == name}
            if not named:
                known = sorted({each.name for each in now.cameras.values()})
                msg = f'has no camera {name!r}; it has {known}'
                raise MapError(msg)
            if len({each.mount for each in named.values()} - {None}) > 1:
                msg = f'has cameras {name!r} that sat in different places: map again, or leave it'
                raise MapError(msg)
            camera = Camera.mounted(name, mount)
            self._store(with_mounts(now, {**now.cameras, **dict.fromkeys(named, camera)}))

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
        with self.transaction():
            now = self._now
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

    def anchor_session(
        self, session: int, poses: Sequence[Pose | None], sigmas: Sequence[float]
    ) -> None:
        """Give the places of a session poses in the frame of the map; see `Session.frame`.

        Args:
            session: Its identity.
            poses: Of each of its places in order of their identities; None for those without.
            sigmas: Standard deviations of the positions, metres.

        Raises:
            MapError: There is no such session, or a pose is not finite; then none is changed.
        """
        with self.transaction():
            now = self._now
            rows = np.flatnonzero(now.columns.sessions == session)
            known = [i for i, pose in enumerate(poses) if pose is not None]
            moved = [pose for pose in poses if pose is not None]
            spread = [np.diag([sigmas[i] ** 2] * 3 + [_TURN_VARIANCE] * 3) for i in known]
            self.update_poses(now.columns.ids[rows[known]], moved, spread)
            frames = {key: name for key, name in now.meta.frames.items() if key != str(session)}
            now = self._now
            self._store(replace(now, meta=replace(now.meta, frames=frames)))

    def delete(self, ids: Sequence[int] | NDArray[np.int64]) -> None:
        """Delete places; their identities are never used again.

        Raises:
            MapError: One of them does not exist; then none is deleted.
        """
        with self.transaction():
            now = self._now
            self._delete_rows(now, now.columns.rows_of(ids))

    def clear(self) -> None:
        """Delete all sessions and their places; datum and coder stay."""
        with self.transaction():
            now = self._now
            self._database().execute('DELETE FROM sessions')
            now = replace(now, names={}, meta=replace(now.meta, frames={}))
            self._delete_rows(now, np.arange(len(now)))

    def delete_session(self, session: int) -> None:
        """Delete a session and all its places.

        Raises:
            MapError: There is no such session.
        """
        with self.transaction():
            now = self._now
            if session not in now.names:
                msg = f'the map has no session {session}'
                raise MapError(msg)
            self._database().execute('DELETE FROM sessions WHERE id = ?', (session,))
            names = {key: value for key, value in now.names.items() if key != session}
            frames = {key: name for key, name in now.meta.frames.items() if key != str(session)}
            rows = np.flatnonzero(now.columns.sessions == session)
            meta = replace(now.meta, frames=frames)
            self._delete_rows(replace(now, names=names, meta=meta), rows)

    def compact(self) -> int:
        """Return the space of deleted places to the disk; return how many bytes.

        The file is written anew as one transaction (SQLite's VACUUM) and not replaced by another:
        readers in other processes, who hold it open, go on reading it, and see later writes.
        Until it is done it needs room for twice the map, half of it for temporary files.

        Raises:
            MapError: The disk is full, or a transaction is open.
        """
        before = self.info().bytes
        with self._mutex, explained(self._path):
            self._require_place()
            if self._depth:
                msg = 'cannot be compacted within a transaction'
                raise MapError(msg)
            with self.transaction():
                self._store(self._now)  # Another version, for the pages are others.
            database = self._database()
            database.execute('VACUUM')
            empty_log(database)
            self._log_file.note()
        return before - self.info().bytes

    def _rewrite(self, now: Snapshot, columns: cols.Columns, rows: NDArray[np.intp]) -> None:
        """Store changed values of some rows."""
        changed = columns.take(rows).with_crcs()
        crcs = columns.crcs.copy()
        crcs[rows] = changed.crcs
        columns = replace(columns, crcs=crcs)
        self._database().executemany(cols.REPLACE, changed.to_rows())
        self._store_revision(now, columns, now.cache)

    def _delete_rows(self, now: Snapshot, rows: NDArray[np.intp]) -> None:
        ids = [(key,) for key in now.columns.ids[rows].tolist()]
        self._database().executemany('DELETE FROM places WHERE id = ?', ids)
        self._database().executemany('DELETE FROM descriptors WHERE place = ?', ids)
        schema.delete_thumbnails(self._database(), ids)
        keep = np.ones(len(now), np.bool_)
        keep[rows] = False
        kept = now.columns.take(np.flatnonzero(keep))
        self._store_revision(
            now, kept, cache_for(len(kept), now.meta.packing.row_bytes, self._budget, None)
        )

    def _store_revision(
        self, now: Snapshot, columns: cols.Columns, cache: DescriptorCache | None
    ) -> None:
        meta = replace(
            now.meta,
            revision=now.meta.revision + 1,
            places=len(columns),
            digest=columns.digest,
        )
        self._store(
            replace(now, meta=meta, growing=cols.Growing(columns), columns=columns, cache=cache)
        )


def with_mounts(now: Snapshot, cameras: dict[int, Camera]) -> Snapshot:
    """Return a map with these cameras, whose mounts are part of its metadata."""
    mounts = {
        str(key): list(camera.mount) for key, camera in cameras.items() if camera.mount is not None
    }
    return replace(now, cameras=cameras, meta=replace(now.meta, mounts=mounts))
