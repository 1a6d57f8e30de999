# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps a bag without ROS; makes the same places as the live node."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError
from vpr_ros.inputs.poses import PoseSource
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping.builder import MapBuilder

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.describe import Describer
    from vpr_ros.inputs.bags import Bag, ChosenTopics
    from vpr_ros.mapping.keyframes import KeyframeConfig
    from vpr_ros.maps import MapWriter

_log = logging.getLogger(__name__)


def map_bag(  # noqa: PLR0913  each is a choice of its own
    place_map: MapWriter,
    bag: Bag,
    describer: Describer,
    topics: ChosenTopics,
    keyframes: KeyframeConfig,
    *,
    session: str = '',
    source: PoseSource | None = None,
    thumbnails: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> int:
    """Add the keyframes of a bag to a map and return how many became places.

    Frames without a pose or a readable picture are reported in the log and left out.

    Args:
        place_map: Open for writing, made with the describer's model.
        bag: An open bag.
        describer: Describes the images.
        topics: Of the bag.
        keyframes: Spacing of the places.
        session: Name of the traverse.
        source: Reads the poses; None takes them as poses of the base, and common fixes.
        thumbnails: Longest side of the pictures kept in the map, pixels; 0 for none.
        progress: Told after each frame how many are done, and of how many.

    Raises:
        MapError: The map cannot be written; the places added so far stay.
    """
    builder = MapBuilder(place_map, describer, keyframes, session=session, thumbnails=thumbnails)
    source = source or PoseSource(topics.pose.type, place_map.datum)
    added = poseless = 0
    frames = replay_frames(bag, topics.image.name, topics.pose.name, source)
    for done, (frame, reading) in enumerate(frames, start=1):
        progress(done, max(done, topics.image.count))
        if reading is None:
            poseless += 1
            continue
        builder.set_datum(source.datum)
        try:
            added += builder.offer(frame, reading) is not None
        except ImageError as error:
            _log.warning('frame at %d ns left out: %s', frame.stamp, error)
    if poseless:
        _log.warning('%d frames left out: no pose at their stamps', poseless)
    builder.finish()
    return added
