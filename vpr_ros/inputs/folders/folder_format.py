# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with stamps and poses, the formats of folders of them, and their registry.

A module of this package registers the formats that it lists in ``FORMATS``; another package
registers its own with an entry point of the group ``vpr_ros.folder_formats``.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpr_ros.geometry import Pose
from vpr_ros.inputs.folders.image_files import FolderError
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.inputs.poses import PoseReading
from vpr_ros.inputs.poses.pose_reading import base_of, base_of_antenna, unknown_rotation
from vpr_ros.registries import Registry, entries_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.geometry import Datum, GeoPoint
    from vpr_ros.inputs.frames import Picture


@dataclass(frozen=True)
class PosedImage:
    """An image with its stamp and its pose or position on Earth.

    Attributes:
        path: Image file; the name of the image where it is no file of its own.
        stamp: When the image was taken, nanoseconds.
        pose: Of the sensor in the map frame.
        geo: Position on Earth; gives the pose where there is none.
        heading: Direction of view, radians clockwise from true north; with `geo` only.
        read: Opens the image where it is no file of its own, such as one in a database.
        session: Name of the traverse, where the source tells traverses apart.
        camera: Name of the camera, where the source tells cameras apart.
        mount: Pose of the optical frame in the body whose poses are given, where it is known.
        left_out: Why the image is left out if its pose is unknown; empty where it becomes a place
            without a pose.
        frame: Name of the frame of the pose where that began with the traverse or with the program
            that gave the poses; empty for the frame of the map.
        adrift: Pose in the frame of the session, where nothing relates that to the map frame.
    """

    path: Path
    stamp: int
    pose: Pose | None = None
    geo: GeoPoint | None = None
    heading: float | None = None
    read: Callable[[], Picture] | None = None
    session: str = ''
    camera: str = ''
    mount: Pose | None = None
    left_out: str = 'they have no pose'
    frame: str = ''
    adrift: Pose | None = None

    @property
    def name(self) -> str:
        """Name for people: the file with its folder."""
        return Path(*self.path.parts[-2:]).as_posix()

    def picture(self) -> Picture:
        """Return the image, which is read when its pixels are asked for."""
        return ImageFile(self.path, self.stamp) if self.read is None else self.read()

    def without_pose(self) -> PosedImage:
        """Return the image as a place that has no pose and no position on Earth."""
        return replace(self, pose=None, geo=None, heading=None, left_out='')

    def in_own_frame(self) -> PosedImage:
        """Return the image with its pose in the frame of its session."""
        return replace(self, pose=self.adrift, geo=None, frame='odom', adrift=None)

    def reading(self, datum: Datum | None, mount: Pose | None = None) -> PoseReading | None:
        """Return the pose of the base, None where it is unknown.

        Args:
            datum: Origin of the map frame; needed where there is no pose.
            mount: Pose of the sensor in the base frame.
        """
        if self.pose is not None:
            reading = PoseReading(self.stamp, self.pose, geo=self.geo, frame=self.frame)
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
        reader: Takes the folder, the file of poses where `needs_poses`, and the keywords `times`,
            `start`, `progress` and `left_out` where it has them.
        needs_poses: Whether there is a file of poses.
        takes_times: Whether there may be a file of times.
        takes_start: Whether images are stamped by the time from the first, whose stamp is given.
        reports: Whether the reader takes long and reports its progress.
        selects: Whether the reader leaves images out and counts them, by the reason.
        for_maps: Whether the images are no files of their own, so that they can become places but
            not a data set.
    """

    name: str
    help: str
    reader: Callable[..., list[PosedImage]]
    needs_poses: bool = False
    takes_times: bool = False
    takes_start: bool = False
    reports: bool = False
    selects: bool = False
    for_maps: bool = False

    def read(
        self,
        folder: Path,
        poses: Path | None = None,
        times: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        left_out: Counter[str] | None = None,
        start: int = 0,
    ) -> list[PosedImage]:
        """Return the images of a folder, each with its pose.

        Args:
            folder: Images.
            poses: File of poses, for formats that need one.
            times: File of times, for formats that take one.
            progress: Told how many images are read, of how many.
            left_out: Takes the number of images that are left out, by the reason.
            start: Stamp of the first image, nanoseconds, for formats that take one.

        Raises:
            FolderError: The folder or a file is not as the format has it, or a file is missing.
            TrajectoryError: A file of poses or times cannot be read.
        """
        self.require(poses)
        files = (folder, poses) if self.needs_poses else (folder,)
        optional: dict[str, Any] = {}
        if self.takes_times:
            optional['times'] = times
        if self.takes_start:
            optional['start'] = start
        if self.reports and progress:
            optional['progress'] = progress
        if self.selects:
            optional['left_out'] = Counter() if left_out is None else left_out
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


def dataset_formats() -> dict[str, FolderFormat]:
    """Return the formats whose images are files, by name."""
    return {name: form for name, form in FOLDER_FORMATS.items() if not form.for_maps}


def folder_format(name: str) -> FolderFormat:
    """Return a format whose images are files, by its name.

    Raises:
        FolderError: There is none; the text lists those that there are.
    """
    known = dataset_formats()
    if name not in known:
        msg = f'unknown format {name!r} of a folder of images; known: {", ".join(known)}'
        raise FolderError(msg)
    return known[name]
