# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adds the images of a folder to a map as places."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError
from vpr_ros.geometry import Datum
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.mapping.builder import MapBuilder
from vpr_ros.mapping.keyframes import KeyframeConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.folders import PosedImage
    from vpr_ros.maps import MapWriter

_log = logging.getLogger(__name__)


def import_images(
    place_map: MapWriter,
    sightings: Sequence[PosedImage],
    describer: Describer,
    keyframes: KeyframeConfig | None = None,
    *,
    session: str = '',
    camera: str = '',
    mount: Pose | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add images to a map as one session and return how many became places.

    Images without a pose or a readable picture are reported in the log and left out.

    Args:
        place_map: Open for writing, made with the describer's model. Where poses have to be made
            of positions on Earth and it has no datum, the first such position becomes it.
        sightings: In the order in which they are to be added.
        describer: Describes the images.
        keyframes: Spacing of the places; None makes a place of every image.
        session: Name of the session.
        camera: Name of the camera.
        mount: Pose in the base frame of what the poses are of; None where that is the base.
        progress: Told after each image how many are done, and of how many.

    Raises:
        MapError: The map cannot be written; the places added so far stay.
    """
    keyframes = keyframes or KeyframeConfig(every=True)
    builder = MapBuilder(place_map, describer, keyframes, session=session, camera=camera)
    added = poseless = 0
    for done, sighting in enumerate(sightings, start=1):
        if sighting.pose is None and sighting.geo is not None:
            builder.set_datum(Datum.at(sighting.geo))
        reading = sighting.reading(place_map.datum, mount)
        if reading is None:
            poseless += 1
        else:
            try:
                image = ImageFile(sighting.path, sighting.stamp)
                added += builder.offer(image, reading) is not None
            except ImageError as error:
                _log.warning('%s left out: %s', sighting.path, error)
        progress(done, len(sightings))
    if poseless:
        _log.warning('%d images left out: they have no pose', poseless)
    builder.finish()
    return added
