# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bags of a drive, with poses as robots record them: tf, fixes and localisation on motion."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
from pictures import blocks
from rosbags.rosbag2 import StoragePlugin, Writer

from vpr_ros.geometry import Datum, Pose
from vpr_ros.inputs.frames.cdr import types

SECOND = 10**9
START = 1_700_000_000 * SECOND
IMAGE, ODOMETRY = 'sensor_msgs/msg/Image', 'nav_msgs/msg/Odometry'
LOCALISED, FIX = 'geometry_msgs/msg/PoseWithCovarianceStamped', 'sensor_msgs/msg/NavSatFix'
TF = 'tf2_msgs/msg/TFMessage'
ORIGIN = Datum(48.1, 11.6, 500.0)
STORE = types()


def of(kind, *values, **named):
    return STORE.types[kind](*values, **named)


def nanoseconds(seconds):
    return START + round(seconds * SECOND)


def header(seconds, frame):
    return of(
        'std_msgs/msg/Header',
        of('builtin_interfaces/msg/Time', *divmod(nanoseconds(seconds), SECOND)),
        frame,
    )


def image(seconds, frame='camera_optical_frame'):
    rgb = blocks(abs(round(seconds * 1000)))
    height, width = rgb.shape[:2]
    return of(IMAGE, header(seconds, frame), height, width, 'rgb8', 0, 3 * width, rgb.reshape(-1))


def geometry(pose):
    x, y, z, qx, qy, qz, qw = pose.as_array().tolist()
    return of(
        'geometry_msgs/msg/Pose',
        of('geometry_msgs/msg/Point', x, y, z),
        of('geometry_msgs/msg/Quaternion', qx, qy, qz, qw),
    )


def with_covariance(pose):
    return of('geometry_msgs/msg/PoseWithCovariance', geometry(pose), np.zeros(36))


def odometry(seconds, pose, frame='odom'):
    still = of(
        'geometry_msgs/msg/Twist',
        of('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0),
        of('geometry_msgs/msg/Vector3', 0.0, 0.0, 0.0),
    )
    twist = of('geometry_msgs/msg/TwistWithCovariance', still, np.zeros(36))
    return of(ODOMETRY, header(seconds, frame), 'base_link', with_covariance(pose), twist)


def localised(seconds, pose, frame='map'):
    return of(LOCALISED, header(seconds, frame), with_covariance(pose))


def fix(seconds, position):
    place = ORIGIN.point_at(position)
    status = of('sensor_msgs/msg/NavSatStatus', 0, 1)
    return of(FIX, header(seconds, 'gps'), status, place.lat, place.lon, place.alt, np.zeros(9), 0)


def transform(seconds, parent, child, pose):
    x, y, z, qx, qy, qz, qw = pose.as_array().tolist()
    return of(
        'geometry_msgs/msg/TransformStamped',
        header(seconds, parent),
        child,
        of(
            'geometry_msgs/msg/Transform',
            of('geometry_msgs/msg/Vector3', x, y, z),
            of('geometry_msgs/msg/Quaternion', qx, qy, qz, qw),
        ),
    )


def transforms(*each):
    return of(TF, list(each))


def write(path, *messages, storage=StoragePlugin.SQLITE3):
    """Write a bag of (topic, seconds of recording, message), in any order."""
    with Writer(path, version=9, storage_plugin=storage) as writer:
        connections = {}
        for topic, seconds, message in sorted(messages, key=lambda entry: entry[1]):
            kind = message.__msgtype__
            if topic not in connections:
                connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
            raw = STORE.serialize_cdr(message, kind)
            writer.write(connections[topic], nanoseconds(seconds), raw)
    return path


def every(interval, end, begin=0.0):
    """Return the seconds from the beginning to the end, this far apart."""
    return [begin + i * interval for i in range(math.floor((end - begin) / interval + 1e-9) + 1)]


def drive(seconds):
    """Return the true pose of the base: along a bend at a metre a second."""
    return Pose.planar(10 * math.sin(seconds / 10), 10 - 10 * math.cos(seconds / 10), seconds / 10)


def images(end, begin=0.0, **options):
    return [('/image', s, image(s, **options)) for s in every(0.5, end, begin)]


MOUNT = Pose.of((0.3, 0.0, 0.5), (-0.5, 0.5, -0.5, 0.5))
"""Of the optical frame in base_link."""


def correction(seconds):
    """Return odom in map: odometry that drifts."""
    return Pose.planar(2 + 0.02 * seconds, -1.0, 0.3 + 0.002 * seconds)


def tf_messages(
    end,
    *,
    fixed='map',
    odom='odom',
    base='base_link',
    footprint='',
    camera='camera_optical_frame',
    lag=0.0,
    ahead=0.0,
    pose=drive,
):
    """Return tf of a robot: odometry at 20 Hz, localisation at 10 Hz, and static mounts.

    Args:
        lag: Seconds that localisation comes late.
        ahead: Seconds that its stamps are ahead, as AMCL sets them.
        footprint: The frame that odometry moves, if it is not the base.
    """
    moved = footprint or base
    static = [transform(0, base, camera, MOUNT)] if camera else []
    if footprint:
        static.append(transform(0, footprint, base, Pose.of((0, 0, 0.1))))
    messages = [('/tf_static', 0, transforms(*static))] if static else []
    for s in every(0.05, end + 0.1):
        where = pose(s) if not fixed else correction(s).inverse() @ pose(s)
        messages.append(('/tf', s, transforms(transform(s, odom, moved, where))))
    if fixed:
        for s in every(0.1, end + 0.1):
            given = transform(s + ahead, fixed, odom, correction(s + ahead))
            messages.append(('/tf', s + lag, transforms(given)))
    return messages


def as_namespace(value):
    """Return a message whose fields are those of another, as rclpy has it."""
    if hasattr(value, '__dataclass_fields__'):
        return SimpleNamespace(
            **{name: as_namespace(getattr(value, name)) for name in value.__dataclass_fields__}
        )
    return [as_namespace(each) for each in value] if isinstance(value, list) else value
