# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Divides images with poses into places by position and heading."""

from __future__ import annotations

import logging
import math
import os
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.geometry import Datum
from vpr_ros.training.data.cells import Cells
from vpr_ros.training.data.files import ImageFiles
from vpr_ros.training.data.source import TrainingDataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vpr_ros.inputs.folders import PosedImage

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
