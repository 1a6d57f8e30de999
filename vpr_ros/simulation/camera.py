# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The pinhole camera of the simulated robot and where it sits on the robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class SimulatedCamera:
    """Intrinsics of an ideal pinhole camera and its mounting on ``base_link``.

    Attributes:
        width: Pixels in a row.
        height: Pixels in a column.
        field_of_view: Horizontal, radians.
        forward: Metres of the camera ahead of ``base_link``.
        elevation: Metres of the camera above ``base_link``, which is on the ground.
        tilt: Upward pitch, radians.
    """

    width: int = 320
    height: int = 240
    field_of_view: float = np.deg2rad(78.0)
    forward: float = 0.4
    elevation: float = 1.5
    tilt: float = np.deg2rad(6.0)

    @property
    def focal(self) -> float:
        """Focal length, pixels, equal in both directions."""
        return float(self.width / 2 / np.tan(self.field_of_view / 2))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The (3, 3) matrix K of pixels from optical coordinates; pixel centres are integers."""
        cx, cy = (self.width - 1) / 2, (self.height - 1) / 2
        return np.array([[self.focal, 0, cx], [0, self.focal, cy], [0, 0, 1.0]])

    @property
    def mounting(self) -> Pose:
        """The optical frame in ``base_link``."""
        pitch = -self.tilt
        up = Pose.of(
            (self.forward, 0.0, self.elevation), (0, np.sin(pitch / 2), 0, np.cos(pitch / 2))
        )
        return up @ OPTICAL_ROTATION

    def supersampled(self, factor: int) -> NDArray[np.float64]:
        """Return K of the same view with every pixel split into factor x factor."""
        # Pixel centres move by half a pixel: x' = (x + 1/2) factor - 1/2.
        shift = (factor - 1) / 2
        split = np.array([[factor, 0, shift], [0, factor, shift], [0, 0, 1.0]])
        return split @ self.matrix
