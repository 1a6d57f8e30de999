# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Opens the sources of training images that a recipe describes."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpr_ros.inputs.folders import FolderError, folder_format
from vpr_ros.simulation import SimulatedCamera
from vpr_ros.training.data.posed_places import BagFrames, Cells, bag_images, posed_places
from vpr_ros.training.data.source import Photographs, TrainingDataError
from vpr_ros.training.data.town_places import TownPlaces, Visits
from vpr_ros.training.data.unify import gsv_cities

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vpr_ros.training.data.source import PlaceSource


def open_source(
    config: Mapping[str, Any],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PlaceSource:
    """Open a source of training images.

    Args:
        config: `kind` and the arguments of this kind: see the functions here.
        progress: Told how much is prepared, of how much, where that takes long.

    Raises:
        TrainingDataError: The kind or a key is unknown, a key is missing or has a value of the
            wrong type, or the folder is not there.
        FolderError: A folder is not as it has to be.
    """
    rest = dict(config)
    kind = rest.pop('kind', None)
    opener = KINDS.get(str(kind))
    if opener is None:
        msg = f'unknown kind of training images {kind!r}; known: {", ".join(KINDS)}'
        raise TrainingDataError(msg)
    takes = inspect.signature(opener).parameters
    known = [name for name in takes if name != 'progress']
    unknown = [key for key in rest if key not in known]
    missing = [name for name in known if takes[name].default is inspect.Parameter.empty]
    missing = [name for name in missing if name not in rest]
    if unknown or missing:
        what = f'does not know {", ".join(unknown)}' if unknown else f'lacks {", ".join(missing)}'
        msg = f'the source of kind {kind!r} {what}; it takes {", ".join(known)}'
        raise TrainingDataError(msg)
    if 'progress' in takes:
        rest['progress'] = progress
    try:
        return opener(**rest)
    except (TypeError, ValueError) as error:
        msg = f'the source of kind {kind!r} cannot be opened with {dict(config)}: {error}'
        raise TrainingDataError(msg) from error


def photos(folder: str, crops: int = 0, smallest: float = 0.35) -> PlaceSource:
    """Open a folder of unlabelled photographs; see `Photographs`."""
    return Photographs(_folder(folder), crops, smallest)


def town(
    seeds: list[int],
    *,
    apart: float = 20.0,
    cache: str | None = None,
    visits: Mapping[str, Any] | None = None,
    progress: Callable[[int, int], None],
) -> PlaceSource:
    """Open synthetic towns; see `TownPlaces`, and `Visits` for the keys of visits."""
    chosen = dict(visits or {})
    if 'conditions' in chosen:
        chosen['conditions'] = tuple(chosen['conditions'])
    if 'camera' in chosen:
        chosen['camera'] = SimulatedCamera(**chosen['camera'])
    folder = None if cache is None else Path(cache).expanduser()
    return TownPlaces(seeds, Visits(**chosen), apart, folder, progress)


def gsv(folder: str, cities: list[str] | None = None, min_images: int = 4) -> PlaceSource:
    """Open a data set in the format of GSV-Cities; see `gsv_cities`."""
    return gsv_cities(_folder(folder), cities, min_images)


def poses(
    folder: str,
    form: str,
    *,
    poses: str | None = None,
    times: str | None = None,
    cells: Mapping[str, Any] | None = None,
    min_images: int = 4,
) -> PlaceSource:
    """Open a folder of images with poses; see `posed_places`, and `Cells` for the keys of cells.

    Args:
        folder: Images.
        form: Name of one of ``FOLDER_FORMATS`` whose images are files.
        poses: File of poses, for formats that need one.
        times: KITTI's times.
        cells: How the ground and the compass are divided.
        min_images: Places with fewer are left out.
    """
    placed, timed = (None if file is None else Path(file).expanduser() for file in (poses, times))
    images = _folder(folder)
    try:
        reader = folder_format(form)
        reader.require(poses)
    except FolderError as error:
        raise TrainingDataError(str(error)) from error
    return posed_places(reader.read(images, placed, timed), Cells(**(cells or {})), min_images)


def bags(
    bags: list[str],
    cache: str,
    *,
    frames: Mapping[str, Any] | None = None,
    cells: Mapping[str, Any] | None = None,
    min_images: int = 4,
    progress: Callable[[int, int], None],
) -> PlaceSource:
    """Open bags whose poses are in one map frame; see `bag_images` and `posed_places`.

    Args:
        bags: rosbag2 folders, .mcap, .db3 or ROS 1 .bag files.
        cache: Folder that gets their frames as image files.
        frames: Which are wanted; see `BagFrames` for the keys.
        cells: How the ground and the compass are divided; see `Cells` for the keys.
        min_images: Places with fewer are left out.
        progress: Told how many bags are read, of how many.
    """
    paths = [Path(bag).expanduser() for bag in bags]
    wanted = BagFrames(**(frames or {}))
    images = bag_images(paths, Path(cache).expanduser(), wanted, progress)
    return posed_places(images, Cells(**(cells or {})), min_images)


def _folder(path: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        msg = f'there is no folder {folder}: give the folder of the training images'
        raise TrainingDataError(msg)
    return folder


KINDS: dict[str, Callable[..., PlaceSource]] = {
    'photos': photos,
    'town': town,
    'gsv-cities': gsv,
    'poses': poses,
    'bags': bags,
}
