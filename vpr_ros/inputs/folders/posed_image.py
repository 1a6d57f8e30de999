# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An image of a folder with its stamp and pose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames import SUFFIXES
from vpr_ros.inputs.poses import PoseReading
from vpr_ros.inputs.poses.pose_reading import base_of, base_of_antenna, unknown_rotation

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.geometry import Datum, GeoPoint


class FolderError(VprError):
    """A folder of images, or a file of their poses, that is not as its format has it."""


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


def images_in(folder: Path) -> list[Path]:
    """Return the image files of a folder and the folders in it, in order of their paths.

    Raises:
        FolderError: There is none.
    """
    found = [path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES]
    if not found:
        msg = f'{folder} holds no images ({", ".join(sorted(SUFFIXES))})'
        raise FolderError(msg)
    return sorted(found)
