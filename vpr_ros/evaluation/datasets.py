# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads data sets of place recognition: the database and the queries, with poses.

Every image gets a pose in each folder format, so that one rule tells correct answers: within a
tolerance, bounds included. Where images are numbered frames, x is the number.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import reason_of
from vpr_ros.evaluation.metrics import Tolerance, localisable, pose_rows, within
from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.folders import (
    FOLDER_FORMATS,
    FolderError,
    UtmName,
    dataset_formats,
    images_in,
)
from vpr_ros.inputs.folders.positions import without_null_island

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from vpr_ros.evaluation.metrics import Bools, Floats
    from vpr_ros.inputs.folders import PosedImage

_log = logging.getLogger(__name__)

PUBLISHED_DISTANCE = 25.0
"""Metres within which published evaluations count a match as correct."""
UTM, FRAMES, MSLS = 'utm', 'frames', 'msls'
DATASET_FORMATS = {
    **{name: form.help for name, form in dataset_formats().items()},
    FRAMES: 'equal index means equal place',
    MSLS: 'Mapillary Street-Level Sequences as published; splits val, train, test or a city',
}
"""Folder formats of data sets, with help for each: those of maps, and numbered frames."""
_ROUNDING = 1e-6
"""Metres by which the difference of two decimal numbers may come out too great."""


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images and their poses.

    Attributes:
        folder: Holds all of them.
        paths: N image files, in natural order of their paths.
        poses: (N, 7) metres and quaternions; a row of NaN where unknown.
    """

    folder: Path
    paths: tuple[Path, ...]
    poses: Floats

    @property
    def names(self) -> list[str]:
        """Paths within the folder."""
        return [path.relative_to(self.folder).as_posix() for path in self.paths]

    def chosen(self, rows: Sequence[int]) -> ImageSet:
        """Return some of the images."""
        return ImageSet(self.folder, tuple(self.paths[row] for row in rows), self.poses[rows])


@dataclass(frozen=True, eq=False)
class Dataset:
    """Database and queries in a folder format, and the tolerance of correct answers."""

    name: str
    form: str
    database: ImageSet
    queries: ImageSet
    tolerance: Tolerance


def folder_pair(root: Path, split: str, database: str, queries: str) -> tuple[Path, Path]:
    """Return the folders of the database and the queries.

    Args:
        root: Of the data set, or a folder further down.
        split: Name of the folder in `images` as published data sets are stored.
        database: Name of the folder, in `root` or in `images/<split>` there.
        queries: Name of the folder of queries, beside it.

    Raises:
        FolderError: They are missing; lists the folders searched.
    """
    if not root.is_dir():
        msg = f'{root}: there is no such folder'
        raise FolderError(msg)
    parents = (root / 'images' / split, root / split, root)
    for parent in parents:
        if (parent / database).is_dir() and (parent / queries).is_dir():
            return parent / database, parent / queries
    places = ', '.join(str(parent) for parent in parents)
    msg = (
        f'there are no two folders {database} and {queries} in any of {places}: '
        'name the two folders, or another split'
    )
    raise FolderError(msg)


def utm_images(folder: Path) -> ImageSet:
    """Read images whose names give UTM coordinates E and N, metres.

    Zones are not looked at: published evaluations do not, and mock coordinates have none.

    Raises:
        FolderError: There are none, or names without coordinates; gives the first and how many.
    """
    paths, poses, bad = images_in(folder), [], []
    for path in paths:
        try:
            name = UtmName.parse(path.name)  # never the whole path: folders may have an @ too
        except ValueError as error:
            bad.append(str(error))
            continue
        poses.append(Pose.planar(name.east, name.north, name.yaw).as_array())
    if bad:
        msg = f'{folder}: of {len(paths)} images {len(bad)} do not say where they are: {bad[0]}'
        raise FolderError(msg)
    return ImageSet(folder, tuple(paths), np.array(poses))


def frame_images(folder: Path) -> ImageSet:
    """Number the images of a folder: x is the rank of the path in natural order, from 0."""
    paths = images_in(folder)
    poses = np.zeros((len(paths), 7))
    poses[:, 0], poses[:, 6] = np.arange(len(paths)), 1.0
    return ImageSet(folder, tuple(paths), poses)


def bare_images(folder: Path) -> ImageSet:
    """Read the images of a folder without any poses: nothing tells which answers are correct."""
    paths = images_in(folder)
    return ImageSet(folder, tuple(paths), np.full((len(paths), 7), np.nan))


def posed_pair(
    form: str, folders: tuple[Path, Path], files: tuple[Path | None, Path | None]
) -> tuple[ImageSet, ImageSet]:
    """Read two folders in one of ``DATASET_FORMATS``; positions on Earth get one common frame.

    Queries without a pose are left out, for their answers cannot be judged; the log counts them.

    Args:
        form: Name of the folder format.
        folders: Of the database and of the queries.
        files: Their files of poses, where the format needs them.

    Raises:
        FolderError: A folder or file is not in this format.
        TrajectoryError: A file of poses cannot be read.
    """
    if form in _PUBLISHED:
        read = _PUBLISHED[form]
        return read(folders[0]), read(folders[1])
    images = [
        without_null_island(FOLDER_FORMATS[form].read(folder, file))
        for folder, file in zip(folders, files, strict=True)
    ]
    first = next((s.geo for group in images for s in group if s.geo is not None), None)
    datum = None if first is None else Datum.at(first)
    database, queries = (
        _posed(folder, group, datum) for folder, group in zip(folders, images, strict=True)
    )
    known = np.flatnonzero(np.isfinite(queries.poses).all(axis=1)).tolist()
    if left := len(queries.paths) - len(known):
        _log.warning('%d queries left out: they have no pose', left)
    return database, queries.chosen(known)


def _posed(folder: Path, images: Sequence[PosedImage], datum: Datum | None) -> ImageSet:
    readings = [image.reading(datum) for image in images]
    poses = pose_rows(None if reading is None else reading.pose for reading in readings)
    return ImageSet(folder, tuple(image.path for image in images), poses)


_PUBLISHED = {UTM: utm_images, FRAMES: frame_images}
"""Folder formats that are read as published evaluations do, and not as map import does."""


def query_keys(path: Path) -> list[str]:
    """Return the keys in a file, see `listed`, which spaces or ends of lines part.

    Raises:
        FolderError: It cannot be read, or is no text.
    """
    try:
        return path.read_text('utf-8-sig').split()
    except (OSError, UnicodeDecodeError) as error:
        msg = f'the list of queries {path} cannot be read: {reason_of(error)}'
        raise FolderError(msg) from error


def listed(queries: ImageSet, keys: Iterable[str]) -> tuple[ImageSet, list[str]]:
    """Keep the queries of a list, for example the official ones of MSLS.

    Args:
        queries: All there are.
        keys: Each the name of an image, with or without its suffix, or a field of its @-name.

    Returns:
        The queries on the list, in their own order, and the keys that fit none.

    Raises:
        FolderError: No query is on the list.
    """
    wanted = set(keys)
    rows, found = [], set()
    for row, path in enumerate(queries.paths):
        if hits := wanted & {path.name, path.stem, *path.name.split('@')}:
            rows.append(row)
            found |= hits
    if not rows:
        example = next(iter(wanted), '')
        msg = f'none of the {len(queries.paths)} queries is on the list (a key is {example!r})'
        raise FolderError(msg)
    return queries.chosen(rows), sorted(wanted - found)


def near(a: Floats, b: Floats, tolerance: Tolerance) -> Bools:
    """Tell which poses (..., 7), (..., 7) are one place; bounds included, rounding forgiven."""
    return within(a, b, _forgiving(tolerance))


def have_positives(dataset: Dataset) -> Bools:
    """Tell which queries (Q,) have at least one correct image in the database."""
    tolerance = _forgiving(dataset.tolerance)
    return localisable(dataset.queries.poses, dataset.database.poses, tolerance)


def _forgiving(tolerance: Tolerance) -> Tolerance:
    return replace(tolerance, distance=tolerance.distance + _ROUNDING)
