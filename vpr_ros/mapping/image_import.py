# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adds images of folders and of other programs' maps to a map as places."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.geometry.frame_on_earth import datum_of
from vpr_ros.inputs.folders.positions import believed
from vpr_ros.mapping.anchoring import frame_of_session
from vpr_ros.mapping.builder import BLANK, MapBuilder
from vpr_ros.mapping.keyframes import KeyframeConfig
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.describe import Describer
    from vpr_ros.inputs.folders import PosedImage
    from vpr_ros.maps import MapWriter

_log = logging.getLogger(__name__)


def import_images(  # noqa: PLR0913  each is a choice of its own
    place_map: MapWriter,
    images: Sequence[PosedImage],
    describer: Describer,
    keyframes: KeyframeConfig | None = None,
    *,
    session: str = '',
    camera: str = '',
    mount: Pose | None = None,
    thumbnails: int = THUMBNAIL_SIZE,
    left_out: Counter[str] | None = None,
    anchored: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add images to a map, a session for each of theirs, and return how many became places.

    Images without a readable picture, whose picture shows nothing, or whose pose is not known but
    should be, are left out and reported in the log. All sessions share one frame.

    Args:
        place_map: Open for writing, made with the describer's model. Where it has no datum,
            images with both pose and position on Earth tell that, if x is east; where poses have
            to be made of positions, the first believed one becomes it.
        images: In the order in which they are to be added.
        describer: Describes the images.
        keyframes: Spacing of the places; None makes a place of every image.
        session: Name of the session; it precedes those that images name.
        camera: Name of the camera of images that name none.
        mount: Pose in the base frame of the body whose poses are given; None for the base.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        left_out: Takes the number of images that are left out, by the reason; it may hold those
            that their reader left out.
        anchored: Whether the poses are in the frame of the map whatever frame they name.
        progress: Told after each image how many are done, and of how many.

    Raises:
        MapFrameError: The poses cannot be related to those of the map.
        MapError: The map cannot be written; the places added so far stay.
    """
    keyframes = keyframes or KeyframeConfig(every=True)
    left_out = Counter() if left_out is None else left_out
    builders: dict[str, MapBuilder] = {}
    added = 0
    _give_datum(place_map, images, mount)
    posed = next((image for image in images if image.pose is not None), None)
    frame = '' if anchored or posed is None else frame_of_session(place_map, posed.frame)
    for done, image in enumerate(believed(images, place_map.datum), start=1):
        name = ' '.join(filter(None, (session, image.session)))
        builder = builders.get(name)
        if builder is None:
            builder = builders[name] = MapBuilder(
                place_map,
                describer,
                keyframes,
                session=name,
                camera=camera,
                thumbnails=thumbnails,
                frame=frame,
            )
        if image.pose is None and image.geo is not None:
            builder.set_datum(Datum.at(image.geo))
        reading = image.reading(place_map.datum, mount)
        if reading is None and image.left_out:
            left_out[image.left_out] += 1
        else:
            sensor = mount or Pose.identity()
            builder.set_mount(image.camera, image.mount and sensor @ image.mount)
            try:
                added += builder.offer(image.picture(), reading, image.name) is not None
            except ImageError as error:
                _log.warning('image left out: %s', error)
                left_out['they cannot be read'] += 1
        progress(done, len(images))
    for builder in builders.values():
        if builder.blank:
            left_out[BLANK] += builder.blank
    for reason, count in left_out.items():
        _log.warning('%d images left out: %s', count, reason)
    for builder in builders.values():
        builder.finish()
    return added


def _give_datum(place_map: MapWriter, images: Sequence[PosedImage], mount: Pose | None) -> None:
    """Give a map its datum, if poses and measured positions of images agree about it."""
    if place_map.datum is not None or place_map.has_poses:
        return
    readings = [image.reading(None, mount) for image in images if image.geo is not None]
    both = [(each.pose.position, each.geo) for each in readings if each is not None and each.geo]
    datum = datum_of([position for position, _ in both], [geo for _, geo in both])
    if datum is not None:
        place_map.set_datum(datum)
    elif both:
        _log.warning(
            '%d images have a pose and a position on Earth, but x of the poses is not east, or '
            'they are too few to tell: the map gets no datum (`vpr map datum` sets one)',
            len(both),
        )
