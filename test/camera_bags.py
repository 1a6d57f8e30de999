# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A drive of a robot with two cameras, as a bag."""

from __future__ import annotations

import numpy as np
from pictures import blocks
from rosbags.rosbag2 import StoragePlugin, Writer

from vpr_ros.inputs.frames.cdr import types

IMAGE, ODOMETRY = 'sensor_msgs/msg/Image', 'nav_msgs/msg/Odometry'
TRANSFORMS = 'tf2_msgs/msg/TFMessage'
MS = 10**6
START = 1_700_000_000_000 * MS


def write_drive(path, topics=('/front/image_raw', '/rear/image_raw'), seconds=3, mounts=()):
    """Write a drive along x at 1 m/s: poses at 20 Hz, and five images a second of each camera.

    The cameras are not triggered together: each is 30 ms later than the one before. Mounts are
    said by static transforms.
    """
    store = types()
    kinds = store.types

    def header(stamp, frame):
        time = kinds['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9)
        return kinds['std_msgs/msg/Header'](time, frame)

    def odometry(stamp):
        geometry = 'geometry_msgs/msg/'
        vector, zeros = kinds[geometry + 'Vector3'](0.0, 0.0, 0.0), np.zeros(36)
        pose = kinds[geometry + 'Pose'](
            kinds[geometry + 'Point']((stamp - START) / 1e9, 0.0, 0.0),
            kinds[geometry + 'Quaternion'](0.0, 0.0, 0.0, 1.0),
        )
        return kinds[ODOMETRY](
            header(stamp, 'odom'),
            'base_link',
            kinds[geometry + 'PoseWithCovariance'](pose, zeros),
            kinds[geometry + 'TwistWithCovariance'](
                kinds[geometry + 'Twist'](vector, vector), zeros
            ),
        )

    def image(stamp, camera, number):
        data = blocks(100 * camera + number, 48, 64).ravel()
        return kinds[IMAGE](header(stamp, f'camera_{camera}'), 48, 64, 'rgb8', 0, 192, data)

    messages = [
        (START + i * 50 * MS, '/odom', odometry(START + i * 50 * MS))
        for i in range(20 * seconds + 5)
    ]
    for camera, topic in enumerate(topics):
        for i in range(5 * seconds):
            stamp = START + (i * 200 + 30 * camera) * MS
            messages.append((stamp, topic, image(stamp, camera, i)))
    if mounts:
        geometry = 'geometry_msgs/msg/'
        transforms = [
            kinds[geometry + 'TransformStamped'](
                header(START, 'base_link'),
                f'camera_{camera}',
                kinds[geometry + 'Transform'](
                    kinds[geometry + 'Vector3'](*mount.position.tolist()),
                    kinds[geometry + 'Quaternion'](*mount.orientation.tolist()),
                ),
            )
            for camera, mount in enumerate(mounts)
        ]
        messages.append((START, '/tf_static', kinds[TRANSFORMS](transforms)))
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {
            topic: writer.add_connection(topic, kind, typestore=store)
            for topic, kind in {
                **dict.fromkeys(topics, IMAGE),
                '/odom': ODOMETRY,
                **({'/tf_static': TRANSFORMS} if mounts else {}),
            }.items()
        }
        for time, topic, message in sorted(messages, key=lambda entry: entry[0]):
            connection = connections[topic]
            raw = store.serialize_cdr(message, connection.msgtype)
            writer.write(connection, time + MS, raw)
    return path
