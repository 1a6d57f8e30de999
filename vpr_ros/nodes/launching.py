# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The launch description of one node, for the files in ``launch/``.

Imported by launch files only: the ``launch`` packages come with a ROS distribution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
        executable: Name of the executable, the node and its parameter file.
        topics: Descriptions of input topics; each becomes an argument ``<name>_topic``.
        parameters: Descriptions of parameters that become arguments; an empty argument leaves the
            value to the parameter file.
    """
    parameter_file = PathJoinSubstitution(
        [FindPackageShare('vpr_ros'), 'config', f'{executable}.yaml']
    )
    arguments = {
        **_COMMON,
        'params_file': (parameter_file, 'Parameter file.'),
        **{f'{name}_topic': (name, text) for name, text in topics.items()},
        **{name: ('', text) for name, text in parameters.items()},
    }

    def make_node(context: LaunchContext) -> list[Node]:
        # Evaluated at launch, so that an empty argument does not override the file.
        def argument(name: str) -> str:
            return str(LaunchConfiguration(name).perform(context))

        overrides = {name: _typed(argument(name)) for name in parameters if argument(name)}
        overrides['use_sim_time'] = argument('use_sim_time').lower() in ('true', '1')
        remapped = {name: argument(f'{name}_topic') for name in topics}
        return [
            Node(
                package='vpr_ros',
                executable=executable,
                name=executable,
                namespace=argument('namespace'),
                output='screen',
                emulate_tty=True,
                parameters=[argument('params_file'), overrides],
                remappings=[(name, topic) for name, topic in remapped.items() if topic != name],
                arguments=['--ros-args', '--log-level', argument('log_level')],
                respawn=argument('respawn').lower() in ('true', '1'),
                respawn_delay=2.0,
            )
        ]

    declared = [
        DeclareLaunchArgument(name, default_value=default, description=text)
        for name, (default, text) in arguments.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=make_node)])


def _typed(text: str) -> str | bool:
    return text == 'true' if text in ('true', 'false') else text
