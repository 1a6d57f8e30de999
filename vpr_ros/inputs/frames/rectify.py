# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Takes the distortion of lenses out of images, by sensor_msgs/CameraInfo."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from vpr_ros.geometry.pinhole import Intrinsics, IntrinsicsError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Rectifier:
    """Undistorts the images of one camera; the maps are made once for each calibration and size.

    Args:
        topic: Topic of its camera_info, named in messages.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._calibration: Intrinsics | None = None
        self._maps: tuple[object, tuple[NDArray[Any], NDArray[Any]]] | None = None

    def learn(self, info: Any) -> None:
        """Take a CameraInfo message; one like the last costs next to nothing.

        Raises:
            IntrinsicsError: It cannot be used; the calibration before stays.
        """
        self._calibration = Intrinsics.of(info)

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the image (H, W, 3) as a camera without distortion would see it.

        Raises:
            IntrinsicsError: No camera_info has come, or it is of images of another shape.
        """
        calibration = self._calibration  # once: another thread may learn meanwhile
        if calibration is None:
            msg = (
                f'images are to be rectified, but no camera_info has come on {self._topic}: '
                'start or remap it, or set rectify to false'
            )
            raise IntrinsicsError(msg)
        key = calibration, rgb.shape
        if self._maps is None or self._maps[0] != key:
            self._maps = key, _maps(calibration, rgb.shape[1], rgb.shape[0])
        return np.asarray(cv2.remap(rgb, *self._maps[1], cv2.INTER_LINEAR), np.uint8)


def _maps(c: Intrinsics, width: int, height: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return where each pixel of the rectified image is found in the raw one, for cv2.remap."""
    scale = _scale(c, width, height)
    k = np.reshape(c.k, (3, 3))
    p = np.reshape(c.p, (3, 4))[:, :3]
    r = np.reshape(c.r, (3, 3)) if any(c.r) else np.eye(3)
    raw, rectified = scale @ k, scale @ (p if any(c.p) else k)
    d, size = np.array(c.d or (0.0,) * 4), (width, height)
    make = cv2.fisheye if c.model == 'equidistant' else cv2
    return tuple(make.initUndistortRectifyMap(raw, d, r, rectified, size, cv2.CV_16SC2))


def _scale(c: Intrinsics, width: int, height: int) -> NDArray[np.float64]:
    """Return the matrix (3, 3) from pixels of the calibrated image to those of the sent one.

    Drivers often scale images down and leave the camera_info as it was; that is seen from the
    sizes, where there is neither binning nor a region of interest.
    """
    x, y = (float(b) for b in c.binning)
    if c.offset == (0, 0) and c.binning == (1, 1):
        x, y = c.width / width, c.height / height
        # Half a pixel may have been rounded off.
        if abs(c.width * height - c.height * width) > max(c.width, c.height):
            msg = (
                f'the camera_info is of images of {c.width} x {c.height} pixels, but they are '
                f'{width} x {height}: it is of another camera, or of another mode of it'
            )
            raise IntrinsicsError(msg)
    # Pixel centres are whole numbers, so that edges are at halves.
    return np.array(
        [
            [1 / x, 0, (0.5 - c.offset[0]) / x - 0.5],
            [0, 1 / y, (0.5 - c.offset[1]) / y - 0.5],
            [0, 0, 1],
        ]
    )
