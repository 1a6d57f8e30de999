# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses, cameras and points on Earth; independent of images, maps and ROS."""

from vpr_ros.geometry.geodesy import Datum, GeoPoint
from vpr_ros.geometry.pose import Pose

__all__ = ['Datum', 'GeoPoint', 'Pose']
