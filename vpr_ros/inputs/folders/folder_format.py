# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with stamps and poses, the formats of folders of them, and their registry.

A module of this package registers the formats that it lists in ``FORMATS``; another package
registers its own with an entry point of the group ``vpr_ros.folder_formats``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders.image_files import FolderError
from vpr_ros.inputs.poses import PoseReading
from vpr_ros.inputs.poses.pose_reading import base_of, base_of_antenna, unknown_rotation
from vpr_ros.registries import Registry, entries_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.geometry import Datum, GeoPoint


@dataclass(frozen=True)
class PosedImage:
    """An image with its stamp and its pose or position on Earth.

    Attributes:
        path: Image file.
        stamp: When the image was taken, nanoseconds.
        pose: Of the sensor in the map frame.
        geo: Position on Earth; gives the pose where there is none.
        heading: Direction of view, radians clockwise from true north; with `geo` only.
    """

    path: Path
    stamp: int
    pose: Pose | None = None
    geo: GeoPoint | None = None
    heading: float | None = None

    def reading(self, datum: Datum | None, mount: Pose | None = None) -> PoseReading | None:
        """Return the pose of the base, None where it is unknown.

        Args:
            datum: Origin of the map frame; needed where there is no pose.
            mount: Pose of the sensor in the base frame.
        """
        if self.pose is not None:
            reading = PoseReading(self.stamp, self.pose, geo=self.geo)
            return reading if mount is None else base_of(reading, mount)
        if self.geo is None or datum is None:
            return None
        position, covariance = datum.position_of(self.geo), unknown_rotation()
        if self.heading is None:
            reading = PoseReading(self.stamp, Pose.of(position), covariance, self.geo)
            return reading if mount is None else base_of_antenna(reading, mount.position)
        yaw = Pose.planar(0, 0, math.pi / 2 - self.heading).orientation
        reading = PoseReading(self.stamp, Pose.of(position, yaw), None, self.geo)
        return reading if mount is None else base_of(reading, mount)


@dataclass(frozen=True)
class FolderFormat:
    """A format of folders of images with poses.

    Attributes:
        name: Value of options and of recipes.
        help: One line for people: where the poses come from.
        reader: Takes the folder, the file of poses where `needs_poses`, and the keywords `times`
            and `progress` where it has them.
        needs_poses: Whether there is a file of poses.
        takes_times: Whether there may be a file of times.
        reports: Whether the reader takes long and reports its progress.
    """

    name: str
    help: str
    reader: Callable[..., list[PosedImage]]
    needs_poses: bool = False
    takes_times: bool = False
    reports: bool = False

    def read(
        self,
        folder: Path,
        poses: Path | None = None,
        times: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[PosedImage]:
        """Return the images of a folder, each with its pose.

        Args:
            folder: Images.
            poses: File of poses, for formats that need one.
            times: File of times, for formats that take one.
            progress: Told how many images are read, of how many.

        Raises:
            FolderError: The folder or a file is not as the format has it, or a file is missing.
            TrajectoryError: A file of poses or times cannot be read.
        """
        self.require(poses)
        files = (folder, poses) if self.needs_poses else (folder,)
        optional: dict[str, Any] = {}
        if self.takes_times:
            optional['times'] = times
        if self.reports and progress:
            optional['progress'] = progress
        return self.reader(*files, **optional)

    def require(self, poses: object) -> None:
        """Check that the file of poses is given where the format needs one.

        Raises:
            FolderError: It is not.
        """
        if self.needs_poses and poses is None:
            msg = f'the format {self.name} needs a file of poses'
            raise FolderError(msg)


FOLDER_FORMATS: Registry[FolderFormat] = Registry(
    'vpr_ros.folder_formats', lambda: entries_of(__package__, 'FORMATS')
)
"""Formats of folders of images, by name."""


def folder_format(name: str) -> FolderFormat:
    """Return a format by its name.

    Raises:
        FolderError: There is none; the text lists those that there are.
    """
    if name not in FOLDER_FORMATS:
        msg = f'unknown format {name!r} of a folder of images; known: {", ".join(FOLDER_FORMATS)}'
        raise FolderError(msg)
    return FOLDER_FORMATS[name]
