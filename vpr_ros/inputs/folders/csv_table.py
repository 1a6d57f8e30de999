# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images listed in a CSV file with named columns."""

from __future__ import annotations

import csv
import math
from typing import TYPE_CHECKING

from vpr_ros.documents import DocumentError, lines_of
from vpr_ros.errors import reason_of
from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.geometry.trajectory_file import located, parse_number
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError
from vpr_ros.stamps import SECOND, parse_stamp_of_any_unit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

NAMES = {
    'file': ('file', 'filename', 'file_name', 'image', 'path', 'name'),
    'stamp_ns': ('stamp_ns', 'timestamp_ns', 'time_ns'),
    'stamp': ('stamp', 'timestamp', 'time'),
    'x': ('x', 'tx'),
    'y': ('y', 'ty'),
    'z': ('z', 'tz'),
    'qx': ('qx',),
    'qy': ('qy',),
    'qz': ('qz',),
    'qw': ('qw',),
    'yaw': ('yaw',),
    'lat': ('lat', 'latitude'),
    'lon': ('lon', 'lng', 'longitude'),
    'alt': ('alt', 'altitude'),
    'heading': ('heading',),
}
"""Columns that are read, with their other names; further columns are ignored."""
_DELIMITERS = ',;\t'
"""The first is meant where a title has none of them."""


def csv_folder(folder: Path, table: Path) -> list[PosedImage]:
    """Return the images that a table lists, in its order, each with its pose.

    Columns: `file` (in the folder); `stamp` in seconds (a number too large for them is read as
    milli-, micro- or nanoseconds) or `stamp_ns`, else one image a second; x, y, z in metres with
    qx, qy, qz, qw or `yaw` in radians; or `lat`, `lon` in degrees, `alt` in metres, `heading` in
    degrees clockwise from north. Empty fields are unknown. They may be separated by commas,
    semicolons or tabs; with the latter two, numbers may have a comma for the point.

    Raises:
        FolderError: The table cannot be read, lacks a column, or lists a missing image.
        TrajectoryError: A value makes no sense; names the line.
    """
    try:
        with table.open(encoding='utf-8-sig', newline='') as file:
            delimiter = max(_DELIMITERS, key=next(lines_of(file), '').count)
            file.seek(0)
            lines = lines_of(file)
            reader = csv.DictReader(lines, delimiter=delimiter, skipinitialspace=True)
            columns = _columns(table, reader.fieldnames or [])
            images = []
            for number, row in enumerate(reader):
                with located(table, reader.line_num):
                    values = {
                        name: (row[column] or '').strip() for name, column in columns.items()
                    }
                    if delimiter != ',':  # Then spreadsheets may write 1,5 for 1.5.
                        points = {name: text.replace(',', '.') for name, text in values.items()}
                        values = points | {'file': values['file']}
                    images.append(_image(folder, values, number))
    except (OSError, UnicodeDecodeError, csv.Error, DocumentError) as error:
        msg = f'{table} cannot be read: {reason_of(error)}'
        raise FolderError(msg) from error
    missing = [image.path for image in images if not image.path.is_file()]
    if missing:
        msg = f'{table} lists {len(missing)} images that are missing, such as {missing[0]}'
        raise FolderError(msg)
    return images


def _columns(table: Path, titles: Sequence[str]) -> dict[str, str]:
    """Return the title of each column that is read."""
    given = {title.strip().lstrip('#').lower(): title for title in titles}
    columns = {
        name: given[alias]
        for name, aliases in NAMES.items()
        for alias in aliases
        if alias in given
    }
    if 'file' not in columns or not ({'x', 'y'} <= set(columns) or {'lat', 'lon'} <= set(columns)):
        msg = (
            f'{table} needs the columns file and either x, y or lat, lon in its first line; '
            f'it has {", ".join(given) or "none"}'
        )
        raise FolderError(msg)
    return columns


def _image(folder: Path, values: dict[str, str], number: int) -> PosedImage:
    def known(*names: str) -> bool:
        return all(values.get(name) for name in names)

    def value(name: str, unknown: float = 0.0) -> float:
        return parse_number(values[name]) if known(name) else unknown

    pose = geo = heading = None
    if known('x', 'y'):
        position = value('x'), value('y'), value('z')
        if known('qx', 'qy', 'qz', 'qw'):
            pose = Pose.of(position, [value(name) for name in ('qx', 'qy', 'qz', 'qw')])
        else:
            pose = Pose.of(position, Pose.planar(0, 0, value('yaw')).orientation)
    if known('lat', 'lon'):
        geo = GeoPoint(value('lat'), value('lon'), value('alt', math.nan))
    if known('heading'):
        heading = math.radians(value('heading'))
    stamp = number * SECOND
    if known('stamp_ns'):
        stamp = int(values['stamp_ns'])
    elif known('stamp'):
        stamp = parse_stamp_of_any_unit(values['stamp'])
    return PosedImage(folder / values['file'], stamp, pose, geo, heading)


FORMATS = (
    FolderFormat(
        'csv', 'the file of poses is a table with names of images', csv_folder, needs_poses=True
    ),
)


def named_rows(table: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the lines of a CSV table with commas by the names of its columns.

    Raises:
        FolderError: It cannot be read, or lacks one of these columns.
    """
    try:
        with table.open(encoding='utf-8-sig', newline='') as file:
            reader = csv.DictReader(lines_of(file))
            lacking = [name or "''" for name in columns if name not in (reader.fieldnames or [])]
            if lacking:
                msg = f'{table} lacks the columns {", ".join(lacking)}'
                raise FolderError(msg)
            for row in reader:
                yield {name: row[name] or '' for name in row if isinstance(name, str)}
    except (OSError, UnicodeDecodeError, csv.Error, DocumentError) as error:
        msg = f'{table} cannot be read: {reason_of(error)}'
        raise FolderError(msg) from error
