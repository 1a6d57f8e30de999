# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A traverse of easily told places as a bag, and a describer that tells them apart at once."""

from __future__ import annotations

import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer

from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.frames.cdr import types
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.mapping import KeyframeConfig, MapBuilder
from vpr_ros.maps import MapWriter
from vpr_ros.types import Description, ModelInfo

SECOND = 10**9
IMAGE, ODOMETRY, FIX = (
    'sensor_msgs/msg/Image',
    'nav_msgs/msg/Odometry',
    'sensor_msgs/msg/NavSatFix',
)
PLACES = 12
SIZE = 16
INFO = ModelInfo('sample', 'untrained-seed-0', SIZE * SIZE, 64, f'grey {SIZE}', trained=False)


class SampleDescriber:
    """Takes the pixels themselves, less their mean, for the descriptor."""

    model_info = INFO

    def __init__(self, model='sample', **_):
        assert model == 'sample'

    def describe(self, images):
        return [self._describe(image) for image in images]

    def _describe(self, image):
        flat = image[..., 0].astype(np.float32).ravel()
        flat -= flat.mean()
        return Description(flat / np.linalg.norm(flat), np.packbits(flat[:64] > 0))


def look(place, noise=0):
    """Return the picture of a place, with some noise on it."""
    blocks = np.random.default_rng(place).integers(40, 200, (SIZE // 2, SIZE // 2))
    picture = blocks.repeat(2, 0).repeat(2, 1)
    rng = np.random.default_rng([place, noise])
    return np.clip(picture + noise * rng.normal(size=picture.shape), 0, 255).astype(np.uint8)


def write_traverse(path, pictures, positions, *, damaged=(), fixes=False):
    """Write a bag with one picture and one odometry message (or fix) a second."""
    store = types()
    kinds = store.types

    def header(i):
        return kinds['std_msgs/msg/Header'](kinds['builtin_interfaces/msg/Time'](i + 1, 0), 'map')

    pose_type = FIX if fixes else ODOMETRY
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        images = writer.add_connection('/image', IMAGE, typestore=store)
        odom = writer.add_connection('/odom', pose_type, typestore=store)
        for i, (picture, x) in enumerate(zip(pictures, positions, strict=True)):
            height, width = picture.shape
            step = 7 if i in damaged else width
            image = kinds[IMAGE](header(i), height, width, 'mono8', 0, step, picture.ravel())
            make = _fix if fixes else _odometry
            time = (i + 1) * SECOND
            writer.write(odom, time, store.serialize_cdr(make(kinds, header(i), x), pose_type))
            writer.write(images, time, store.serialize_cdr(image, IMAGE))
    return path


def _odometry(kinds, header, x):
    geometry = 'geometry_msgs/msg/'
    vector, zeros = kinds[geometry + 'Vector3'](0.0, 0.0, 0.0), np.zeros(36)
    pose = kinds[geometry + 'Pose'](
        kinds[geometry + 'Point'](float(x), 0.0, 0.0),
        kinds[geometry + 'Quaternion'](0.0, 0.0, 0.0, 1.0),
    )
    return kinds[ODOMETRY](
        header,
        'base_link',
        kinds[geometry + 'PoseWithCovariance'](pose, zeros),
        kinds[geometry + 'TwistWithCovariance'](kinds[geometry + 'Twist'](vector, vector), zeros),
    )


def _fix(kinds, header, x):
    status = kinds['sensor_msgs/msg/NavSatStatus'](0, 1)
    return kinds[FIX](header, status, 50.0, 8.0 + 1e-5 * float(x), 100.0, np.zeros(9), 0)


def build_map(path, bag_path):
    """Map every frame of a traverse."""
    with MapWriter.create(path, INFO) as place_map, Bag(bag_path) as bag:
        builder = MapBuilder(
            place_map, SampleDescriber(), KeyframeConfig(distance=0.1), session='day', thumbnails=0
        )
        topics = choose_topics(bag)
        for frame, reading in replay_frames(bag, topics.image.name, topics.pose.name):
            builder.offer(frame, reading)
    return path
