# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What nodes take for granted of topics and stamps, as processes."""

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from nav_msgs.msg import Odometry
from node_samples import MODEL, make_map, message, picture
from sensor_msgs.msg import Image

from vpr_ros.maps import PlaceMap

pytestmark = pytest.mark.ros


@pytest.mark.parametrize(
    ('remap', 'topic'),
    [
        ({'image': '/rr/image_raw'}, '/rr/camera_info'),
        ({'image': '/rr/image_raw', 'camera_info': '/other'}, '/other'),
    ],
)
def test_camera_info_lies_beside_the_images_as_they_are_remapped(
    start, listener, tmp_path, remap, topic
):
    path = make_map(tmp_path / 'm.vprmap', [picture(1)])
    node = start('place_recognition_node', remap=remap, model=MODEL, map_path=path, rectify=True)
    images = listener.publisher(Image, '/rr/image_raw')

    def refused():
        images.publish(message(picture(1), 1))
        listener.wait_until(lambda: True)
        return f'no camera_info has come on {topic}' in node.output

    listener.wait_until(refused, what='for a word about camera_info')


def test_messages_without_stamps_are_mapped_at_the_times_of_receipt(start, listener, tmp_path):
    path = tmp_path / 'm.vprmap'
    node = start('map_builder_node', model=MODEL, map_path=path)
    images, poses = listener.publisher(Image, '/image'), listener.publisher(Odometry, '/odom')
    count = [0]

    def mapped():
        count[0] += 1
        odometry = Odometry()
        odometry.pose.pose.position.x = float(count[0])
        odometry.pose.pose.orientation.w = 1.0
        poses.publish(odometry)
        images.publish(message(picture(count[0]), 0))
        listener.wait_until(lambda: True)
        if not path.exists():
            return False
        with PlaceMap.open(path) as place_map:
            return len(place_map) > 3

    listener.wait_until(mapped, what='for places')
    assert node.stop() == 0
    assert node.output.count('/odom: stamps were never set') == 1
    assert node.output.count('/image: stamps were never set') == 1
    with PlaceMap.open(path) as place_map:
        assert place_map.stamps.min() > 10**18
