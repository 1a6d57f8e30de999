# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images in order with a file of their poses, as in KITTI odometry."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.pose import quaternion_of
from vpr_ros.geometry.trajectory_file import located, numbered_fields, parse_number
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError, images_in
from vpr_ros.inputs.poses import is_origin
from vpr_ros.stamps import SECOND, parse_stamp

if TYPE_CHECKING:
    from pathlib import Path

_PERIOD = SECOND // 10
"""Nanoseconds between images without times: KITTI's cameras take ten a second."""


def kitti_folder(folder: Path, poses: Path, times: Path | None = None) -> list[PosedImage]:
    """Return the images of a folder in order of their names, each with its pose.

    KITTI gives the pose of the optical frame in that of the first image. The poses returned are
    those of the camera, x forward and z up, in a frame with the same axes at its first pose; where
    that is the origin, the frame began there.

    Args:
        folder: Images.
        poses: A line for each: the first three rows of a 4 x 4 matrix.
        times: A line for each: seconds; None for ten images a second.

    Raises:
        FolderError: There are not as many poses, or times, as images.
        TrajectoryError: A file cannot be read; names the line.
    """
    images = images_in(folder)
    placed = _read_poses(poses)
    stamps = [_PERIOD * i for i in range(len(images))]
    if times is not None:
        stamps = []
        for line, fields in numbered_fields(times):
            with located(times, line):
                stamps.append(parse_stamp(fields[0]))
    for number, what, file in ((len(placed), 'poses', poses), (len(stamps), 'times', times)):
        if number != len(images):
            msg = f'{file} has {number} {what} for the {len(images)} images in {folder}'
            raise FolderError(msg)
    frame = 'kitti' if placed and is_origin(placed[0]) else ''
    return [
        PosedImage(path, stamp, pose, frame=frame)
        for path, stamp, pose in zip(images, stamps, placed, strict=True)
    ]


def _read_poses(path: Path) -> list[Pose]:
    poses = []
    for number, fields in numbered_fields(path):
        with located(path, number):
            if len(fields) != 12:
                msg = f'{len(fields)} numbers, not the 12 of a 3 x 4 matrix'
                raise ValueError(msg)
            matrix = np.array([parse_number(field) for field in fields]).reshape(3, 4)
            optical = Pose.of(matrix[:, 3], quaternion_of(matrix[:, :3]))
            poses.append(OPTICAL_ROTATION @ optical @ OPTICAL_ROTATION.inverse())
    return poses


FORMATS = (
    FolderFormat(
        'kitti',
        'the file of poses has a line for each image in order',
        kitti_folder,
        needs_poses=True,
        takes_times=True,
    ),
)
