# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads and writes poses in the TUM format: `stamp x y z qx qy qz qw` (s or ns, m), one a line."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.documents import DocumentError, lines_of
from vpr_ros.errors import VprError, reason_of
from vpr_ros.geometry.pose import Pose
from vpr_ros.stamps import parse_stamp_of_any_unit

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

_COMMENT = '#'
_SEPARATOR = re.compile(r'[\s,;]+')


class TrajectoryError(VprError):
    """A file of poses that cannot be read, or does not fit the map."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """Poses with a number each.

    Attributes:
        keys: (N,) int64: stamps in nanoseconds, or identities of places.
        poses: N poses.
    """

    keys: NDArray[np.int64]
    poses: list[Pose]


def read_tum(path: str | os.PathLike[str], *, by_id: bool = False) -> Trajectory:
    """Read a file of poses; fields may be separated by commas or semicolons.

    Lines with # are comments, and a first line without numbers has the names of the columns.

    Args:
        path: The file.
        by_id: Whether the first field is an identity of a place and not a stamp.

    Raises:
        TrajectoryError: The file cannot be read, or has no pose; names the line.
    """
    keys, poses = [], []
    for number, fields in numbered_fields(path):
        with located(path, number):
            if len(fields) != 8:
                msg = f'{len(fields)} fields, not stamp x y z qx qy qz qw'
                raise ValueError(msg)
            if by_id and not fields[0].isdecimal():
                msg = f'{fields[0][:40]!r} is no id of a place, which is a whole number'
                raise ValueError(msg)
            keys.append(int(fields[0]) if by_id else parse_stamp_of_any_unit(fields[0]))
            poses.append(Pose.from_array([parse_number(field) for field in fields[1:]]))
    if not poses:
        msg = f'{path} has no poses'
        raise TrajectoryError(msg)
    try:
        return Trajectory(np.array(keys, np.int64), poses)
    except OverflowError as error:
        msg = f'{path}: an identity does not fit in 64 bits'
        raise TrajectoryError(msg) from error


@contextmanager
def located(path: str | os.PathLike[str], line: int) -> Iterator[None]:
    """Turn a ValueError into a TrajectoryError that names the line."""
    try:
        yield
    except ValueError as error:
        msg = f'{path}, line {line}: {error}'
        raise TrajectoryError(msg) from error


def numbered_fields(path: str | os.PathLike[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of each line of a text file that is no comment and no title.

    Raises:
        TrajectoryError: The file cannot be read.
    """
    try:
        with open(path, encoding='utf-8-sig') as file:  # noqa: PTH123
            first = True
            for number, line in enumerate(lines_of(file), start=1):
                text = line.strip()
                if text and not text.startswith(_COMMENT):
                    fields = _SEPARATOR.split(text)
                    if not (first and _are_titles(fields)):
                        yield number, fields
                    first = False
    except (OSError, UnicodeDecodeError, DocumentError) as error:
        msg = f'{path} cannot be read: {reason_of(error)}'
        raise TrajectoryError(msg) from error


def _are_titles(fields: list[str]) -> bool:
    """Tell whether the fields of a first line are names of columns, as of a spreadsheet."""
    return len(fields) > 1 and all(field[:1].isalpha() for field in fields)


def parse_number(text: str) -> float:
    """Return the number that a text is.

    Raises:
        ValueError: It is none.
    """
    try:
        return float(text)
    except ValueError as error:
        msg = f'{text[:40]!r} is no number'
        raise ValueError(msg) from error


def tum_line(key: str, pose: Iterable[float]) -> str:
    """Return a line; numbers are written so that they read back exactly."""
    return ' '.join([key, *(repr(float(value)) for value in pose)])
