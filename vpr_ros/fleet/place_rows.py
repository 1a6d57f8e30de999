# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places of a map as rows of the server's tables, and back, byte by byte the same.

What is unknown is NaN in a map and NULL in the tables. Descriptors are vectors of half precision:
of maps that store int8 the levels, which such numbers hold exactly, beside the step they count.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vpr_ros.fleet.binary_copy import RowLayout, bit_strings, half_vectors
from vpr_ros.geometry.geodesy import surface_positions
from vpr_ros.maps.columns import Columns
from vpr_ros.maps.descriptors import FLOAT16

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from vpr_ros.maps import Snapshot
    from vpr_ros.maps.descriptors import Packing

NUMBER_BITS = 24
"""Place n of the session with key s has the identity s * 2**24 + n, which is never used twice."""
MOST_PLACES = 1 << NUMBER_BITS
"""Of a session, those of its former versions included."""

NUMBERS = (
    'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'distance', 'latitude', 'longitude', 'altitude',
    'ground_x', 'ground_y', 'ground_z',
)  # fmt: skip
"""Columns of numbers that may be unknown."""
FETCHED = (
    'session, number, camera, stamp, distance, x, y, z, qx, qy, qz, qw, latitude, longitude, '
    'altitude, covariance, code'
)
"""Columns of a place that `columns_of` takes, in this order."""
UNKNOWN_COVARIANCE = np.full(21, np.nan, '<f4').tobytes()
_ZERO_LEVEL = 128


def place_layout(code_bits: int) -> RowLayout:
    """Return the rows of places on their way to the server."""
    keys = {'session': '>i8', 'stamp': '>i8', 'map': '>i4', 'number': '>i4', 'camera': '>i4'}
    numbers = dict.fromkeys(NUMBERS, '>f8')
    return RowLayout(
        {**keys, 'code': bit_strings(code_bits), **numbers, 'covariance': np.dtype('V84')}
    )


def place_values(columns: Columns, map_id: int, session: int) -> dict[str, NDArray[Any]]:
    """Return the values of places, whose ids are their numbers, for `place_layout`."""
    code = np.zeros(len(columns), bit_strings(8 * columns.codes.shape[1]))
    code['bits'], code['bytes'] = 8 * columns.codes.shape[1], columns.codes
    ground = surface_positions(columns.geo[:, 0], columns.geo[:, 1])
    measured = np.hstack([columns.poses, columns.distances[:, None], columns.geo, ground])
    return {
        'session': np.array(session),
        'map': np.array(map_id),
        'number': columns.ids,
        'camera': columns.cameras,
        'stamp': columns.stamps,
        'code': code,
        'covariance': np.ascontiguousarray(columns.covariances, '<f4').view('V84')[:, 0],
        **dict(zip(NUMBERS, measured.T, strict=True)),
    }


def columns_of(rows: Sequence[tuple[Any, ...]], code_bytes: int) -> Columns:
    """Return rows of `FETCHED` as places, with the identities that the server's places have.

    Raises:
        ValueError, TypeError: A value makes no sense.
    """
    count = len(rows)
    values = list(zip(*rows, strict=True)) if rows else [()] * 17
    sessions, numbers = np.array(values[0], np.int64), np.array(values[1], np.int64)
    if not ((numbers > 0) & (numbers < MOST_PLACES)).all():
        msg = 'numbers of places are out of range'
        raise ValueError(msg)
    covariances = b''.join(UNKNOWN_COVARIANCE if each is None else each for each in values[15])
    # A text of bits comes with their number before it.
    codes = b''.join(each[4:] for each in values[16])
    columns = Columns(
        ids=(sessions << NUMBER_BITS) + numbers,
        sessions=sessions,
        cameras=np.array(values[2], np.int64),
        stamps=np.array(values[3], np.int64),
        distances=np.array(values[4], np.float64),
        poses=np.array(values[5:12], np.float64).reshape(7, count).T.copy(),
        geo=np.array(values[12:15], np.float64).reshape(3, count).T.copy(),
        covariances=np.frombuffer(covariances, '<f4').reshape(count, 21).astype(np.float32),
        codes=np.frombuffer(codes, np.uint8).reshape(count, code_bytes),
        descriptor_crcs=np.zeros(count, np.int64),
        crcs=np.zeros(count, np.int64),
    )
    return columns.with_crcs()


def descriptor_layout(packing: Packing) -> RowLayout:
    """Return the rows of descriptors on their way to the server and back."""
    keys = {'session': '>i8', 'number': '>i4', 'step': '>f4', 'key': 'V16'}
    return RowLayout({**keys, 'data': half_vectors(packing.dim)})


def descriptor_values(packed: NDArray[np.uint8], packing: Packing) -> dict[str, NDArray[Any]]:
    """Return the values of packed descriptors (n, bytes) for `descriptor_layout`."""
    data = np.zeros(len(packed), half_vectors(packing.dim))
    data['dim'] = packing.dim
    if packing.storage == FLOAT16:
        data['bits'] = np.ascontiguousarray(packed).view('<u2')
        return {'data': data, 'step': np.array(1.0)}
    levels = packed[:, : packing.dim].astype(np.float16) - np.float16(_ZERO_LEVEL)
    data['bits'] = levels.view(np.uint16)
    return {'data': data, 'step': np.ascontiguousarray(packed[:, packing.dim :]).view('<f4')[:, 0]}


def packed_of(rows: NDArray[np.void], packing: Packing) -> NDArray[np.uint8]:
    """Return rows of `descriptor_layout` as packed descriptors (n, bytes)."""
    bits = rows['data']['bits']
    if packing.storage == FLOAT16:
        return np.ascontiguousarray(bits, '<u2').view(np.uint8).reshape(len(rows), -1)
    packed = np.empty((len(rows), packing.row_bytes), np.uint8)
    packed[:, : packing.dim] = bits.astype(np.uint16).view(np.float16) + np.float16(_ZERO_LEVEL)
    packed[:, packing.dim :] = (
        np.ascontiguousarray(rows['step'], '<f4').view(np.uint8).reshape(-1, 4)
    )
    return packed


class ImageKeys:
    """Keys of the images of one session, equal wherever image and descriptor are.

    They tell which descriptors the server has already, whatever number a map gives its places.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def of(self, snapshot: Snapshot, columns: Columns, packed: NDArray[np.uint8]) -> list[bytes]:
        """Return the keys of the next places of the session, in order of their identities."""
        names = {key: camera.name.encode() for key, camera in snapshot.cameras.items()}
        keys = []
        for camera, stamp, row in zip(
            columns.cameras.tolist(), columns.stamps.tolist(), packed, strict=True
        ):
            digest = hashlib.blake2b(row.tobytes(), digest_size=16, key=b'vpr image')
            digest.update(b'%d ' % stamp + names[camera])
            key = digest.digest()
            # The same picture twice in a session is two places.
            again = self._seen.get(key, 0)
            self._seen[key] = again + 1
            keys.append(
                key if not again else hashlib.blake2b(key + b'%d' % again, digest_size=16).digest()
            )
        return keys


class SessionLabel(NamedTuple):
    """What belongs to a session beside its places.

    Attributes:
        name: For people.
        started: Nanoseconds.
        frame: See `Session.frame`.
    """

    name: str
    started: int
    frame: str


def digest_of(label: SessionLabel, columns: Columns, keys: Sequence[bytes]) -> bytes:
    """Return what tells one version of a session from another, 16 bytes.

    Args:
        label: Of the session.
        columns: Its places, by their numbers; cameras have the server's identities.
        keys: Of their images, in the same order.
    """
    digest = hashlib.blake2b(repr(tuple(label)).encode(), digest_size=16)
    for values in (
        columns.cameras, columns.distances, columns.poses, columns.geo, columns.covariances,
        columns.codes,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(values).tobytes())
    digest.update(b''.join(keys))
    return digest.digest()
