# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Camera intrinsics: from pixels to directions, for pictures of any size."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COEFFICIENTS = {
    'plumb_bob': (4, 5),
    'rational_polynomial': (8, 12, 14),
    'equidistant': (4,),
}
"""Distortion models of sensor_msgs/distortion_models, and how many coefficients each may have."""


class IntrinsicsError(VprError):
    """A camera_info that is missing, holds no calibration, or is of another camera."""


@dataclass(frozen=True)
class Intrinsics:
    """The camera intrinsics in a sensor_msgs/CameraInfo; see there. Compares by content.

    Attributes:
        width: Width of the calibrated image, pixels.
        height: Height of the calibrated image, pixels.
        model: Of the distortion.
        d: Coefficients of the distortion.
        k: Camera matrix, row-major, of the raw image.
        r: Rotation from the camera to the rectified camera, row-major; zeros for none.
        p: Projection (3, 4) of the rectified image, row-major; zeros for that of the raw image.
        offset: Column and row of the calibrated image where the sent one begins (`roi`).
        binning: Calibrated pixels that make one sent pixel, in x and y.
    """

    width: int
    height: int
    model: str
    d: tuple[float, ...]
    k: tuple[float, ...]
    r: tuple[float, ...]
    p: tuple[float, ...]
    offset: tuple[int, int] = (0, 0)
    binning: tuple[int, int] = (1, 1)

    @staticmethod
    def of(info: Any) -> Intrinsics:
        """Read a CameraInfo message, of rclpy or rosbags.

        Raises:
            IntrinsicsError: It holds no calibration, or one of an unknown kind.
        """
        d, k, r, p = (tuple(float(x) for x in getattr(info, name)) for name in 'dkrp')
        if not (np.isfinite((*d, *k, *r, *p)).all() and k[0] > 0 and k[4] > 0):
            msg = (
                'the camera_info holds no calibration (its focal length is not positive): '
                'calibrate the camera, or set rectify to false'
            )
            raise IntrinsicsError(msg)
        model = info.distortion_model or 'plumb_bob'
        if model not in _COEFFICIENTS:
            msg = (
                f'the distortion model {model!r:.40} of the camera_info is not known: '
                f'{", ".join(_COEFFICIENTS)} are; rectify the images before'
            )
            raise IntrinsicsError(msg)
        if d and len(d) not in _COEFFICIENTS[model]:
            msg = f'the camera_info has {len(d)} coefficients of distortion, wrong for {model}'
            raise IntrinsicsError(msg)
        return Intrinsics(
            info.width,
            info.height,
            model,
            d,
            k,
            r,
            p,
            (info.roi.x_offset, info.roi.y_offset),
            (max(info.binning_x, 1), max(info.binning_y, 1)),
        )


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
    def of(calibration: Intrinsics, *, rectified: bool = False) -> Pinhole:
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
