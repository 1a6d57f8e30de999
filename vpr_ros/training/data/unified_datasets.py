# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the data sets that are unified: position, heading and date of each image."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from vpr_ros.inputs.folders import FolderError, UtmName, walk_files
from vpr_ros.inputs.folders.csv_table import named_rows
from vpr_ros.inputs.frames import SUFFIXES
from vpr_ros.training.data.posed_places import Cells
from vpr_ros.training.data.source import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_log = logging.getLogger(__name__)

_MSLS_HELD_BACK = ('cph', 'sf')
"""The cities of the validation split."""
_GSV_CITIES = ('Bangkok', 'Boston', 'London', 'Melbourne', 'Phoenix')
"""Cities of GSV-Cities of which MSLS has images too: those keep their small letters."""


class View(NamedTuple):
    """An image of a data set, with its position, heading and date.

    Attributes:
        path: Image file.
        east: UTM, metres.
        north: UTM, metres.
        heading: Degrees clockwise from north.
        lat: Degrees.
        lon: Degrees.
        key: Of the panorama or the image, may be empty.
        year: 0 where unknown.
        month: 0 where unknown.
    """

    path: Path
    east: float
    north: float
    heading: float
    lat: float
    lon: float
    key: str
    year: int
    month: int


@dataclass(frozen=True)
class UnifiedDataset:
    """A data set and how SelaVPR++ divides it into places (Lu et al. 2025).

    Attributes:
        cells: Of its places.
        groups: How many groups of places are used; None for all.
        parts: Names and views, in order of their paths, of the parts that are divided separately.
    """

    cells: Cells
    groups: int | None
    parts: Callable[[Path], list[tuple[str, Iterator[View]]]]


def _sf_xl(folder: Path) -> list[tuple[str, Iterator[View]]]:
    return [('SFXL', _named_views(folder, _street_view))]


def _pitts30k(folder: Path) -> list[tuple[str, Iterator[View]]]:
    return [('Pitts30k', _named_views(folder, _pittsburgh))]


def _msls(folder: Path) -> list[tuple[str, Iterator[View]]]:
    root = folder / 'train_val' if (folder / 'train_val').is_dir() else folder
    cities = sorted(
        path
        for path in root.iterdir()
        if (path / 'database' / 'raw.csv').is_file() and path.name not in _MSLS_HELD_BACK
    )
    if not cities:
        msg = f'{folder} has no train_val/<city>/database/raw.csv: it is not laid out as MSLS is'
        raise TrainingDataError(msg)
    return [(_msls_name(city.name), _msls_views(city)) for city in cities]


UNIFIED_DATASETS = {
    'sf-xl': UnifiedDataset(Cells(size=10, angle=60, across=5, headings=2), 1, _sf_xl),
    'pitts30k': UnifiedDataset(Cells(size=15, angle=60, across=3, headings=2), None, _pitts30k),
    'msls': UnifiedDataset(Cells(size=15, angle=60, across=3, headings=2), None, _msls),
}


def _named_views(folder: Path, read: Callable[[Path, list[str]], View]) -> Iterator[View]:
    """Yield the views that the names of all images in a folder give, in order of their paths."""
    unreadable: list[str] = []
    for path in walk_files(folder):
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            yield read(path, [*path.name.split('@'), *[''] * 15])
        except ValueError as error:
            unreadable.append(f'{path}: {error}')
    if unreadable:
        _log.warning('%d images left out, such as %s', len(unreadable), unreadable[0])


def _street_view(path: Path, fields: list[str]) -> View:
    name = UtmName.parse(path.name)
    if name.heading is None:
        msg = 'the name gives no heading'
        raise ValueError(msg)
    return _view(path, name, name.heading, fields)


def _pittsburgh(path: Path, fields: list[str]) -> View:
    # 24 views of a panorama: two pitches of 12 headings; the direction of the first is unknown.
    heading = int(fields[8]) % 12 * 30.0
    return _view(path, UtmName.parse(path.name), heading, fields)


def _view(path: Path, name: UtmName, heading: float, fields: list[str]) -> View:
    year, month = _date(fields[13])
    lat, lon = float(fields[5]), float(fields[6])
    return View(path, name.east, name.north, heading, lat, lon, fields[7], year, month)


def _date(text: str) -> tuple[int, int]:
    """Return year and month of a date that begins with them, with or without a dash."""
    digits = text.replace('-', '')[:6]
    if len(digits) < 6 or not digits.isdecimal():
        return 0, 0
    return int(digits[:4]), int(digits[4:])


def _msls_name(city: str) -> str:
    return city if city.capitalize() in _GSV_CITIES else city.capitalize()


def _msls_views(city: Path) -> Iterator[View]:
    absent = 0
    for side in ('database', 'query'):
        folder = city / side
        if not (folder / 'raw.csv').is_file():
            continue
        there = {path.stem: path for path in (folder / 'images').glob('*.*')}
        columns = ('key', 'easting', 'northing')
        places = {row['key']: row for row in table_rows(folder / 'postprocessed.csv', columns)}
        facts = ('key', 'lon', 'lat', 'ca', 'captured_at', 'pano')
        raw = {row['key']: row for row in table_rows(folder / 'raw.csv', facts)}
        for key in sorted(raw):
            row, place = raw[key], places.get(key)
            if row['pano'].lower() == 'true':
                continue
            if place is None or key not in there:
                absent += 1
                continue
            try:
                view = View(
                    there[key],
                    float(place['easting']),
                    float(place['northing']),
                    float(row['ca']),
                    float(row['lat']),
                    float(row['lon']),
                    key,
                    *_date(row['captured_at']),
                )
            except ValueError as error:
                msg = f'{folder / "raw.csv"}: image {key}: {error}'
                raise TrainingDataError(msg) from error
            yield view
    if absent:
        _log.warning('%s: %d images of its tables are missing and left out', city, absent)


def table_rows(table: Path, columns: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the lines of a CSV table.

    Raises:
        TrainingDataError: It cannot be read, or lacks a column.
    """
    try:
        yield from named_rows(table, columns)
    except FolderError as error:
        raise TrainingDataError(str(error)) from error
