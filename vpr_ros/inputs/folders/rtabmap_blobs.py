# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Binary values in the databases of RTAB-Map; all numbers are little-endian.

Nothing in a value is believed before it fits: neither its length nor the sizes that it names.
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.geometry.geodesy import is_null_island
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.pose import quaternion_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_CAMERAS = 64
"""Of one node."""
_MATRIX = np.dtype('<f4')
_TRAILER = struct.Struct('<3i')
_ELEMENTS = {4: np.dtype('<i4'), 5: np.dtype('<f4')}
"""Types of one channel, by OpenCV's number."""
_SINGLE = struct.Struct('<11i')
_STEREO = struct.Struct('<10i')
_STEREO_KIND = 1
_MONO_BYTES, _STEREO_BYTES = 72, (76, 68)
"""Of a camera before version 0.18."""


_NEWEST = (0, 23)


@dataclass(frozen=True)
class Version:
    """Version of RTAB-Map that made a file, which decides the layout of its values."""

    numbers: tuple[int, int, int]

    @staticmethod
    def parse(text: object) -> Version:
        """Read a version.

        Raises:
            ValueError: It is none.
        """
        match = re.fullmatch(r'(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?', str(text).strip(), re.ASCII)
        if match is None:
            msg = f'{str(text)[:40]!r} is no version of RTAB-Map'
            raise ValueError(msg)
        return Version((int(match[1]), int(match[2]), int(match[3] or 0)))

    @property
    def readable(self) -> bool:
        """Whether images and calibrations are where they are looked for here."""
        return self.numbers >= (0, 11, 2)

    @property
    def known(self) -> bool:
        """Whether the layout is one that was compared with what RTAB-Map itself reads."""
        return self.numbers[:2] <= _NEWEST

    @property
    def has_graph(self) -> bool:
        """Whether the optimised poses are those of the nodes, and not of a mesh."""
        return self.numbers >= (0, 17, 0)

    @property
    def has_camera_records(self) -> bool:
        """Whether calibrations are records with a header."""
        return self.numbers >= (0, 18, 0)


def pose_of(blob: object) -> Pose | None:
    """Return the pose in 12 float32, a 3 x 4 matrix row by row; None where it is null.

    Raises:
        ValueError: The values are not finite where others are, or the rotation is none.
    """
    if not isinstance(blob, bytes) or len(blob) != 12 * _MATRIX.itemsize:
        return None
    matrix = np.frombuffer(blob, _MATRIX).astype(np.float64)
    # RTAB-Map writes zeros for a null pose, and takes any NaN for one.
    if not matrix.any() or np.isnan(matrix).any():
        return None
    return _pose(matrix)


def _pose(matrix: NDArray[np.float64]) -> Pose:
    rows = matrix.reshape(3, 4)
    if not np.isfinite(rows).all():
        msg = 'a pose is not finite'
        raise ValueError(msg)
    return Pose.of(rows[:, 3], quaternion_of(rows[:, :3]))


def matrix_of(blob: bytes, most: int) -> NDArray[Any]:
    """Return the numbers (N,), int32 or float32, of a compressed matrix of one channel.

    Args:
        blob: A zlib stream, then rows, columns and type.
        most: Numbers that it may have; more are not unpacked.

    Raises:
        ValueError: It is damaged, of another type, or has more.
    """
    try:
        rows, columns, kind = _TRAILER.unpack(blob[-_TRAILER.size :])
        element = _ELEMENTS[kind]
        if not (0 <= rows <= most and 0 <= columns <= most and rows * columns <= most):
            msg = f'a matrix of {rows} x {columns} numbers, where at most {most} can be'
            raise ValueError(msg)
        size = rows * columns * element.itemsize
        data = zlib.decompressobj().decompress(blob[: -_TRAILER.size], size + 1)
    except (struct.error, KeyError, zlib.error) as error:
        msg = f'a matrix is damaged: {error}'
        raise ValueError(msg) from error
    if len(data) != size:
        msg = f'a matrix of {rows} x {columns} numbers has {len(data)} bytes, not {size}'
        raise ValueError(msg)
    return np.frombuffer(data, element)


def optimised_poses(ids: bytes, poses: bytes, nodes: int) -> dict[int, Pose]:
    """Return the poses of the optimised graph by the id of the node; landmarks are left out.

    Args:
        ids: Compressed ids.
        poses: Compressed poses, of as many.
        nodes: In the database, for a bound on what is unpacked.

    Raises:
        ValueError: They are damaged, or not of one length.
    """
    most = 2 * nodes + 100_000  # Landmarks are listed, too.
    keys, matrices = matrix_of(ids, most), matrix_of(poses, 12 * most)
    if len(matrices) != 12 * len(keys):
        msg = f'{len(keys)} optimised nodes have {len(matrices)} numbers as poses'
        raise ValueError(msg)
    rows = matrices.astype(np.float64).reshape(-1, 12)
    return {
        key: _pose(row)
        for key, row in zip(keys.tolist(), rows, strict=True)
        if key > 0 and row.any() and not np.isnan(row).any()
    }


def camera_mounts(blob: bytes, version: Version) -> list[Pose | None]:
    """Return the optical frame of each camera of a node in its base frame, left to right.

    A stereo camera counts as one, its left. None is a camera whose mount is not known.

    Raises:
        ValueError: The calibration is damaged.
    """
    if not version.has_camera_records:
        return _bare_mounts(blob)
    mounts: list[Pose | None] = []
    at = 0
    try:
        while at < len(blob):
            if len(mounts) == MOST_CAMERAS:
                msg = f'a node has more than {MOST_CAMERAS} cameras'
                raise ValueError(msg)
            stereo = _SINGLE.unpack_from(blob, at)[3] == _STEREO_KIND
            mount, at = (_stereo_record if stereo else _record)(blob, at)
            mounts.append(mount)
    except struct.error as error:
        msg = 'a calibration is cut short'
        raise ValueError(msg) from error
    return mounts


def _stereo_record(blob: bytes, at: int) -> tuple[Pose | None, int]:
    """Return the mount of the left one of two cameras, and where the record of both ends."""
    _, _, _, _, *lengths, left, right = _STEREO.unpack_from(blob, at)
    start = at + _STEREO.size + 8 * sum(map(_checked, lengths))
    end = start + left + right
    if not (0 < left <= end - start and end <= len(blob)):
        msg = f'a stereo calibration has {left} and {right} bytes of its two cameras'
        raise ValueError(msg)
    return _record(blob[start : start + left], 0)[0], end


def _record(blob: bytes, at: int) -> tuple[Pose | None, int]:
    """Return the mount of the camera whose record begins at a byte, and where it ends."""
    *_, matrix, distortion, rotation, projection, mount = _SINGLE.unpack_from(blob, at)
    doubles = [_checked(length) for length in (matrix, distortion, rotation, projection)]
    start = at + _SINGLE.size + 8 * sum(doubles)
    if mount not in (0, 12):
        msg = f'a mount has {mount} numbers, not 12'
        raise ValueError(msg)
    values = np.array(struct.unpack_from(f'<{mount}f', blob, start), np.float64)
    # RTAB-Map leaves its own default where none is written: a camera in the base that looks ahead.
    return (_mount(values) if mount else OPTICAL_ROTATION), start + _MATRIX.itemsize * mount


def _checked(length: int) -> int:
    if not 0 <= length <= 100:
        msg = f'a calibration has a matrix of {length} numbers'
        raise ValueError(msg)
    return length


def _bare_mounts(blob: bytes) -> list[Pose | None]:
    """Read calibrations of before version 0.18: numbers that end with the mount."""
    if len(blob) in _STEREO_BYTES:
        size = len(blob)
    elif len(blob) % _MONO_BYTES == 0 and len(blob) // _MONO_BYTES <= MOST_CAMERAS:
        size = _MONO_BYTES
    else:
        msg = f'a calibration has {len(blob)} bytes'
        raise ValueError(msg)
    rows = np.frombuffer(blob, _MATRIX).astype(np.float64).reshape(-1, size // _MATRIX.itemsize)
    return [_mount(row[-12:]) for row in rows]


def _mount(values: NDArray[np.float64]) -> Pose | None:
    known = len(values) and values.any() and not np.isnan(values).any()
    return _pose(values) if known else None


def position_of(blob: object) -> GeoPoint | None:
    """Return the position on Earth of a node; None where none was measured.

    Raises:
        ValueError: It is no place on Earth.
    """
    if not isinstance(blob, bytes) or len(blob) != 48:
        return None
    _, lon, lat, alt, _, _ = struct.unpack('<6d', blob)
    return None if is_null_island(lat, lon) else GeoPoint(lat, lon, alt)
