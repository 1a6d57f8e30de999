# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One node as a launch description; the files in ``launch/`` say which.

Imported by launch files only: the ``launch`` packages belong to a ROS distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from launch import LaunchContext

_COMMON = {
    'namespace': ('', 'Namespace of the node and of its relative topics.'),
    'use_sim_time': ('false', 'Take the time from /clock (simulation, bag replay).'),
    'log_level': ('info', 'debug, info, warn, error or fatal.'),
    'respawn': ('true', 'Start the node again if it dies.'),
}


def node_launch(
    executable: str, topics: Mapping[str, str], parameters: Mapping[str, str]
) -> LaunchDescription:
    """Return a launch description of one node of this package.

    Args:
        executable: The node's executable, which is also its name and its parameter file's.
        topics: Input topics, each an argument ``<name>_topic``, with their descriptions.
        parameters: Parameters worth an argument of their own, with their descriptions; empty means
            that the parameter file decides.
    """
    parameter_file = PathJoinSubstitution(
        [FindPackageShare('vpr_ros'), 'config', f'{executable}.yaml']
    )
    arguments = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in _COMMON.items()
    ]
    arguments += [
        DeclareLaunchArgument(
            'params_file', default_value=parameter_file, description='Parameter file.'
        )
    ]
    arguments += [
        DeclareLaunchArgument(f'{name}_topic', default_value=name, description=text)
        for name, text in topics.items()
    ]
    arguments += [
        DeclareLaunchArgument(name, default_value='', description=text)
        for name, text in parameters.items()
    ]

    def make_node(context: LaunchContext) -> list[Node]:
        # Evaluated when launched, so that an argument left empty does not override the file.
        def argument(name: str) -> str:
            return str(LaunchConfiguration(name).perform(context))

        given = {name: _typed(argument(name)) for name in parameters if argument(name)}
        overrides: dict[str, Any] = {
            **given,
            'use_sim_time': argument('use_sim_time').lower() in ('true', '1'),
        }
        remappings = []
        for name in topics:
            topic = argument(f'{name}_topic')
            if topic != name:
                remappings.append((name, topic))
        return [
            Node(
                package='vpr_ros',
                executable=executable,
                name=executable,
                namespace=argument('namespace'),
                output='screen',
                emulate_tty=True,
                parameters=[argument('params_file'), overrides],
                remappings=remappings,
                arguments=['--ros-args', '--log-level', argument('log_level')],
                respawn=argument('respawn').lower() in ('true', '1'),
                respawn_delay=2.0,
            )
        ]

    return LaunchDescription([*arguments, OpaqueFunction(function=make_node)])


def _typed(text: str) -> str | bool:
    return text == 'true' if text in ('true', 'false') else text
