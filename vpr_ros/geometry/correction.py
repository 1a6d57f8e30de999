# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The transform between the frame of a map and that of odometry, which places correct."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vpr_ros.geometry.pose import Pose

_SMOOTHING = 1.0
"""Seconds in which a smooth correction comes closer by a factor e."""
_GLIDES = 100.0
"""Metres; no robot is controlled along a farther correction, which would glide for a minute."""


class Correction:
    """Follows the odometry's frame in that of the map (REP 105: map → odom).

    Args:
        smooth: Whether it glides to each new value, so that controllers see no jump; the first
            one, and one that is far away, is taken at once.
    """

    def __init__(self, *, smooth: bool) -> None:
        self._smooth = smooth
        self._wanted: Pose | None = None
        self._value: Pose | None = None

    def correct(self, pose: Pose, odometry: Pose) -> None:
        """Take a recognised place into account.

        Args:
            pose: Of the base in the map.
            odometry: Of the base in the frame of the odometry at the same moment.

        Raises:
            ValueError: They are impossibly far apart; nothing is corrected.
        """
        self._wanted = pose @ odometry.inverse()
        if (
            self._value is None
            or not self._smooth
            or self._value.distance_to(self._wanted) > _GLIDES
        ):
            self._value = self._wanted

    def after(self, seconds: float) -> Pose | None:
        """Return the odometry's frame in that of the map, None before the first place.

        Args:
            seconds: Since this was asked last.
        """
        if self._value is not None and self._wanted is not None:
            part = -math.expm1(-max(seconds, 0.0) / _SMOOTHING)
            self._value = self._value.interpolate(self._wanted, part)
        return self._value
