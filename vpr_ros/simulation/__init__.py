# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Synthetic towns, parks and buildings: traverses with exact poses, as images or as rosbag2."""

from vpr_ros.simulation.bag_writer import DATUM, write_bag
from vpr_ros.simulation.camera import SimulatedCamera
from vpr_ros.simulation.conditions import Conditions, ConditionsError
from vpr_ros.simulation.town import Layout, RenderedFrame, Route, Town, Traverse

__all__ = [
    'DATUM',
    'Conditions',
    'ConditionsError',
    'Layout',
    'RenderedFrame',
    'Route',
    'SimulatedCamera',
    'Town',
    'Traverse',
    'write_bag',
]
