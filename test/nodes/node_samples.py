# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures, maps and reports for tests of nodes; needs ROS 2."""

from functools import cache

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image

from vpr_ros.describe import Describer
from vpr_ros.geometry import Pose
from vpr_ros.maps import MapWriter, NewPlace

NAME = '/place_recognition_node'
MODEL = 'hog'
"""Quickly loaded; for what does not depend on the model."""
HEIGHT, WIDTH = 48, 64


def picture(seed):
    """A picture like no other: coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return blocks.repeat(8, 0).repeat(8, 1)


def seen_again(rgb, number):
    """The picture as a camera sees it again, in a light that is never quite the same."""
    light = np.random.default_rng(number).integers(-8, 9, (6, 8, 1)).repeat(8, 0).repeat(8, 1)
    return np.clip(rgb + light, 0, 255).astype(np.uint8)


def message(rgb, number, frame_id='camera_optical_frame'):
    image = Image(height=HEIGHT, width=WIDTH, step=WIDTH * 3, encoding='rgb8', data=rgb.tobytes())
    image.header.stamp = Time(sec=number, nanosec=0)
    image.header.frame_id = frame_id
    return image


describer_of = cache(Describer)


def make_map(path, pictures, camera='', thumbnails=(), model=MODEL):
    """Write a map of pictures 100 m apart."""
    describer = describer_of(model)
    with MapWriter.create(path, model=describer.model_info) as place_map:
        session = place_map.begin_session('test', 0)
        for i, description in enumerate(describer.describe(pictures)):
            pose = Pose.planar(100.0 * i, 0, 0)
            thumbnail = thumbnails[i] if thumbnails else None
            place_map.add(
                [NewPlace(description, session, i, pose, camera=camera, thumbnail=thumbnail)]
            )
    return path


class Reports:
    """The latest entry of /diagnostics on each part of a node."""

    def __init__(self, listener):
        self.latest = {}
        listener.node.create_subscription(DiagnosticArray, '/diagnostics', self.take, 10)

    def take(self, array):
        for status in array.status:
            self.latest[status.name.partition(': ')[2]] = status

    def text(self, part):
        return self.latest[part].message if part in self.latest else ''

    def values(self, part):
        return {value.key: value.value for value in self.latest[part].values}
