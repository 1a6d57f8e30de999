# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The unified data set of SelaVPR++: others, divided into places, in the layout of GSV-Cities.

Lu et al., SelaVPR++: Towards Seamless Adaptation of Foundation Models for Efficient Place
Recognition, 2025. Every group of places becomes a city of its own, so that places which are
neighbours never share a batch.

Nothing is remembered between runs but the output itself: what is to be there is worked out from
the input each time, and only what is not there is written. So it can be killed at any moment and
run again.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import logging
import shutil
from collections import defaultdict
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from vpr_ros.training.data.gsv_cities import COLUMNS, IMAGES, MOST_PLACES, TABLES, image_name
from vpr_ros.training.data.layouts import LAYOUTS
from vpr_ros.training.data.source import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from vpr_ros.training.data.layouts import SourceLayout, View

_log = logging.getLogger(__name__)

MIN_IMAGES = 4
"""Of a place; those with fewer are left out."""
_OFTEN = 1000
"""Images between two reports of progress."""


class Transfer(str, Enum):
    """How images come into the output."""

    LINK = 'link'
    SYMLINK = 'symlink'
    COPY = 'copy'


class City(NamedTuple):
    """One group of places, as it was written.

    Attributes:
        name: Of its table and its folder.
        places: How many.
        images: How many.
    """

    name: str
    places: int
    images: int


def unify(
    layout: str,
    folder: Path,
    output: Path,
    transfer: Transfer = Transfer.LINK,
    progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
) -> Iterator[City]:
    """Write a data set in the layout of GSV-Cities, yielding each group when it is whole.

    A table is written after its images and appears at once, so readers never see half a city.

    Args:
        layout: One of `LAYOUTS`.
        folder: Of the data set: the images for training, or MSLS as a whole.
        output: May hold other data sets.
        transfer: Links need the output on the same file system as the input, and no space.
        progress: Told the name of a step, how much of it is done, and of how much (0: unknown).

    Raises:
        TrainingDataError: The folder is not laid out so, nothing is found in it, or links cannot
            be made.
    """
    if not folder.is_dir():
        msg = f'there is no folder {folder}'
        raise TrainingDataError(msg)
    chosen = LAYOUTS[layout]
    found = False
    for part, views in chosen.parts(folder):
        groups = _groups(chosen, _reported(views, f'reading {part}', progress))
        for i, places in enumerate(groups):
            if places:
                found = True
                city = part if chosen.groups == 1 else f'{part}{i}'
                yield _write(output, city, places, transfer, progress)
    if not found:
        msg = (
            f'no place in {folder} has {MIN_IMAGES} images: is it the folder with the images for '
            f'training of {layout}?'
        )
        raise TrainingDataError(msg)


def _reported(
    views: Iterable[View], step: str, progress: Callable[[str, int, int], None]
) -> Iterator[View]:
    for done, view in enumerate(views):
        if done % _OFTEN == 0:
            progress(step, done, 0)
        yield view


def _groups(layout: SourceLayout, views: Iterable[View]) -> list[list[list[View]]]:
    """Return the groups in order of appearance, of each its places, of each its views."""
    groups: dict[tuple[int, int, int], dict[tuple[int, int, int], list[View]]] = {}
    for view in views:
        cell = layout.cells.of(view.east, view.north, view.heading)
        # What is not used is not kept: SF-XL has millions of images, and one group is used.
        if cell.group not in groups and len(groups) == layout.groups:
            continue
        groups.setdefault(cell.group, defaultdict(list))[cell.place].append(view)
    return [
        [members for members in places.values() if len(members) >= MIN_IMAGES]
        for places in groups.values()
    ]


def _write(
    output: Path,
    city: str,
    places: list[list[View]],
    transfer: Transfer,
    progress: Callable[[str, int, int], None],
) -> City:
    """Bring one city to what it is to be."""
    if len(places) > MOST_PLACES:
        msg = f'{city} would have {len(places)} places, and the layout allows {MOST_PLACES}'
        raise TrainingDataError(msg)
    rows = [row for i, views in enumerate(places) for row in _rows(city, i, views)]
    table, images = output / TABLES / f'{city}.csv', output / IMAGES / city
    text = _table(rows)
    result = City(city, len(places), len(rows))
    # Another table at its place belongs to other images, so it goes before they do.
    if table.exists() and table.read_bytes() != text:
        table.unlink()
    images.mkdir(parents=True, exist_ok=True)
    table.parent.mkdir(parents=True, exist_ok=True)
    wanted = {image_name(row): view for row, view in zip(rows, _flat(places), strict=True)}
    for path in list(images.iterdir()):
        if path.name not in wanted:
            path.unlink()
    for done, (name, view) in enumerate(wanted.items()):
        if done % _OFTEN == 0:
            progress(f'writing {city}', done, len(wanted))
        _transfer(view.path, images / name, transfer)
    progress(f'writing {city}', len(wanted), len(wanted))
    _replace(table, text)
    return result


def _flat(places: list[list[View]]) -> list[View]:
    return [view for views in places for view in views]


def _rows(city: str, place: int, views: list[View]) -> list[dict[str, str]]:
    """Return the lines of the table for a place; no two make the same file name."""
    rows, taken = [], set()
    for view in views:
        row = {
            'place_id': str(place),
            'year': str(view.year),
            'month': str(view.month),
            'northdeg': str(round(view.heading) % 360),
            'city_id': city,
            'lat': str(view.lat),
            'lon': str(view.lon),
            'panoid': view.key,
        }
        if not view.key or image_name(row) in taken:
            # Of the name alone, so that it is the same wherever the data set lies.
            row['panoid'] += hashlib.sha256(view.path.name.encode()).hexdigest()[:10]
        taken.add(image_name(row))
        rows.append(row)
    return rows


def _table(rows: list[dict[str, str]]) -> bytes:
    file = io.StringIO(newline='')
    writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()


def _replace(path: Path, data: bytes) -> None:
    """Write a file, which is there only when it is whole."""
    part = path.with_name(f'{path.name}.part')
    part.write_bytes(data)
    part.replace(path)


def _transfer(source: Path, target: Path, transfer: Transfer) -> None:
    """Bring an image to its place unless it is there."""
    if _is_there(source, target, transfer):
        return
    target.unlink(missing_ok=True)
    if transfer is Transfer.SYMLINK:
        target.symlink_to(source.resolve())
    elif transfer is Transfer.COPY:
        part = target.with_name(f'{target.name}.part')
        shutil.copyfile(source, part)
        part.replace(target)
    else:
        try:
            target.hardlink_to(source.resolve())
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP):
                raise
            msg = (
                f'{target} cannot be a link to {source} ({error.strerror}): choose symlink or copy'
            )
            raise TrainingDataError(msg) from error


def _is_there(source: Path, target: Path, transfer: Transfer) -> bool:
    if transfer is Transfer.SYMLINK:
        return target.is_symlink() and target.readlink() == source.resolve()
    if target.is_symlink() or not target.exists():
        return False
    if transfer is Transfer.LINK:
        return target.samefile(source)
    return not target.samefile(source) and target.stat().st_size == source.stat().st_size
