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


_LARGEST = 2**16
"""Pixels of a side that no image has."""
_SHORTEST, _LONGEST = 0.01, 1000.0
"""Focal lengths of lenses, as shares of the sides of the image."""
_OUTSIDE = 10.0
"""Sides of the image beyond which no principal point lies."""
_GREATEST = 1e6
"""No coefficient is greater; those of rational polynomials can be thousands."""


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
            IntrinsicsError: It holds no calibration, one of an unknown kind, or one of no camera.
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
        read = Intrinsics(
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
        if fault := read.fault:
            msg = f'the camera_info is of no camera: {fault}'
            raise IntrinsicsError(msg)
        return read

    @property
    def fault(self) -> str:
        """What no camera has, in words; empty where all can be. The numbers must be finite."""
        size = self.width, self.height
        if not all(1 <= side < _LARGEST for side in size):
            return f'images of {size[0]} x {size[1]} pixels'
        rectified = self.p[:3] + self.p[4:7] if any(self.p) else self.k
        rotation = np.reshape(self.r, (3, 3))
        faults = {
            'k is not that of images of its size': not _fits(self.k, size),
            'p is not that of images of its size': not _fits(rectified, size),
            'd has a coefficient that is too large': max(map(abs, self.d), default=0) > _GREATEST,
            'r is no rotation': rotation.any() and not _turns(rotation),
            'its region of interest is outside of the image': self.offset[0] >= size[0]
            or self.offset[1] >= size[1],
            'its binning is larger than the image': max(self.binning) > min(size),
        }
        return next((text for text, wrong in faults.items() if wrong), '')


def _turns(m: NDArray[np.float64]) -> bool:
    """Return whether a matrix (3, 3) is orthogonal, rounding aside."""
    return bool(np.abs(m).max() < 2) and np.allclose(m @ m.T, np.eye(3), atol=0.01)


def _fits(m: tuple[float, ...], size: tuple[int, int]) -> bool:
    """Return whether a camera matrix, of which rows of 3 are given, can be that of images."""
    axes = (m[0], m[2], size[0]), (m[4], m[5], size[1])
    return max(map(abs, m)) <= _GREATEST * max(size) and all(
        _SHORTEST <= focal / side <= _LONGEST and abs(centre / side) <= _OUTSIDE
        for focal, centre, side in axes
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
