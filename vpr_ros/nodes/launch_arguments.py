# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments of the launch files, from the table of parameters.

This module does not import the launch packages, so that the arguments are tested without them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.nodes.parameter_fields import Parameter, parameters_of
from vpr_ros.nodes.parameters import NODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vpr_ros.nodes.parameter_fields import Value

_IMAGE = {
    'image': 'Camera images (raw, or compressed under <topic>/compressed).',
    'camera_info': 'sensor_msgs/CameraInfo; empty for the camera_info beside the images.',
}
_POSES = {
    'odom': 'nav_msgs/Odometry, for pose_source odometry.',
    'pose': 'Poses, for pose_source pose or pose_with_covariance.',
    'fix': 'sensor_msgs/NavSatFix, for pose_source fix.',
}
TOPICS = {
    'place_recognition_node': {
        **_IMAGE,
        'odom': 'nav_msgs/Odometry, for use_odometry.',
        'fix': 'sensor_msgs/NavSatFix, for fix_gate.',
    },
    'map_builder_node': {**_IMAGE, **_POSES},
    'loop_closure_node': {**_IMAGE, **_POSES},
}
"""Input topics of each node, with their descriptions."""

SWITCH = 'true', 'false', 'True', 'False'
"""Both are usual on command lines of ROS."""


@dataclass(frozen=True)
class LaunchArgument:
    """An argument of a launch file.

    Attributes:
        name: As in ``name:=value``.
        default: Empty leaves a parameter to the parameter file.
        description: One sentence.
        choices: All values allowed; any if empty.
    """

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()


_COMMON = (
    LaunchArgument('namespace', '', 'Namespace of the node and of its relative topics.'),
    LaunchArgument(
        'use_sim_time', 'false', 'Take the time from /clock (simulation, bag replay).', SWITCH
    ),
    LaunchArgument('log_level', 'info', 'debug, info, warn, error or fatal.'),
    LaunchArgument('respawn', 'true', 'Start the node again if it dies.', SWITCH),
    LaunchArgument('rviz', 'false', 'Show the map and the answers in RViz.', SWITCH),
)


def arguments_of(executable: str) -> tuple[LaunchArgument, ...]:
    """Return the arguments of the launch file of a node, but for its parameter file."""
    topics = (
        LaunchArgument(f'{name}_topic', '' if name == 'camera_info' else name, text)
        for name, text in TOPICS[executable].items()
    )
    return (*_COMMON, *topics, *map(_argument, parameters_of(NODES[executable])))


def _argument(known: Parameter) -> LaunchArgument:
    unit = f' [{known.unit}]' if known.unit else ''
    text = f'{known.description.rstrip(".")}{unit}; by default {_shown(known.default)}.'
    choices = SWITCH if isinstance(known.default, bool) else known.choices
    return LaunchArgument(known.name, '', text, ('', *choices) if choices else ())


def _shown(value: Value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if value != '' else 'empty'


def is_on(text: str) -> bool:
    """Return whether an argument that is true or false is true."""
    return text.lower() == 'true'


def value_of(known: Parameter, text: str) -> Value:
    """Return the value of a parameter that an argument gives.

    Raises:
        ValueError: It is not one of the parameter's; the text says what is.
    """
    kind = type(known.default)
    try:
        value: Value = is_on(text) if kind is bool else kind(text)
    except ValueError:
        msg = f'{known.name}:={text} is no {known.type}'
        raise ValueError(msg) from None
    if fault := known.fault(value):
        raise ValueError(fault)
    return value


def unknown_arguments(given: Iterable[str], known: Iterable[str]) -> list[str]:
    """Return a sentence for each argument that a launch file does not have."""
    names = sorted(known)
    found = []
    for name in sorted(set(given) - set(names)):
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f'did you mean {near[0]}?' if near else '`ros2 launch` shows those that there are'
        found.append(f'there is no argument {name}, so it has no effect: {hint}')
    return found
