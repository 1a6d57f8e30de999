# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images named by their stamps, with a trajectory in the TUM format."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from vpr_ros.geometry.trajectory_file import read_tum
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError, images_in
from vpr_ros.inputs.poses import NoPose, PoseBuffer, PoselessFrames, PoseReading
from vpr_ros.stamps import parse_stamp_of_any_unit

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.trajectory_file import Trajectory


def tum_folder(folder: Path, poses: Path) -> list[PosedImage]:
    """Return the images of a folder, each with the pose at its stamp, interpolated.

    Args:
        folder: Images named by their stamps, in seconds (TUM) or nanoseconds (EuRoC).
        poses: Trajectory of the sensor in the map frame.

    Raises:
        FolderError: The name of an image is not a stamp.
        TrajectoryError: The trajectory cannot be read.
    """
    images = sorted((_stamp(path), path) for path in images_in(folder))
    found = poses_at([stamp for stamp, _ in images], read_tum(poses))
    return [
        PosedImage(path, stamp, pose, left_out=why)
        for (stamp, path), (pose, why) in zip(images, found, strict=True)
    ]


def poses_at(stamps: Iterable[int], trajectory: Trajectory) -> list[tuple[Pose | None, str]]:
    """Return the pose at each of some stamps in order, interpolated; else None, and why."""
    keys = trajectory.keys.tolist()
    in_order = iter(sorted(range(len(keys)), key=keys.__getitem__))
    buffer, poseless = PoseBuffer(), PoselessFrames()
    found: list[PoseReading | NoPose] = []
    for stamp in stamps:
        while not buffer.decided(stamp) and (i := next(in_order, None)) is not None:
            buffer.add(PoseReading(keys[i], trajectory.poses[i]))
        found.append(buffer.find(stamp))
    if buffer.late:
        _log.warning('%d poses left out: others have the same stamps', buffer.late)
    for at_stamp in found:
        if isinstance(at_stamp, NoPose):
            poseless.add(at_stamp)
    return [
        (None, f'they were taken {poseless.words(at_stamp.cause)}')
        if isinstance(at_stamp, NoPose)
        else (at_stamp.pose, '')
        for at_stamp in found
    ]


def _stamp(path: Path) -> int:
    try:
        return parse_stamp_of_any_unit(path.stem)
    except ValueError as error:
        msg = f'{path}: {error}; images beside a TUM trajectory are named by their stamps'
        raise FolderError(msg) from error


FORMATS = (
    FolderFormat(
        'tum', 'names are stamps, the file of poses is a trajectory', tum_folder, needs_poses=True
    ),
)
