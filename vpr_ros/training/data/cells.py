# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Places as cells of position and heading, and groups of cells that are never neighbours.

Berton et al., Rethinking Visual Geo-localization for Large-Scale Applications (CosPlace), CVPR
2022, section 3.1.
"""

from __future__ import annotations

import logging
import math
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vpr_ros.geometry import Datum
from vpr_ros.training.data.source import ImageFiles, TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
