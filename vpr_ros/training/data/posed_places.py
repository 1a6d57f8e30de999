# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places of images with poses: cells of position and heading, in groups without neighbours.

Berton et al., Rethinking Visual Geo-localization for Large-Scale Applications (CosPlace), CVPR
2022, section 3.1. Frames of bags become image files first, for random access in training.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import math
import os
import shutil
from collections import defaultdict
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2

from vpr_ros.errors import ImageError
from vpr_ros.geometry import Datum
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.folders import csv_folder
from vpr_ros.inputs.folders.positions import without_null_island
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping import KeyframeConfig, KeyframeGate
from vpr_ros.training.data.source import ImageFiles, TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.inputs.folders import PosedImage

_WHOLE_TURN = 360.0


class Cell(NamedTuple):
    """Which place an image shows, and the group of that place.

    Attributes:
        place: Cells to the east, to the north, and clockwise from north. Times M, M and α these
            are the class ids of the paper.
        group: The same, modulo N, N and L.
    """

    place: tuple[int, int, int]
    group: tuple[int, int, int]


@dataclass(frozen=True)
class Cells:
    """How the ground and the compass are divided.

    Two places of one group are at least N cells apart in a direction or look at least L cells
    elsewhere, so with N and L above one they are never neighbours.

    Attributes:
        size: M, side of a cell, metres.
        angle: α, width of a cell, degrees.
        across: N, groups along each direction.
        headings: L, groups along the compass.
    """

    size: float = 10.0
    angle: float = 60.0
    across: int = 3
    headings: int = 2

    def __post_init__(self) -> None:
        if not (self.size > 0 and self.angle > 0 and self.across > 0 and self.headings > 0):
            msg = f'size, angle, across and headings of cells must be positive, not {self}'
            raise TrainingDataError(msg)
        groups = _WHOLE_TURN / (self.angle * self.headings)
        if abs(groups - round(groups)) > 1e-9 or groups < 1:
            msg = (
                f'{self.headings} cells of {self.angle} degrees do not divide a whole turn, so '
                'the first and the last would be neighbours of the same group'
            )
            raise TrainingDataError(msg)

    def of(self, east: float, north: float, heading: float) -> Cell:
        """Return the cell of a view.

        Args:
            east: Metres.
            north: Metres.
            heading: Degrees clockwise from north, any.

        Raises:
            ValueError: A number is not finite.
        """
        if not (math.isfinite(east) and math.isfinite(north) and math.isfinite(heading)):
            msg = f'the position ({east}, {north}) or the heading {heading} is not finite'
            raise ValueError(msg)
        e, n = math.floor(east / self.size), math.floor(north / self.size)
        # A tiny negative heading is a whole turn when rounded.
        h = math.floor(heading % _WHOLE_TURN / self.angle) % round(_WHOLE_TURN / self.angle)
        return Cell((e, n, h), (e % self.across, n % self.across, h % self.headings))


_log = logging.getLogger(__name__)


def posed_places(
    images: Sequence[PosedImage], cells: Cells | None = None, min_images: int = 4
) -> ImageFiles:
    """Make a source of images with poses: cells are places, groups of cells are areas.

    Images for which only a position is known all count as looking the same way.

    Args:
        images: With poses of the camera, x forward and z up, in one map frame, or on Earth.
        cells: How the ground and the compass are divided.
        min_images: Places with fewer are left out.

    Raises:
        TrainingDataError: No place has so many images.
    """
    cells = cells or Cells()
    images = without_null_island(images)
    datum = next((Datum.at(s.geo) for s in images if s.pose is None and s.geo), None)
    groups: dict[tuple[int, int, int], dict[tuple[int, int, int], list[Path]]] = defaultdict(
        lambda: defaultdict(list)
    )
    poseless = 0
    for image in images:
        reading = image.reading(datum)
        if reading is None:
            poseless += 1
            continue
        east, north, _ = reading.pose.position.tolist()
        cell = cells.of(east, north, 90 - math.degrees(reading.pose.yaw))
        groups[cell.group][cell.place].append(image.path)
    if poseless:
        _log.warning('%d images left out: they have no pose', poseless)
    areas = [
        [files for _, files in sorted(places.items()) if len(files) >= min_images]
        for _, places in sorted(groups.items())
    ]
    areas = [area for area in areas if area]
    if not areas:
        msg = (
            f'no cell of {cells.size:g} m and {cells.angle:g} degrees has {min_images} of the '
            f'{len(images) - poseless} images with poses: use larger cells, or fewer images'
        )
        raise TrainingDataError(msg)
    folder = Path(os.path.commonpath([path.parent for a in areas for p in a for path in p]))
    return ImageFiles(
        folder,
        [[[str(path.relative_to(folder)) for path in p] for p in area] for area in areas],
    )


_TABLE = 'poses.csv'
_COLUMNS = ('file', 'stamp_ns', 'x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'lat', 'lon', 'alt')


@dataclass(frozen=True)
class BagFrames:
    """Which frames of bags are wanted.

    Attributes:
        image: Topic, where a bag has several.
        pose: Topic, where a bag has several.
        distance: Metres the robot moves from one to the next.
        angle: Radians after which the next is taken in any case.
    """

    image: str | None = None
    pose: str | None = None
    distance: float = 0.5
    angle: float = 0.2


def bag_images(
    bags: Sequence[Path],
    cache: Path,
    frames: BagFrames,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> list[PosedImage]:
    """Return frames of bags as files in a cache, written where they are not yet there.

    Args:
        bags: Their poses are in one map frame, or on Earth.
        cache: Gets a folder of JPEG files and their poses for each bag.
        frames: Which are wanted.
        progress: Told how many bags are read, of how many.

    Raises:
        BagError: A bag cannot be read, or has several topics to choose from.
    """
    images = []
    for i, path in enumerate(bags):
        progress(i, len(bags))
        # The path stands for the content: a bag is not written to again.
        key = hashlib.sha256(repr((str(path.resolve()), frames)).encode()).hexdigest()[:12]
        folder = cache / f'{path.stem}-{key}'
        if not folder.exists():
            _extract(path, folder, frames)
        images += csv_folder(folder, folder / _TABLE)
    progress(len(bags), len(bags))
    return images


def _extract(path: Path, folder: Path, frames: BagFrames) -> None:
    """Write the keyframes of a bag; the folder is there only when it is whole."""
    part = folder.with_name(f'{folder.name}.part')
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    gate = KeyframeGate(KeyframeConfig(frames.distance, frames.angle))
    with Bag(path) as bag, (part / _TABLE).open('w', encoding='utf-8', newline='') as file:
        topics = choose_topics(bag, frames.image, frames.pose)
        table = csv.writer(file)
        table.writerow(_COLUMNS)
        for frame, reading in replay_frames(bag, topics.image.name, topics.pose.name):
            if reading is None or not gate.due(frame.stamp, reading.pose):
                continue
            name = f'{frame.stamp}.jpg'
            try:
                pixels = cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2BGR)
            except ImageError as error:
                _log.warning('frame at %d ns left out: %s', frame.stamp, error)
                continue
            cv2.imwrite(str(part / name), pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
            gate.take(frame.stamp, reading.pose)
            if reading.geo is None:
                where = [*reading.pose.as_array().tolist(), '', '', '']
            else:
                # The map frame of a fix begins at the first of its bag: compare on Earth only.
                where = [''] * 7 + [*astuple(reading.geo)]
            table.writerow([name, frame.stamp, *where])
    part.rename(folder)
