# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small bags for the tests."""

from __future__ import annotations

from rosbags.interfaces import (
    Qos,
    QosDurability,
    QosHistory,
    QosLiveliness,
    QosReliability,
    QosTime,
)
from rosbags.rosbag2 import StoragePlugin, Writer

from vpr_ros.inputs.frames.cdr import types

SECOND = 10**9
STORE = types()
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
ODOMETRY, FIX = 'nav_msgs/msg/Odometry', 'sensor_msgs/msg/NavSatFix'
LATCHED = Qos(
    QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL,
    QosTime(0, 0), QosTime(0, 0), QosLiveliness.AUTOMATIC, QosTime(0, 0),
    avoid_ros_namespace_conventions=False,
)  # fmt: skip


def header(time):
    stamp = STORE.types['builtin_interfaces/msg/Time'](time // SECOND, time % SECOND)
    return STORE.types['std_msgs/msg/Header'](stamp, 'frame')


def point(time, kind='geometry_msgs/msg/PointStamped'):
    position = STORE.types['geometry_msgs/msg/Point'](1.0, 2.0, 3.0)
    return STORE.types[kind](header(time), position)


def write_bag(path, topics, times=range(0, SECOND, SECOND // 10), storage='mcap', qos=()):
    """Write a bag whose topics ({name: type}) all carry a PointStamped's bytes at all times."""
    plugin = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage]
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        connections = [
            writer.add_connection(
                name,
                kind,
                typestore=STORE,
                offered_qos_profiles=list(qos) if 'latched' in name else [],
            )
            for name, kind in topics.items()
        ]
        for time in times:
            raw = STORE.serialize_cdr(point(time), 'geometry_msgs/msg/PointStamped')
            for connection in connections:
                writer.write(connection, time, raw)
    return path
