# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Play a bag into the place recognition node; with build_map, into the map builder instead."""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration

from vpr_ros.nodes.launch_arguments import SWITCH, LaunchArgument, is_on
from vpr_ros.nodes.launching import all_arguments, declare, nodes

NODES = 'place_recognition_node', 'map_builder_node'
OWN = (
    LaunchArgument(
        'build_map', 'false', 'Build the map from the bag instead of using it.', SWITCH
    ),
    LaunchArgument('rate', '1.0', 'Speed of the replay.'),
)
DEFAULTS = {
    'image_topic': '/camera/image_raw',
    'odom_topic': '/odom',
    'use_sim_time': 'true',
    'respawn': 'false',
}


def generate_launch_description():
    arguments = [
        LaunchArgument(one.name, DEFAULTS.get(one.name, one.default), one.description, one.choices)
        for one in (*OWN, *all_arguments(*NODES))
    ]
    bag = LaunchArgument('bag', '', 'The bag: a folder or a file.')

    def start(context):
        builds = is_on(LaunchConfiguration('build_map').perform(context))
        return nodes(context, NODES[builds], [bag, *arguments])

    player = ExecuteProcess(
        cmd=[
            'vpr',
            'bag',
            'play',
            LaunchConfiguration('bag'),
            '--clock',
            '--wait-for-subscribers',
            '1',
            '--rate',
            LaunchConfiguration('rate'),
        ],
        output='screen',
    )
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', description=bag.description),
            *declare(arguments),
            OpaqueFunction(function=start),
            player,
            RegisterEventHandler(OnProcessExit(target_action=player, on_exit=[Shutdown()])),
        ]
    )
