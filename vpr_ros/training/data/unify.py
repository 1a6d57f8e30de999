# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The format of GSV-Cities, and the unified data set of SelaVPR++, which is written in it.

`Dataframes/<City>.csv` has a line for each image, with the columns of `COLUMNS`, and
`Images/<City>/` has its file, named by all of them. Ali-bey et al., GSV-Cities: Toward Appropriate
Supervised Visual Place Recognition, Neurocomputing 2022.

The unified data set joins others, divided into places: Lu et al., SelaVPR++: Towards Seamless
Adaptation of Foundation Models for Efficient Place Recognition, 2025. Every group of places
becomes a city of its own, so that neighbouring places never share a batch. The output is the only
state: each run works out from the input which files are needed and writes those that are missing,
so that it can be killed and run again at any moment.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import shutil
from collections import defaultdict
from enum import Enum
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from vpr_ros.training.data.source import ImageFiles, TrainingDataError
from vpr_ros.training.data.unified_datasets import UNIFIED_DATASETS, table_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from vpr_ros.training.data.unified_datasets import UnifiedDataset, View

COLUMNS = ('place_id', 'year', 'month', 'northdeg', 'city_id', 'lat', 'lon', 'panoid')
MOST_PLACES = 100_000
"""Of a city: ids in files are taken modulo this."""
TABLES, IMAGES = 'Dataframes', 'Images'


def gsv_cities(
    folder: Path, cities: Sequence[str] | None = None, min_images: int = 4
) -> ImageFiles:
    """Open a data set in the format of GSV-Cities; each city is an area.

    Args:
        folder: With `Dataframes` and `Images`.
        cities: Names; None takes all there are.
        min_images: Places with fewer are left out.

    Raises:
        TrainingDataError: The folder is not as said, a city is not there, or nothing is left.
    """
    there = sorted(path.stem for path in (folder / TABLES).glob('*.csv'))
    if not there:
        msg = f'{folder} has no {TABLES}/*.csv, so it is not in the format of GSV-Cities'
        raise TrainingDataError(msg)
    missing = [city for city in cities or [] if city not in there]
    if missing:
        msg = f'{folder} has no {", ".join(missing)}; it has {", ".join(there)}'
        raise TrainingDataError(msg)
    areas = [_places(folder, city, min_images) for city in (there if cities is None else cities)]
    if not any(areas):
        msg = f'no place in {folder} has {min_images} images'
        raise TrainingDataError(msg)
    return ImageFiles(folder / IMAGES, [area for area in areas if area])


def image_name(row: Mapping[str, str]) -> str:
    """Return the file name of an image, with latitude and longitude as the row spells them."""
    return (
        f'{row["city_id"]}_{int(row["place_id"]) % MOST_PLACES:07d}'
        f'_{int(row["year"]):04d}_{int(row["month"]):02d}_{int(row["northdeg"]):03d}'
        f'_{row["lat"]}_{row["lon"]}_{row["panoid"]}.jpg'
    )


def _places(folder: Path, city: str, min_images: int) -> list[list[str]]:
    """Return the files of each place of a city."""
    table = folder / TABLES / f'{city}.csv'
    places: dict[int, list[str]] = defaultdict(list)
    spelled_out: bool | None = None
    try:
        for row in table_rows(table, COLUMNS):
            if spelled_out is None:
                spelled_out = (folder / IMAGES / city / image_name(row)).exists()
            name = image_name(row if spelled_out else _reparsed(row))
            places[int(row['place_id'])].append(f'{city}/{name}')
    except (ValueError, TypeError) as error:
        msg = f'{table} cannot be read: {error}'
        raise TrainingDataError(msg) from error
    return [files for files in places.values() if len(files) >= min_images]


def _reparsed(row: dict[str, str]) -> dict[str, str]:
    """Return a row with numbers as Python writes them: files are named after parsed tables."""
    return {**row, 'lat': str(float(row['lat'])), 'lon': str(float(row['lon']))}


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
    dataset: str,
    folder: Path,
    output: Path,
    transfer: Transfer = Transfer.LINK,
    progress: Callable[[str, int, int], None] = lambda _step, _done, _total: None,
) -> Iterator[City]:
    """Write a data set in the format of GSV-Cities, yielding each group when it is whole.

    A table is written after its images and appears at once, so readers never see half a city.

    Args:
        dataset: One of `UNIFIED_DATASETS`.
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
    chosen = UNIFIED_DATASETS[dataset]
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
            f'training of {dataset}?'
        )
        raise TrainingDataError(msg)


def _reported(
    views: Iterable[View], step: str, progress: Callable[[str, int, int], None]
) -> Iterator[View]:
    for done, view in enumerate(views):
        if done % _OFTEN == 0:
            progress(step, done, 0)
        yield view


def _groups(dataset: UnifiedDataset, views: Iterable[View]) -> list[list[list[View]]]:
    """Return the groups in order of appearance, of each its places, of each its views."""
    groups: dict[tuple[int, int, int], dict[tuple[int, int, int], list[View]]] = {}
    for view in views:
        cell = dataset.cells.of(view.east, view.north, view.heading)
        # Unused images are not kept: SF-XL has millions of images, and one group is used.
        if cell.group not in groups and len(groups) == dataset.groups:
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
    """Convert one city."""
    if len(places) > MOST_PLACES:
        msg = f'{city} would have {len(places)} places, and the format allows {MOST_PLACES}'
        raise TrainingDataError(msg)
    rows = [row for i, views in enumerate(places) for row in _rows(city, i, views)]
    table, images = output / TABLES / f'{city}.csv', output / IMAGES / city
    file = io.StringIO(newline='')
    writer = csv.DictWriter(file, COLUMNS, lineterminator='\n')
    writer.writeheader()
    writer.writerows(rows)
    text = file.getvalue().encode()
    result = City(city, len(places), len(rows))
    # Another table at its place belongs to other images, so it goes before they do.
    if table.exists() and table.read_bytes() != text:
        table.unlink()
    images.mkdir(parents=True, exist_ok=True)
    table.parent.mkdir(parents=True, exist_ok=True)
    wanted = {image_name(row): view for row, view in zip(rows, chain(*places), strict=True)}
    for path in list(images.iterdir()):
        if path.name not in wanted:
            path.unlink()
    for done, (name, view) in enumerate(wanted.items()):
        if done % _OFTEN == 0:
            progress(f'writing {city}', done, len(wanted))
        _transfer(view.path, images / name, transfer)
    progress(f'writing {city}', len(wanted), len(wanted))
    part = table.with_name(f'{table.name}.part')
    part.write_bytes(text)
    part.replace(table)
    return result


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
