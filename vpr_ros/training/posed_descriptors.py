# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Descriptors with poses: of the places of a map, and of the images of bags."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.evaluation.bag_evaluation import require_poses
from vpr_ros.evaluation.metrics import pose_rows
from vpr_ros.inputs.bags import Bag, choose_topics, is_geodetic, pose_source
from vpr_ros.inputs.frames.thumbnail_codec import encode_thumbnail
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.training.adapting import PosedDescriptors
from vpr_ros.training.held_out import AdaptationError
from vpr_ros.types import THUMBNAIL_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpr_ros.describe import Describer
    from vpr_ros.maps import PlaceMap

_log = logging.getLogger(__name__)


def mapped(place_map: PlaceMap) -> PosedDescriptors:
    """Return the places of a map that have poses.

    Raises:
        AdaptationError: Its descriptors are shortened.
        VprError: It has no poses.
    """
    require_poses(place_map)
    columns, meta = place_map.snapshot.columns, place_map.snapshot.meta
    if meta.reducer:
        msg = f'{place_map.path} has shortened descriptors: give a map with those of the model'
        raise AdaptationError(msg)
    rows = np.flatnonzero(~np.isnan(columns.poses[:, 0]))
    values = place_map.descriptors(rows).astype(np.float64)
    return PosedDescriptors(values, np.asarray(columns.poses, np.float64)[rows])


def described_drives(
    place_map: PlaceMap,
    describer: Describer,
    bags: Sequence[Path],
    topics: tuple[str | None, str | None],
    hold_out: tuple[float, float],
    progress: Callable[[int, int], None],
    pictures: list[bytes] | None = None,
) -> tuple[PosedDescriptors, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Describe the images of bags that have poses, and tell which lie in the stretch held out.

    Args:
        place_map: In whose frame the poses are.
        describer: Of the images.
        bags: Of the drives.
        topics: Of images and poses; None for the only ones of a bag.
        hold_out: Beginning and end of the stretch of each bag, shares of its images.
        progress: Told how many images of a bag are done, and of how many.
        pictures: Gets each image, as small as the thumbnails of maps.

    Raises:
        AdaptationError: A bag has fixes, and the map no datum, or there is no image with a pose.
        BagError: A bag cannot be read.
    """
    rows, poses, held = [], [], []
    for path in bags:
        posed = 0
        with Bag(path) as bag:
            chosen = choose_topics(bag, *topics)
            if is_geodetic(chosen.pose) and place_map.datum is None:
                msg = f'{path}: its positions are on Earth, but the map has no datum'
                raise AdaptationError(msg)
            source, total = pose_source(chosen.pose, place_map.datum), chosen.image.count
            frames = replay_frames(bag, chosen.image.name, chosen.pose.name, source)
            for number, (frame, reading) in enumerate(frames):
                progress(min(number + 1, total), total)
                if reading is None:
                    continue
                posed += 1
                try:
                    rows.append(describer.describe([frame.rgb])[0].descriptor)
                except ImageError as error:
                    _log.warning('%s: image at %d ns left out: %s', path, frame.stamp, error)
                    continue
                if pictures is not None:
                    pictures.append(encode_thumbnail(frame.rgb, THUMBNAIL_SIZE))
                poses.append(reading.pose)
                held.append(hold_out[0] <= number / total < hold_out[1])
        if posed < total:
            _log.warning(
                '%s: %d of %d images left out: they have no pose', path, total - posed, total
            )
    if not rows:
        msg = 'no image of the bags has a pose'
        raise AdaptationError(msg)
    return PosedDescriptors(np.stack(rows).astype(np.float64), pose_rows(poses)), np.array(held)
