# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Descriptors with poses: of the places of a map, and of the images of bags."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import ImageError
from vpr_ros.evaluation.bag_evaluation import require_poses
from vpr_ros.evaluation.metrics import pose_rows
from vpr_ros.inputs.bags import Bag, choose_topics, is_geodetic, pose_source
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.training.adapting import AdaptationError, PosedDescriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpr_ros.describe import Describer
    from vpr_ros.maps import PlaceMap


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
    hold_out: tuple[float, float],
    progress: Callable[[int, int], None],
) -> tuple[PosedDescriptors, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Describe the images of bags that have poses, and tell which lie in the stretch held out.

    Raises:
        AdaptationError: A bag has fixes, and the map no datum, or there is no image with a pose.
        BagError: A bag cannot be read.
    """
    rows, poses, held = [], [], []
    for path in bags:
        with Bag(path) as bag:
            topics = choose_topics(bag)
            if is_geodetic(topics.pose) and place_map.datum is None:
                msg = f'{path}: its positions are on Earth, but the map has no datum'
                raise AdaptationError(msg)
            source, total = pose_source(topics.pose, place_map.datum), topics.image.count
            frames = replay_frames(bag, topics.image.name, topics.pose.name, source)
            for number, (frame, reading) in enumerate(frames):
                progress(min(number + 1, total), total)
                try:
                    description = None if reading is None else describer.describe([frame.rgb])[0]
                except ImageError:
                    continue
                if reading is not None and description is not None:
                    rows.append(description.descriptor)
                    poses.append(reading.pose)
                    held.append(hold_out[0] <= number / total < hold_out[1])
    if not rows:
        msg = 'no image of the bags has a pose'
        raise AdaptationError(msg)
    return PosedDescriptors(np.stack(rows).astype(np.float64), pose_rows(poses)), np.array(held)
