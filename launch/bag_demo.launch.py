# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Play a bag into the place recognition node; with build_map, into the map builder instead."""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    RegisterEventHandler,
    Shutdown,
)
from launch.conditions import IfCondition, UnlessCondition
from launch.event_handlers import OnProcessExit
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare


def generate_launch_description():
    image = LaunchConfiguration('image_topic')
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

    def include(name, condition):
        file = PathJoinSubstitution([FindPackageShare('vpr_ros'), 'launch', f'{name}.launch.py'])
        arguments = {
            'map_path': LaunchConfiguration('map_path'),
            'image_topic': image,
            'odom_topic': LaunchConfiguration('odom_topic'),
            'use_sim_time': 'true',
            'respawn': 'false',
        }
        return IncludeLaunchDescription(
            file, launch_arguments=arguments.items(), condition=condition
        )

    build_map = LaunchConfiguration('build_map')
    return LaunchDescription(
        [
            DeclareLaunchArgument('bag', description='Folder of the rosbag2.'),
            DeclareLaunchArgument('map_path', description='File of the place map.'),
            DeclareLaunchArgument(
                'build_map',
                default_value='false',
                description='Build the map from the bag instead of using it.',
            ),
            DeclareLaunchArgument(
                'image_topic',
                default_value='/camera/image_raw',
                description='Camera topic of the bag, without /compressed.',
            ),
            DeclareLaunchArgument(
                'odom_topic',
                default_value='/odom',
                description='Odometry topic of the bag.',
            ),
            DeclareLaunchArgument('rate', default_value='1.0', description='Speed of the replay.'),
            include('map_builder', IfCondition(build_map)),
            include('place_recognition', UnlessCondition(build_map)),
            player,
            RegisterEventHandler(OnProcessExit(target_action=player, on_exit=[Shutdown()])),
        ]
    )
