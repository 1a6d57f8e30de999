# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch descriptions of the nodes, for the files in ``launch/``.

Imported by launch files only: the ``launch`` packages come with a ROS distribution.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import launch.logging
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from vpr_ros.nodes.launch_arguments import (
    TOPICS,
    LaunchArgument,
    arguments_of,
    is_on,
    unknown_arguments,
    value_of,
)
from vpr_ros.nodes.parameter_fields import parameters_of
from vpr_ros.nodes.parameters import NODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from launch import LaunchContext

_SHARE = FindPackageShare('vpr_ros')
_PARAMETER_FILE = LaunchArgument(
    'params_file', '', 'Parameter file; empty for the one of vpr_ros.'
)
_FILES = {f'{node.removesuffix("_node")}.launch.py' for node in NODES} | {'bag_demo.launch.py'}
_VIEWED = 'markers', 'pose', 'debug_image'
"""Topics below the node's name that the file of RViz shows."""


def node_launch(executable: str) -> LaunchDescription:
    """Return the launch description of one node, with an argument for each parameter and topic."""
    return LaunchDescription(
        [
            *declare(all_arguments(executable)),
            OpaqueFunction(function=lambda context: nodes(context, executable)),
        ]
    )


def all_arguments(*executables: str) -> tuple[LaunchArgument, ...]:
    """Return the arguments of some nodes, each once."""
    found = (argument for name in executables for argument in arguments_of(name))
    unique = {argument.name: argument for argument in (*found, _PARAMETER_FILE)}
    return tuple(unique.values())


def declare(arguments: Iterable[LaunchArgument]) -> list[DeclareLaunchArgument]:
    """Return the actions that declare arguments."""
    return [
        DeclareLaunchArgument(
            one.name,
            default_value=one.default,
            description=one.description,
            choices=list(one.choices) or None,
        )
        for one in arguments
    ]


def nodes(
    context: LaunchContext, executable: str, others: Iterable[LaunchArgument] = ()
) -> list[Node]:
    """Return the actions that start a node and what was asked for beside it.

    Evaluated at launch, so that an empty argument does not override the parameter file.

    Args:
        context: Of the launch.
        executable: Name of the executable, the node and its parameter file.
        others: Arguments that the launch file has beside those of the node.
    """
    known = {one.name for one in (*all_arguments(executable), *others)}
    if _is_asked_for():
        given = {word.partition(':=')[0] for word in context.argv if ':=' in word}
        for text in unknown_arguments(given, known):
            launch.logging.get_logger('vpr_ros').warning(text)

    def argument(name: str) -> str:
        return str(LaunchConfiguration(name).perform(context))

    simulated = is_on(argument('use_sim_time'))
    overrides: dict[str, object] = {'use_sim_time': simulated}
    for parameter in parameters_of(NODES[executable]):
        if text := argument(parameter.name):
            value = value_of(parameter, text)
            # Or launch takes the name 2026 for a number.
            overrides[parameter.name] = ParameterValue(value, value_type=type(parameter.default))
    own_file = PathJoinSubstitution([_SHARE, 'config', f'{executable}.yaml'])
    topics = {name: argument(f'{name}_topic') for name in TOPICS[executable]}
    actions = [
        Node(
            package='vpr_ros',
            executable=executable,
            name=executable,
            namespace=argument('namespace'),
            output='screen',
            emulate_tty=True,
            parameters=[argument('params_file') or own_file, overrides],
            remappings=[
                (name, topic) for name, topic in topics.items() if topic not in ('', name)
            ],
            arguments=['--ros-args', '--log-level', argument('log_level')],
            respawn=is_on(argument('respawn')),
            respawn_delay=2.0,
        )
    ]
    if is_on(argument('rviz')):
        actions.append(_rviz(executable, argument('namespace'), simulated=simulated))
    return actions


def _is_asked_for() -> bool:
    """Tell whether a file of ours was launched, not another that includes it.

    The arguments of that one are its own, and not to be named as unknown.
    """
    return any(Path(word).name in _FILES for word in sys.argv)


def _rviz(executable: str, namespace: str, *, simulated: bool) -> Node:
    inside = f'/{namespace.strip("/")}/{executable}'.replace('//', '/')
    return Node(
        package='rviz2',
        executable='rviz2',
        name='vpr_rviz',
        output='log',
        arguments=['-d', PathJoinSubstitution([_SHARE, 'visualization', 'vpr_ros.rviz'])],
        parameters=[{'use_sim_time': simulated}],
        remappings=[(f'/place_recognition_node/{name}', f'{inside}/{name}') for name in _VIEWED],
    )
