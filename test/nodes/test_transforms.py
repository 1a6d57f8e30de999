# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Poses from tf over real DDS: the map is that of the bag with the same messages."""

from __future__ import annotations

import numpy as np
import pytest
from pose_bags import (
    STORE,
    drive,
    every,
    image,
    images,
    localised,
    nanoseconds,
    odometry,
    tf_messages,
    transform,
    transforms,
    write,
)

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from node_samples import Reports, describer_of
from rclpy.qos import QoSDurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image

from vpr_ros.geometry import Pose
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.mapping import KeyframeConfig, map_bag
from vpr_ros.maps import MapWriter, PlaceMap

pytestmark = pytest.mark.ros
END = 4
KEYFRAMES = {'keyframe_distance': 0.4, 'keyframe_angle': 0.0}


class Replay:
    """Publishes the messages of a bag in their order, and waits until images became places."""

    def __init__(self, listener, path, kinds):
        latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
        self._listener = listener
        self._path = path
        self._reports = Reports(listener)
        self._publishers = {
            topic: listener.publisher(kind, topic, latched if topic == '/tf_static' else 100)
            for topic, kind in kinds.items()
        }

    def wait_for_node(self, **primers):
        """Send messages that give nothing until the node hears each of its inputs."""
        primers = {'image': ('/image', image(-5)), **primers}

        def heard():
            for topic, message in primers.values():
                self._send(topic, message)
            return all(
                part in self._reports.latest and int(self._reports.values(part)['messages'])
                for part in primers
            )

        self._listener.wait_until(heard, what='for the node to hear')

    def places(self):
        if not self._path.exists():
            return []
        with PlaceMap.open(self._path) as place_map:
            return place_map.places(place_map.ids)

    def run(self, messages, lag):
        """Send the messages, and wait after each image for its place."""
        expected = 0
        # Images come after the poses about them, as they do from slow cameras.
        moments = [(at + lag * (topic == '/image'), topic, m) for topic, at, m in messages]
        for _, topic, message in sorted(moments, key=lambda entry: entry[0]):
            self._send(topic, message)
            if topic == '/image':
                expected += 1
                self._listener.wait_until(
                    lambda count=expected: len(self.places()) >= count, what='for a place'
                )

    def _send(self, topic, message):
        self._publishers[topic].publish(bytes(STORE.serialize_cdr(message, message.__msgtype__)))


def offline(tmp_path, messages):
    """Return the places of the bag with these messages."""
    describer = describer_of('hog')
    with (
        Bag(write(tmp_path / 'bag', *messages)) as bag,
        MapWriter.create(tmp_path / 'offline.vprmap', model=describer.model_info) as place_map,
    ):
        map_bag(place_map, bag, describer, choose_topics(bag), KeyframeConfig(0.4, 0.0))
        return place_map.places(place_map.ids)


@pytest.mark.parametrize(('base', 'lag'), [('base_link', 0.2), ('base_footprint', 2.2)])
def test_map_by_tf_is_that_of_the_bag(start, listener, tmp_path, base, lag):
    tf2 = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs comes with a distribution')
    messages = [*tf_messages(END + lag + 0.1, base=base), *images(END)]
    path = tmp_path / 'live.vprmap'
    start('map_builder_node', model='hog', map_path=path, pose_source='tf', **KEYFRAMES)
    kinds = {'/tf': tf2.TFMessage, '/tf_static': tf2.TFMessage, '/image': Image}
    replay = Replay(listener, path, kinds)
    unrelated = transforms(transform(0, 'arm', 'hand', Pose.identity()))
    replay.wait_for_node(tf=('/tf', unrelated))
    replay.run(messages, lag)
    live, wanted = replay.places(), offline(tmp_path, messages)
    assert [place.stamp for place in live] == [place.stamp for place in wanted]
    for one, other in zip(live, wanted, strict=True):
        np.testing.assert_array_equal(one.pose.as_array(), other.pose.as_array())
        assert one.pose.distance_to(drive((one.stamp - nanoseconds(0)) / 1e9)) < 2e-3
    assert live[-1].mount is not None


def test_tf_without_a_map_is_told(start, listener, tmp_path):
    tf2 = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs comes with a distribution')
    reports = Reports(listener)
    start('map_builder_node', model='hog', map_path=tmp_path / 'm.vprmap', pose_source='tf')
    publisher = listener.publisher(tf2.TFMessage, '/tf', 100)
    moving = [m for topic, _, m in tf_messages(3, fixed='') if topic == '/tf']

    def told():
        for message in moving:
            publisher.publish(bytes(STORE.serialize_cdr(message, message.__msgtype__)))
        values = reports.values('place recognition') if reports.text('place recognition') else {}
        return 'base_link lies below odom: localisation or SLAM' in values.get('pose source', '')

    listener.wait_until(told, what='for the report')


def test_map_by_localisation_on_motion_is_that_of_the_bag(start, listener, tmp_path):
    messages = [('/pose', s, localised(s, drive(s))) for s in every(1.25, END + 1.3)]
    messages += images(END)
    path = tmp_path / 'live.vprmap'
    source = 'pose_with_covariance'
    start('map_builder_node', model='hog', map_path=path, pose_source=source, **KEYFRAMES)
    replay = Replay(listener, path, {'/pose': PoseWithCovarianceStamped, '/image': Image})
    nowhere = localised(0, Pose.identity())
    nowhere.pose.pose.orientation.w = 0.0
    replay.wait_for_node(pose=('/pose', nowhere))
    replay.run(messages, lag=1.3)
    live, wanted = replay.places(), offline(tmp_path, messages)
    assert [place.stamp for place in live] == [place.stamp for place in wanted]
    assert len(live) == len(images(END))
    for one, other in zip(live, wanted, strict=True):
        np.testing.assert_array_equal(one.pose.as_array(), other.pose.as_array())


def test_transforms_cannot_be_published_without_their_messages_and_that_is_said(
    start, listener, tmp_path
):
    try:
        import tf2_msgs.msg  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip('tf2_msgs is here')
    node = start(
        'place_recognition_node', model='hog', map_path=tmp_path / 'm.vprmap', publish_tf='smooth'
    )
    listener.wait_until(lambda: 'publish_tf needs the package tf2_msgs' in node.output)
    assert 'Traceback' not in node.output


def test_accepted_poses_correct_the_transform_from_map_to_odom(start, listener, tmp_path):
    tf2 = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs comes with a distribution')
    path = tmp_path / 'm.vprmap'
    bag = tmp_path / 'bag'
    moved = [('/odom', s, odometry(s, drive(s))) for s in every(0.1, END + 0.3)]
    write(bag, *moved, *images(END))
    model = describer_of('hog')
    with Bag(bag) as source, MapWriter.create(path, model.model_info) as place_map:
        map_bag(place_map, source, model, choose_topics(source), KeyframeConfig(distance=0.4))
    start(
        'place_recognition_node',
        model='hog',
        map_path=path,
        publish_tf='jumping',
        verify='none',
        max_distance_ratio=1.0,
    )
    found = listener.collect(tf2.TFMessage, '/tf')
    publishers = listener.publisher(Odometry, '/odom'), listener.publisher(Image, '/image')

    def published():
        for publisher, topic in zip(publishers, ('/odom', '/image'), strict=True):
            for name, _, message in [*moved[:30], *images(2)]:
                if name == topic:
                    publisher.publish(bytes(STORE.serialize_cdr(message, message.__msgtype__)))
        return found

    listener.wait_until(published, what='for a transform')
    (one,) = found[-1].transforms
    assert (one.header.frame_id, one.child_frame_id) == ('map', 'odom')
    assert abs(one.transform.translation.x) < 1.0
