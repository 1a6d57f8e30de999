# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks new places and converts them to rows of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.maps import descriptors
from vpr_ros.maps.columns import Columns, pack_covariance
from vpr_ros.maps.place import Camera

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    require_unit_norm(vectors)
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


def require_unit_norm(descriptors: NDArray[np.floating[Any]]) -> None:
    """Refuse descriptors (N, D) that are not of norm 1.

    Raises:
        MapError: Names the first.
    """
    norms = np.linalg.norm(descriptors.astype(np.float32), axis=1)
    wrong = np.flatnonzero(~(np.abs(norms - 1) < _NORM_TOLERANCE))
    if len(wrong):
        msg = f'descriptor {wrong[0]} has norm {norms[wrong[0]]:.6g}; descriptors have norm 1'
        raise MapError(msg)


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
