# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the poses of a COLMAP model, text or binary; no count in a file is believed."""

from __future__ import annotations

import codecs
import mmap
import os
import struct
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vpr_ros.documents import DocumentError, lines_of
from vpr_ros.errors import reason_of
from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders.image_files import FolderError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_IMAGE = struct.Struct('<I7dI')
"""Identity, quaternion w x y z, translation, identity of the camera."""
_COUNT, _RIG, _SENSOR, _POSE = (struct.Struct(f'<{form}') for form in ('Q', 'II', 'iI', '7d'))
_POINT = 24
"""Bytes of a feature."""
_LONGEST_NAME = 4096
_LONGEST_LINE = 1 << 24
"""Bytes; a line has all features of an image."""
_CAMERA = 0
"""Type of a sensor; others are no cameras."""
_KINDS = {'CAMERA': _CAMERA}


@dataclass(frozen=True, eq=False)
class ModelImage:
    """An image that COLMAP registered.

    Attributes:
        name: Path in the folder of images, with slashes.
        camera: Identity of the camera.
        world: The frame of the model in the camera's optical frame.
    """

    name: str
    camera: int
    world: Pose


def read_images(model: Path) -> list[ModelImage]:
    """Return the images of a model, in its order.

    Raises:
        FolderError: There is no model in the folder, or it is damaged.
    """
    model = model.parent if model.is_file() else model
    binary, text = model / 'images.bin', model / 'images.txt'
    if binary.is_file():
        with _explained(binary), _mapped(binary) as data:
            return list(_binary_images(data))
    if text.is_file():
        with _explained(text):
            return list(_text_images(text))
    inner = sorted(path.parent for path in model.glob('*/images.*')) if model.is_dir() else []
    there = f'; there are models in {", ".join(map(str, inner[:5]))}' if inner else ''
    msg = f'{model} holds no COLMAP model (images.bin or images.txt){there}'
    raise FolderError(msg)


def read_rigs(model: Path) -> dict[int, Pose]:
    """Return the rig in the optical frame of each camera that has a place in one, by identity.

    Models of before COLMAP 3.12 have no rigs.

    Raises:
        FolderError: The file is damaged.
    """
    model = model.parent if model.is_file() else model
    binary, text = model / 'rigs.bin', model / 'rigs.txt'
    if binary.is_file() and (model / 'images.bin').is_file():
        with _explained(binary), _mapped(binary) as data:
            return dict(_binary_rigs(data))
    if text.is_file():
        with _explained(text):
            return dict(_text_rigs(text))
    return {}


def _pose(numbers: Sequence[float]) -> Pose:
    """Return a pose of quaternion w x y z and translation."""
    w, x, y, z, *translation = numbers
    return Pose.of(translation, (x, y, z, w))


def _binary_images(data: bytes | mmap.mmap) -> Iterator[ModelImage]:
    (count,) = _COUNT.unpack_from(data, 0)
    at = _COUNT.size
    for _ in range(count):  # Each step reads, so that a false count ends with the file.
        _, *numbers, camera = _IMAGE.unpack_from(data, at)
        start = at + _IMAGE.size
        end = data.find(b'\0', start, start + _LONGEST_NAME)
        if end < 0:
            msg = f'the name of an image at byte {start} has no end'
            raise ValueError(msg)
        yield ModelImage(_name(data[start:end]), camera, _pose(numbers))
        (points,) = _COUNT.unpack_from(data, end + 1)
        at = end + 1 + _COUNT.size + _POINT * points
        if at > len(data):
            msg = f'an image has {points} features, more than the file can hold'
            raise ValueError(msg)


def _text_images(path: Path) -> Iterator[ModelImage]:
    with path.open('rb') as file:
        if file.read(len(codecs.BOM_UTF8)) != codecs.BOM_UTF8:
            file.seek(0)
        every = lines_of(file, _LONGEST_LINE)
        lines = (line for line in every if not line.lstrip().startswith(b'#'))
        line = next(lines, b'')
        while line:
            fields = line.split(maxsplit=9)
            if not fields:
                line = next(lines, b'')
                continue
            if len(fields) != 10:
                msg = f'{line[:60]!r} is no image: its line has ten fields'
                raise ValueError(msg)
            numbers = [float(field) for field in fields[1:8]]
            yield ModelImage(_name(fields[9].rstrip(b'\r\n')), int(fields[8]), _pose(numbers))
            line = next(lines, b'')
            if _are_features(line):
                line = next(lines, b'')


def _are_features(line: bytes) -> bool:
    """Tell whether a line has features, three numbers each, or none; tools take empty ones out."""
    fields = line.split()
    return len(fields) % 3 == 0 or fields[-1].lstrip(b'-').isdigit()


def _name(data: bytes) -> str:
    return PurePosixPath(os.fsdecode(data).replace('\\', '/')).as_posix()


def _binary_rigs(data: bytes | mmap.mmap) -> Iterator[tuple[int, Pose]]:
    (count,) = _COUNT.unpack_from(data, 0)
    at = _COUNT.size
    for _ in range(count):
        _, sensors = _RIG.unpack_from(data, at)
        at += _RIG.size
        for sensor in range(sensors):
            kind, key = _SENSOR.unpack_from(data, at)
            at += _SENSOR.size
            if sensor == 0:  # It is the origin of the rig.
                continue
            (posed,) = struct.unpack_from('<B', data, at)
            at += 1
            if posed:
                pose = _pose(_POSE.unpack_from(data, at))
                at += _POSE.size
                if kind == _CAMERA:
                    yield key, pose


def _text_rigs(path: Path) -> Iterator[tuple[int, Pose]]:
    with path.open(encoding='utf-8') as file:
        for line in lines_of(file):
            fields = line.split()
            if not fields or fields[0].startswith('#'):
                continue
            rest = fields[4:]  # After the rig, the number of its sensors and the reference sensor.
            while rest:
                kind, key, posed, *rest = rest
                if posed == '1':
                    numbers, rest = [float(field) for field in rest[:7]], rest[7:]
                    if _KINDS.get(kind) == _CAMERA:
                        yield int(key), _pose(numbers)


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open('rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        yield data


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what damaged files raise into a FolderError."""
    try:
        yield
    except (ValueError, struct.error, OverflowError, OSError, DocumentError) as error:
        msg = f'{path} is no file of a COLMAP model, or damaged: {reason_of(error)}'
        raise FolderError(msg) from error
