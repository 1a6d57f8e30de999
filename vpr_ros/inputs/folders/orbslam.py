# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with the keyframes of ORB-SLAM2 or ORB-SLAM3."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.geometry.trajectory_file import located, numbered_fields, parse_number
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError, images_in
from vpr_ros.inputs.poses import is_origin
from vpr_ros.stamps import SECOND, parse_stamp_of_any_unit

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_MOST_APART = SECOND // 20
"""Nanoseconds between a keyframe and its image, at most."""
_DEPTH = 'depth'
"""Folder beside the images of a depth camera, with pictures of the same stamps."""


def orbslam_folder(
    folder: Path,
    poses: Path,
    times: Path | None = None,
    left_out: Counter[str] | None = None,
) -> list[PosedImage]:
    """Return the images of keyframes, each with its pose, in order of time.

    The poses are of the optical frame of the camera. Without an IMU the origin is that of the
    first keyframe; the poses returned are then those of the camera, x forward and z up, in a frame
    with the same axes there. With an IMU z is up already, and poses that were saved for EuRoC, in
    nanoseconds, are those of the IMU.

    Args:
        folder: Images; named by their stamps, in seconds or nanoseconds, unless `times` is given.
        poses: `KeyFrameTrajectory.txt`: stamp x y z qx qy qz qw.
        times: Lines of stamp and image, as `rgb.txt` of TUM, an association file and `data.csv` of
            EuRoC are, or of a stamp for each image in order.
        left_out: Takes the number of keyframes that are left out, by the reason.

    Raises:
        FolderError: The images have no stamps, or no keyframe has an image.
        TrajectoryError: A file cannot be read; names the line.
    """
    left_out = Counter() if left_out is None else left_out
    keyframes = _read_keyframes(poses)
    images = _by_name(folder) if times is None else _by_file(folder, times)
    stamps = np.array(sorted(images), np.int64)
    apart = min(_MOST_APART, int(np.median(np.diff(stamps))) // 2 if len(stamps) > 1 else SECOND)
    found: dict[int, PosedImage] = {}
    for stamp, pose, mount in _in_body(keyframes):
        nearest = int(stamps[np.abs(stamps - stamp).argmin()])
        if abs(nearest - stamp) > apart:
            left_out['no image has the stamp of the keyframe'] += 1
        elif nearest in found:
            left_out['another keyframe has the same image'] += 1
        else:
            found[nearest] = PosedImage(
                images[nearest], nearest, pose, mount=mount, frame='orbslam'
            )
    if not found:
        msg = f'no image in {folder} has the stamp of one of the {len(keyframes)} poses in {poses}'
        raise FolderError(msg)
    _log.warning('%s: a map of one camera without an IMU has no scale: its metres are none', poses)
    return list(found.values())


def _read_keyframes(path: Path) -> list[tuple[int, bool, Pose]]:
    """Return stamp, whether it is written in nanoseconds, and pose, in order of time."""
    keyframes = []
    for line, fields in numbered_fields(path):
        with located(path, line):
            if len(fields) != 8:
                msg = f'{len(fields)} fields, not stamp x y z qx qy qz qw'
                raise ValueError(msg)
            stamp = parse_stamp_of_any_unit(fields[0])
            seconds = parse_number(fields[0])
            pose = Pose.from_array([parse_number(field) for field in fields[1:]])
            keyframes.append((stamp, seconds > SECOND * 10, pose))
    if not keyframes:
        msg = f'{path} has no poses'
        raise FolderError(msg)
    return sorted(keyframes, key=lambda keyframe: keyframe[0])


def _in_body(
    keyframes: list[tuple[int, bool, Pose]],
) -> list[tuple[int, Pose, Pose | None]]:
    """Return stamp, pose of a body whose x is forward, and the camera's mount on it."""
    _, of_imu, first = keyframes[0]
    back = OPTICAL_ROTATION.inverse()
    if is_origin(first):
        return [
            (stamp, OPTICAL_ROTATION @ pose @ back, OPTICAL_ROTATION)
            for stamp, _, pose in keyframes
        ]
    if of_imu:
        return [(stamp, pose, None) for stamp, _, pose in keyframes]
    return [(stamp, pose @ back, OPTICAL_ROTATION) for stamp, _, pose in keyframes]


def _by_name(folder: Path) -> dict[int, Path]:
    """Return the images by the stamps in their names; of two cameras, those of the first."""
    images: dict[int, Path] = {}
    for path in images_in(folder):
        if path.parent.name != _DEPTH:
            images.setdefault(_named(path), path)
    return images


def _named(path: Path) -> int:
    """Return the stamp in the name of an image."""
    try:
        return parse_stamp_of_any_unit(path.stem)
    except ValueError as error:
        msg = f'{path}: {error}; give the file of times that relates stamps to images'
        raise FolderError(msg) from error


def _by_file(folder: Path, times: Path) -> dict[int, Path]:
    """Return the images by the stamps that a file gives them; only those in the folder."""
    paths = images_in(folder)
    # Of two cameras whose images have the same names, those of the first.
    names = {name: path for path in reversed(paths) for name in (path.name, path.stem)}
    names |= {path.relative_to(folder).as_posix(): path for path in paths}
    bare: list[int] = []
    images: dict[int, Path] = {}
    for line, fields in numbered_fields(times):
        with located(times, line):
            stamp = parse_stamp_of_any_unit(fields[0])
        name = fields[1] if len(fields) > 1 else fields[0]
        path = names.get(name) or names.get(name.rpartition('/')[2])
        if path is not None:
            images[stamp] = path
        elif len(fields) == 1:
            bare.append(stamp)
    if bare and not images:
        if len(bare) != len(paths):
            msg = f'{times} has {len(bare)} times for the {len(paths)} images in {folder}'
            raise FolderError(msg)
        return dict(zip(bare, paths, strict=True))
    if not images:
        msg = f'{times} names none of the {len(paths)} images in {folder}'
        raise FolderError(msg)
    return images


FORMATS = (
    FolderFormat(
        'orbslam',
        'the file of poses has the keyframes of ORB-SLAM3',
        orbslam_folder,
        needs_poses=True,
        takes_times=True,
        selects=True,
    ),
)
