# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The layout of GSV-Cities, in which the unified data set comes too.

`Dataframes/<City>.csv` has a line for each image, with the columns of `COLUMNS`, and
`Images/<City>/` has its file, named by all of them. Ali-bey et al., GSV-Cities: Toward Appropriate
Supervised Visual Place Recognition, Neurocomputing 2022.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING

from vpr_ros.training.data.source import ImageFiles, TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

COLUMNS = ('place_id', 'year', 'month', 'northdeg', 'city_id', 'lat', 'lon', 'panoid')
MOST_PLACES = 100_000
"""Of a city: ids in files are taken modulo this."""
TABLES, IMAGES = 'Dataframes', 'Images'


def gsv_cities(
    folder: Path, cities: Sequence[str] | None = None, min_images: int = 4
) -> ImageFiles:
    """Open a data set in the layout of GSV-Cities; each city is an area.

    Args:
        folder: With `Dataframes` and `Images`.
        cities: Names; None takes all there are.
        min_images: Places with fewer are left out.

    Raises:
        TrainingDataError: The folder is not as said, a city is not there, or nothing is left.
    """
    there = sorted(path.stem for path in (folder / TABLES).glob('*.csv'))
    if not there:
        msg = f'{folder} has no {TABLES}/*.csv, so it is not in the layout of GSV-Cities'
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
        with table.open(encoding='utf-8-sig', newline='') as file:
            reader = csv.DictReader(file)
            lacking = [name for name in COLUMNS if name not in (reader.fieldnames or [])]
            if lacking:
                msg = f'{table} lacks the columns {", ".join(lacking)}'
                raise TrainingDataError(msg)
            for row in reader:
                if spelled_out is None:
                    spelled_out = (folder / IMAGES / city / image_name(row)).exists()
                name = image_name(row if spelled_out else _reparsed(row))
                places[int(row['place_id'])].append(f'{city}/{name}')
    except (OSError, UnicodeDecodeError, csv.Error, ValueError, TypeError) as error:
        msg = f'{table} cannot be read: {error}'
        raise TrainingDataError(msg) from error
    return [files for files in places.values() if len(files) >= min_images]


def _reparsed(row: dict[str, str]) -> dict[str, str]:
    """Return a row with numbers as Python writes them: files are named after parsed tables."""
    return {**row, 'lat': str(float(row['lat'])), 'lon': str(float(row['lon']))}
