# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Mapillary Street-Level Sequences as they are published: cities, and tables beside the images.

Warburg et al., Mapillary Street-Level Sequences: A Dataset for Lifelong Place Recognition, CVPR
2020. The choice of images is that of its published code, for the task of single images.
"""

from __future__ import annotations

import logging
import math
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.evaluation.datasets import PUBLISHED_DISTANCE, ImageSet
from vpr_ros.evaluation.metrics import Tolerance, localisable
from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders import FolderError
from vpr_ros.inputs.folders.csv_table import named_rows
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_VALIDATION = ('cph', 'sf')
_TRAIN, _TEST = 'train_val', 'test'
_ROUNDING = 1e-6


def mapillary_pair(root: Path, split: str, *, labelled: bool = True) -> tuple[ImageSet, ImageSet]:
    """Return the database and the queries of a split.

    Panoramas are left out, of the cities for validation and test also what is of no task, and
    queries without a correct image within 25 m; the log counts those.

    Args:
        root: Folder with `train_val` or `test`.
        split: ``val``, ``train`` or ``test``, or the name of a city.
        labelled: False for images without poses, such as those for the challenge.

    Raises:
        FolderError: The folder or its tables are not as published, or hold no positions.
    """
    cities = _cities(root, split)
    database, queries = (
        _side(root, [city / side for city in cities], labelled=labelled)
        for side in ('database', 'query')
    )
    if not labelled:
        return database, queries
    tolerance = Tolerance(PUBLISHED_DISTANCE + _ROUNDING)
    known = localisable(queries.poses, database.poses, tolerance)
    if left := int((~known).sum()):
        _log.warning('%d queries left out, as published: no image is within 25 m', left)
    return database, queries.chosen(np.flatnonzero(known).tolist())


def _cities(root: Path, split: str) -> list[Path]:
    parts = {name: root / name for name in (_TRAIN, _TEST)}
    there = {
        part: sorted(path for path in folder.iterdir() if (path / 'query').is_dir())
        for part, folder in parts.items()
        if folder.is_dir()
    }
    if not any(there.values()):
        msg = f'{root} has no {_TRAIN}/<city>/query and no {_TEST}/<city>/query: it is not MSLS'
        raise FolderError(msg)
    wanted = {
        'val': [path for path in there.get(_TRAIN, []) if path.name in _VALIDATION],
        'train': [path for path in there.get(_TRAIN, []) if path.name not in _VALIDATION],
        'test': there.get(_TEST, []),
    }
    named = [path for path in chain(*there.values()) if path.name == split]
    chosen = wanted.get(split) or named
    if not chosen or (split == 'val' and len(chosen) < len(_VALIDATION)):
        names = ', '.join(path.name for path in chain(*there.values()))
        msg = f'{root} has not the cities of {split}; it has {names}'
        raise FolderError(msg)
    return chosen


def _side(root: Path, folders: list[Path], *, labelled: bool) -> ImageSet:
    paths, poses, missing = [], [], 0
    for folder in folders:
        places = _poses(folder) if labelled else dict.fromkeys(_of_tasks(folder))
        if labelled and _has_tasks(folder):
            places = {key: places[key] for key in _of_tasks(folder) if key in places}
        files = {key: folder / 'images' / f'{key}.jpg' for key in places}
        found = sorted(key for key, path in files.items() if path.is_file())
        missing += len(files) - len(found)
        paths += [files[key] for key in found]
        poses += [_row(places[key]) for key in found]
    if missing:
        _log.warning('%s of the tables not in %s', counted(missing, 'image'), root)
    if not paths:
        msg = f'{root} holds none of the images that its tables list'
        raise FolderError(msg)
    return ImageSet(root, tuple(paths), np.array(poses))


def _has_tasks(folder: Path) -> bool:
    """Tell whether the published code looks at tasks: for validation and test."""
    return folder.parent.name in _VALIDATION or folder.parent.parent.name == _TEST


def _of_tasks(folder: Path) -> list[str]:
    """Return the keys of the images that are of any task."""
    sequence = named_rows(folder / 'seq_info.csv', ('', 'key'))
    keys = {row['']: row['key'] for row in sequence}
    rows = named_rows(folder / 'subtask_index.csv', ('', 'all'))
    return [keys[row['']] for row in rows if _true(row['all']) and row[''] in keys]


def _poses(folder: Path) -> dict[str, Pose]:
    """Return the poses of the images that are no panoramas, by their keys."""
    if not (folder / 'postprocessed.csv').is_file():
        msg = (
            f'{folder} has no postprocessed.csv: where images for the challenge were taken is not '
            'published, so they can only be searched without labels'
        )
        raise FolderError(msg)
    raw = {row['key']: row for row in named_rows(folder / 'raw.csv', ('key', 'ca', 'pano'))}
    poses = {}
    for row in named_rows(folder / 'postprocessed.csv', ('key', 'easting', 'northing')):
        key = row['key']
        if key not in raw or _true(raw[key]['pano']):
            continue
        try:
            east, north = float(row['easting']), float(row['northing'])
            heading = float(raw[key]['ca'] or 'nan')
        except ValueError as error:
            msg = f'{folder}: image {key}: {error}'
            raise FolderError(msg) from error
        yaw = math.pi / 2 - math.radians(heading) if math.isfinite(heading) else 0.0
        poses[key] = Pose.planar(east, north, yaw)
    return poses


def _row(pose: Pose | None) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(7, np.nan) if pose is None else pose.as_array()


def _true(text: str) -> bool:
    return text.strip().lower() in ('true', '1', '1.0')
