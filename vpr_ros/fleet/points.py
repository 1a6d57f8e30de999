# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places as points of a Qdrant collection: two vectors, and a payload that filters can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qdrant_client import models

from vpr_ros.maps import Camera
from vpr_ros.maps.columns import Columns
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.maps import Snapshot

CODE, DESCRIPTOR = 'hash', 'descriptor'
"""Names of the vectors of a point, as stored in collections."""
INDEXED = {
    'kind': models.PayloadSchemaType.KEYWORD,
    'session': models.PayloadSchemaType.INTEGER,
    'camera': models.PayloadSchemaType.KEYWORD,
    'second': models.PayloadSchemaType.INTEGER,
    'nanosecond': models.PayloadSchemaType.INTEGER,
    'distance': models.PayloadSchemaType.FLOAT,
    'x': models.PayloadSchemaType.FLOAT,
    'y': models.PayloadSchemaType.FLOAT,
    'z': models.PayloadSchemaType.FLOAT,
    'geo': models.PayloadSchemaType.GEO,
}
"""Fields of the payload that filters ask for; servers can refuse filters on others."""
_POSE = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw')


def signs(code: NDArray[np.uint8]) -> list[float]:
    """Return a code (bits / 8,) as numbers -1 and 1, whose inner product counts equal bits."""
    return [2.0 * bit - 1.0 for bit in np.unpackbits(code).tolist()]


def points_of(
    snapshot: Snapshot,
    rows: NDArray[np.intp],
    descriptors: NDArray[np.float32],
    sessions: dict[int, int],
    ids: NDArray[np.int64],
) -> list[models.PointStruct]:
    """Return places as points.

    Args:
        snapshot: Of the map they are in.
        rows: Rows (n,) of it.
        descriptors: (n, d).
        sessions: Number of each session in the collection.
        ids: (n,) identities in the collection.
    """
    columns = snapshot.columns.take(rows)
    points = []
    for i, vector in enumerate(descriptors):
        second, nanosecond = divmod(int(columns.stamps[i]), SECOND)
        camera = snapshot.cameras[int(columns.cameras[i])]
        payload: dict[str, Any] = {
            'session': sessions[int(columns.sessions[i])],
            'camera': camera.name,
            # A filter compares as float64, which cannot tell nanoseconds of this century apart.
            'second': second,
            'nanosecond': nanosecond,
        }
        if camera.mount is not None:
            payload['mount'] = camera.mount
        if not np.isnan(columns.distances[i]):
            payload['distance'] = float(columns.distances[i])
        if not np.isnan(columns.poses[i, 0]):
            payload.update(zip(_POSE, columns.poses[i].tolist(), strict=True))
        if not np.isnan(columns.covariances[i, 0]):
            payload['covariance'] = columns.covariances[i].tolist()
        lat, lon, alt = columns.geo[i].tolist()
        if not np.isnan(lat):
            payload['geo'] = {'lat': lat, 'lon': lon}
        if not np.isnan(alt):
            payload['altitude'] = alt
        vectors: dict[str, Any] = {DESCRIPTOR: vector.tolist()}
        if columns.codes.shape[1]:
            payload['code'] = columns.codes[i].tobytes().hex()
            vectors[CODE] = signs(columns.codes[i])
        points.append(models.PointStruct(id=int(ids[i]), vector=vectors, payload=payload))
    return points


def columns_of(
    points: Sequence[models.Record | models.ScoredPoint],
    cameras: dict[Camera, int],
    code_bytes: int,
) -> Columns:
    """Return points as places; new cameras get a number and are added to those known."""
    payloads = [point.payload or {} for point in points]
    seen_by = [_camera(payload) for payload in payloads]
    for camera in seen_by:
        cameras.setdefault(camera, len(cameras) + 1)
    nan = float('nan')
    codes = [bytes.fromhex(payload.get('code', '')) for payload in payloads]
    geo = [payload.get('geo') or {} for payload in payloads]
    columns = Columns(
        ids=np.array([point.id for point in points], np.int64),
        sessions=_array([payload['session'] for payload in payloads], np.int64),
        cameras=_array([cameras[camera] for camera in seen_by], np.int64),
        stamps=_array([p['second'] * SECOND + p['nanosecond'] for p in payloads], np.int64),
        distances=_array([payload.get('distance', nan) for payload in payloads], np.float64),
        poses=_array([[p.get(k, nan) for k in _POSE] for p in payloads], np.float64, 7),
        geo=_array(
            [
                (place.get('lat', nan), place.get('lon', nan), payload.get('altitude', nan))
                for place, payload in zip(geo, payloads, strict=True)
            ],
            np.float64,
            3,
        ),
        covariances=_array([p.get('covariance', [nan] * 21) for p in payloads], np.float32, 21),
        codes=np.frombuffer(b''.join(codes), np.uint8).reshape(len(points), code_bytes),
        descriptor_crcs=np.zeros(len(points), np.int64),
        crcs=np.zeros(len(points), np.int64),
    )
    return columns.with_crcs()


def _camera(payload: dict[str, Any]) -> Camera:
    mount = payload.get('mount')
    return Camera(payload['camera'], None if mount is None else tuple(mount))


def _array(values: list[Any], dtype: type, width: int = 0) -> NDArray[Any]:
    array: NDArray[Any] = np.array(values, dtype)
    return array.reshape(len(values), width) if width else array
