# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads the robot's pose from messages; the registry of the types of messages that give one.

A module of this package registers the types that it lists in ``FORMATS``; another package
registers its own with an entry point of the group ``vpr_ros.pose_formats``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from vpr_ros.errors import VprError
from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.poses.fix_agreement import MAX_SPAN, Fix, FixAgreement, separation
from vpr_ros.inputs.poses.pose_reading import (
    PoseReading,
    base_of,
    base_of_antenna,
    unknown_rotation,
)
from vpr_ros.registries import Registry, entries_of
from vpr_ros.stamps import from_time

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.geometry import GeoPoint


class PoseReadingError(VprError):
    """A pose message without a usable pose."""


@dataclass(frozen=True)
class FixLimits:
    """Which GNSS fixes are accepted.

    Attributes:
        min_status: Least sensor_msgs/NavSatStatus: 0 any fix, 1 with satellite-based, 2 with
            ground-based augmentation (as RTK receivers report).
        max_sigma: Greatest horizontal standard deviation, metres, of fixes that state one; 0 for
            any.
    """

    min_status: int = 0
    max_sigma: float = 10.0


@dataclass(frozen=True)
class PoseFormat:
    """A type of message, with a header, that gives the pose of the robot.

    Attributes:
        name: Value of the nodes' parameter ``pose_source``.
        typename: For example ``nav_msgs/msg/Odometry``; of the standard packages, for bags.
        read: Returns the pose or the position on Earth of a message (of rclpy or rosbags), and the
            covariance (6, 6), or (3, 3) of a position, None where it is unknown. Raises ValueError
            or PoseReadingError where the message has none.
        topic: Name of the topic that nodes subscribe to.
        geodetic: Whether it gives positions on Earth. Types that do not are preferred in bags.
    """

    name: str
    typename: str
    read: Callable[[Any, FixLimits], tuple[Pose | GeoPoint, NDArray[np.float64] | None]]
    topic: str = 'pose'
    geodetic: bool = False


POSE_FORMATS: Registry[PoseFormat] = Registry(
    'vpr_ros.pose_formats', lambda: entries_of(__package__, 'FORMATS')
)
"""Types of messages that give the pose of the robot, by name."""


def pose_types() -> tuple[str, ...]:
    """Return the types of messages that give poses, preferred first."""
    formats = sorted(POSE_FORMATS.values(), key=lambda form: form.geodetic)
    return tuple(form.typename for form in formats)


def pose_format(typename: str) -> PoseFormat:
    """Return how a type of message is read.

    Raises:
        PoseReadingError: Messages of this type give no pose.
    """
    for form in POSE_FORMATS.values():
        if form.typename == typename:
            return form
    msg = f'{typename} gives no pose; a pose source is one of {", ".join(pose_types())}'
    raise PoseReadingError(msg)


class PoseSource:
    """Reads pose messages of one type; GNSS fixes become poses in the ENU frame of a datum.

    Args:
        typename: Type of the messages, see ``POSE_FORMATS``.
        datum: Origin of the ENU frame; None lets the first fix that later ones agree with set it.
            Only for fixes.
        mount: Pose in the base frame of the sensor that the messages are about (an antenna, a
            camera); None where they are about the base itself.
        limits: Which fixes are accepted.

    Raises:
        PoseReadingError: Messages of this type give no pose.
    """

    def __init__(
        self,
        typename: str,
        datum: Datum | None = None,
        mount: Pose | None = None,
        limits: FixLimits | None = None,
    ) -> None:
        self._format = pose_format(typename)
        self.datum = datum
        self._mount = mount
        self._limits = limits or FixLimits()
        self._fixes = FixAgreement()
        self._altitude: float | None = math.nan

    def read(self, message: Any) -> list[PoseReading]:
        """Return the poses of the base that are known after a message (of rclpy or rosbags).

        Fixes wait until they agree with each other, see ``FixAgreement``.

        Raises:
            PoseReadingError: Values that are not finite or impossible, a zero quaternion, or a fix
                without position, beyond the limits or too far from the datum for any session.
        """
        try:
            return self._read(message)
        except ValueError as error:
            raise PoseReadingError(str(error)) from error

    def _read(self, message: Any) -> list[PoseReading]:
        stamp = from_time(message.header.stamp)
        where, covariance = self._format.read(message, self._limits)
        if not isinstance(where, Pose):
            self._check_span(where)
            return self._located(self._fixes.add(Fix(stamp, where, covariance)))
        reading = PoseReading(stamp, where, covariance, frame=str(message.header.frame_id))
        return [reading if self._mount is None else base_of(reading, self._mount)]

    def finish(self) -> list[PoseReading]:
        """Return the poses that were held back, when no more messages will come."""
        return self._located(self._fixes.finish())

    @property
    def fault(self) -> str:
        """Why messages give no poses now, in words; empty if they do."""
        return self._fixes.fault

    def restart(self, datum: Datum | None) -> None:
        """Begin anew with this datum."""
        self.datum, self._fixes, self._altitude = datum, FixAgreement(), math.nan

    def _check_span(self, point: GeoPoint) -> None:
        if self.datum is not None and (metres := separation(self.datum, point)) > MAX_SPAN:
            msg = (
                f'the fix lies {metres / 1e3:.0f} km from the datum of the map (latitude '
                f'{self.datum.lat:.5f}, longitude {self.datum.lon:.5f}), which no session spans: '
                'make a new map there'
            )
            raise PoseReadingError(msg)

    def _located(self, fixes: list[Fix]) -> list[PoseReading]:
        """Return the poses of the base in the frame of the datum, which the first fix may set."""
        readings = []
        for fix in fixes:
            if self.datum is None:
                altitudes = [one.point.alt for one in fixes if not math.isnan(one.point.alt)]
                self._altitude = altitudes[0] if altitudes else None
                self.datum = Datum.at(self._with_height(fix.point))
            pose = Pose.of(self.datum.position_of(self._with_height(fix.point)))
            reading = PoseReading(fix.stamp, pose, unknown_rotation(fix.covariance), fix.point)
            if self._mount is not None:
                reading = base_of_antenna(reading, self._mount.position)
            readings.append(reading)
        return readings

    def _with_height(self, point: GeoPoint) -> GeoPoint:
        """Return a position with its height, else that of the one before.

        Where the first ones had none, the datum has none, and those of others mean nothing.
        """
        if self._altitude is None:
            return replace(point, alt=math.nan)
        if math.isnan(point.alt):
            return replace(point, alt=self._altitude)
        self._altitude = point.alt
        return point
