# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From pixels to directions, at whatever size a picture is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vpr_ros.frames.rectify import Calibration


@dataclass(frozen=True)
class Pinhole:
    """Intrinsics of a camera in shares of the picture, so that thumbnails have them too.

    Attributes:
        focal: Focal lengths as shares of width and height.
        centre: Principal point from the upper left corner, as shares of width and height.
        distortion: Coefficients as of OpenCV, none where the pictures are rectified.
        fisheye: Whether they are of the equidistant model.
    """

    focal: tuple[float, float]
    centre: tuple[float, float] = (0.5, 0.5)
    distortion: tuple[float, ...] = ()
    fisheye: bool = False

    @staticmethod
    def of_view(degrees: float, width: int, height: int) -> Pinhole:
        """Return a camera with square pixels and a horizontal field of view, without distortion.

        Raises:
            ValueError: There is no such field of view.
        """
        if not 0 < degrees < 180:
            msg = f'a field of view lies between 0 and 180 degrees, not at {degrees:g}'
            raise ValueError(msg)
        focal = 0.5 / math.tan(math.radians(degrees) / 2)
        return Pinhole((focal, focal * width / height))

    @staticmethod
    def of(calibration: Calibration, *, rectified: bool = False) -> Pinhole:
        """Return the camera that a camera_info describes.

        Args:
            calibration: Of full images, without binning or region of interest.
            rectified: Whether the pictures were rectified by it.
        """
        c = calibration
        k = c.p[:3] + c.p[4:7] if rectified and any(c.p) else c.k
        # Pixel centres are whole numbers, so that the corner is at minus a half.
        return Pinhole(
            (k[0] / c.width, k[4] / c.height),
            ((k[2] + 0.5) / c.width, (k[5] + 0.5) / c.height),
            () if rectified or not any(c.d) else c.d,
            c.model == 'equidistant',
        )

    def focal_pixels(self, size: tuple[int, int]) -> float:
        """Mean focal length in pixels of a picture of this width and height."""
        return (self.focal[0] * size[0] + self.focal[1] * size[1]) / 2

    def rays(self, points: NDArray[np.float64], size: tuple[int, int]) -> NDArray[np.float64]:
        """Return (N, 2) x / z and y / z in the optical frame of pixels (N, 2).

        Args:
            points: Column and row.
            size: Width and height of the picture.
        """
        extent = np.array(size, np.float64)
        rays = ((points + 0.5) / extent - self.centre) / self.focal
        if self.distortion and len(rays):
            undistort = cv2.fisheye.undistortPoints if self.fisheye else cv2.undistortPoints
            bent = rays.reshape(-1, 1, 2)
            rays = undistort(bent, np.eye(3), np.array(self.distortion)).reshape(-1, 2)
        return np.asarray(rays, np.float64)
