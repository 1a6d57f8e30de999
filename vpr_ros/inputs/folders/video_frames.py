# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Frames of a video, with a trajectory in the TUM format."""

from __future__ import annotations

import functools
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from vpr_ros.geometry.trajectory_file import read_tum
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError
from vpr_ros.inputs.folders.tum import poses_at
from vpr_ros.inputs.frames import Video, VideoFrame
from vpr_ros.stamps import SECOND, format_stamp

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger(__name__)

_LONGER = 100.0
"""Times that a trajectory may last as long as a video; more tell of another unit of time."""


def video_frames(path: Path, poses: Path, start: int = 0) -> list[PosedImage]:
    """Return the frames of a video, each with the pose at its stamp, interpolated.

    Args:
        path: The video.
        poses: Trajectory of the sensor in the map frame, stamped as the video is.
        start: Stamp of the first frame, nanoseconds: 0 if the trajectory counts from there.

    Raises:
        FolderError: The trajectory has no pose at the stamp of any frame.
        TrajectoryError: The trajectory cannot be read.
        VideoError: The video cannot be read.
    """
    video, trajectory = Video(path), read_tum(poses)
    stamps = [start + offset for offset in video.stamps]
    lasts = (max(trajectory.keys) - min(trajectory.keys)) / SECOND if len(trajectory.keys) else 0.0
    if lasts > _LONGER * max(video.stamps[-1] / SECOND, 1.0):
        _log.warning(
            '%s lasts %.0f s and %s %.1f s: are the stamps of the trajectory no seconds? Then '
            'almost all of its poses are unused',
            poses,
            lasts,
            path,
            video.stamps[-1] / SECOND,
        )
    found = poses_at(stamps, trajectory)
    if all(pose is None for pose, _ in found):
        keys = trajectory.keys.tolist() or [0]
        msg = (
            f'{poses} has poses from {format_stamp(min(keys))} to {format_stamp(max(keys))} s, '
            f'and none at the frames of {path}, from {format_stamp(start)} to '
            f'{format_stamp(stamps[-1])} s: give the stamp of the first frame (start)'
        )
        raise FolderError(msg)
    return [
        replace(_image(video, index, stamp), pose=pose, left_out=why)
        for index, (stamp, (pose, why)) in enumerate(zip(stamps, found, strict=True))
    ]


def video_images(path: Path, seconds: float) -> list[PosedImage]:
    """Return frames of a video as places without poses, so many seconds apart.

    Raises:
        VideoError: The video cannot be read.
    """
    video = Video(path)
    chosen = video.chosen(seconds)
    return [_image(video, index, video.stamps[index]).without_pose() for index in chosen]


def _image(video: Video, index: int, stamp: int) -> PosedImage:
    read = functools.partial(VideoFrame, video, index, stamp)
    return PosedImage(read().path, stamp, read=read)


FORMATS = (
    FolderFormat(
        'video',
        'a video; the file of poses is a trajectory, in seconds from its first frame',
        video_frames,
        needs_poses=True,
        takes_start=True,
        for_maps=True,
    ),
)
