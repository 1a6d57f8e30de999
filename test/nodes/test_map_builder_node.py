# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""map_builder_node as a process: keyframes from live topics into a durable map."""

import resource
import signal

import numpy as np
import pytest
from camera_bags import write_drive
from pictures import blocks

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from node_samples import Reports
from sensor_msgs.msg import CompressedImage, Image, NavSatFix

from vpr_ros.bench.bag_player import Playback, play
from vpr_ros.bench.node_process import NodeProcess, reliable
from vpr_ros.describe import Describer
from vpr_ros.errors import MapError
from vpr_ros.geometry.mounts import parse_extrinsics
from vpr_ros.inputs.bags import Bag, choose_cameras, choose_topics
from vpr_ros.mapping import KeyframeConfig, map_bag
from vpr_ros.maps import MapWriter, PlaceMap
from vpr_ros.nodes.conversions import to_time

pytestmark = pytest.mark.ros
STEP = 10**8


class Robot:
    """Drives along x, a metre a step, and sends what its sensors would."""

    def __init__(self, listener, pose_type=Odometry, pose_topic='/odom', image_topic='/image'):
        self.listener = listener
        self.images = listener.publisher(Image, image_topic)
        self.poses = listener.publisher(pose_type, pose_topic)
        self.pose_type = pose_type
        self.steps = 0

    def wait_for_node(self, timeout=60):
        self.listener.wait_until(
            lambda: (
                self.images.get_subscription_count() > 0
                and self.poses.get_subscription_count() > 0
            ),
            timeout,
            'for the node to subscribe',
        )

    def stamp(self):
        return to_time(10**18 + self.steps * STEP)

    def step(self, image=None, x=None):
        self.steps += 1
        self.images.publish(image or self.image())
        self.poses.publish(self.pose(float(self.steps) if x is None else x))

    def image(self, picture=None):
        pixels = blocks(abs(self.steps), 48, 64) if picture is None else picture
        image = Image(height=48, width=64, step=64 * 3, encoding='rgb8', data=pixels.tobytes())
        image.header.stamp = self.stamp()
        return image

    def pose(self, x):
        message = self.pose_type()
        message.header.stamp = self.stamp()
        if self.pose_type is NavSatFix:
            message.status.status = 0
            message.latitude, message.longitude, message.altitude = 48.0, 11.0 + x * 1e-5, 500.0
        else:
            pose = message.pose.pose if self.pose_type is Odometry else message.pose
            pose.position.x = x
            pose.orientation.w = 1.0
        return message


def count(path):
    try:
        with PlaceMap.open(path) as place_map:
            return len(place_map)
    except MapError:
        return 0


def drive(robot, path, places, timeout=60):
    """Move on until the map has so many places."""

    def more():
        robot.step()
        return count(path) >= places

    robot.listener.wait_until(more, timeout, f'for {places} places')


def test_drive_becomes_places_with_poses(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    node = start('map_builder_node', kind=NodeProcess, map_path=path, session_name='monday')
    robot = Robot(listener)
    robot.wait_for_node()
    drive(robot, path, 5)
    assert node.stop() == 0
    with PlaceMap.open(path) as place_map:
        assert place_map.verify() == []
        assert [session.name for session in place_map.session_list()] == ['monday']
        for place in place_map.places(place_map.ids):
            step = (place.stamp - 10**18) / STEP
            assert place.pose.position[0] == pytest.approx(step)
    assert 'Traceback' not in node.output


def test_two_cameras_give_the_places_that_their_bag_gives(start, tmp_path):
    bag_path = write_drive(tmp_path / 'drive')
    path = tmp_path / 'live.vprmap'
    node = start(
        'map_builder_node',
        kind=NodeProcess,
        remap={f'{name}/image': f'/{name}/image_raw' for name in ('front', 'rear')},
        map_path=path,
        model='hog',
        keyframe_distance=0.1,  # Each image is due, so that a dropped one changes no other.
        cameras='front rear',
        camera_extrinsics='0.3 0 1.2; -0.3 0 1.2 0 0 3.14159',
        **reliable('/front/image_raw', '/rear/image_raw', '/odom'),
    )
    play(bag_path, Playback(subscribers=1, timeout=60))
    assert node.stop() == 0
    with Bag(bag_path) as bag:
        cameras = choose_cameras(bag, ('/front/image_raw', '/rear/image_raw'))
        mounts = parse_extrinsics('0.3 0 1.2; -0.3 0 1.2 0 0 3.14159', tuple(cameras))
        topics, keyframes = choose_topics(bag, '/front/image_raw'), KeyframeConfig(0.1)
        describer = Describer('hog')
        with MapWriter.create(tmp_path / 'bag.vprmap', describer.model_info) as offline:
            map_bag(offline, bag, describer, topics, keyframes, cameras=cameras, mounts=mounts)

    def places(path):
        with PlaceMap.open(path) as place_map:
            return {
                (place.camera, place.stamp): (*place.pose.as_array(), *place.mount.as_array())
                for place in place_map.places(place_map.ids)
            }

    live, wanted = places(path), places(tmp_path / 'bag.vprmap')
    assert len(wanted) == 30
    assert live.keys() == wanted.keys()
    for key, place in live.items():
        np.testing.assert_allclose(place, wanted[key], atol=1e-9)


def test_second_drive_is_added_as_a_session(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    robot = Robot(listener)
    for _ in range(2):
        node = start('map_builder_node', map_path=path)
        robot.wait_for_node()
        drive(robot, path, count(path) + 2)
        node.stop()
        listener.wait_until(lambda: robot.images.get_subscription_count() == 0)
    with PlaceMap.open(path) as place_map:
        assert len(place_map.session_list()) == 2


@pytest.mark.parametrize(
    ('kind', 'message_type', 'topic'),
    [('pose', PoseStamped, '/pose'), ('fix', NavSatFix, '/fix')],
)
def test_other_pose_sources(start, listener, tmp_path, kind, message_type, topic):
    path = tmp_path / 'town.vprmap'
    node = start('map_builder_node', map_path=path, pose_source=kind, pose_mount='0 0 2')
    robot = Robot(listener, message_type, topic)
    robot.wait_for_node()
    drive(robot, path, 2)
    node.stop()
    with PlaceMap.open(path) as place_map:
        place = place_map.places(place_map.ids)[-1]
        if kind == 'fix':
            assert place_map.datum.lat == pytest.approx(48.0)
            assert place.geo.lon == pytest.approx(11.0, abs=1e-2)
            assert place_map.datum.position_of(place.geo) == pytest.approx(
                place.pose.position + np.array([0, 0, 2]), abs=1e-3
            )
        else:
            assert place.pose.position[0] > 0
            assert place.pose.position[2] == -2


def test_bad_input_is_survived_and_named(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    node = start('map_builder_node', map_path=path)
    robot = Robot(listener)
    robot.wait_for_node()
    drive(robot, path, 1)

    def wait_for(words):
        listener.wait_until(lambda: words in node.output, 30, f'for a word about {words}')

    robot.step(x=float('nan'))
    wait_for('not finite')
    bad = robot.pose(1.0)
    bad.pose.pose.orientation.w = 0.0
    robot.poses.publish(bad)
    wait_for('zero quaternion')
    for change, words in [
        ({'encoding': 'no_such_encoding'}, 'no_such_encoding'),
        ({'step': 7}, 'step'),
        ({'data': b''}, 'empty'),
        ({'data': b'abc'}, 'carries 3'),
        ({'height': 0}, '64 x 0'),
    ]:
        image = robot.image()
        for name, value in change.items():
            setattr(image, name, value)
        robot.steps += 1
        image.header.stamp = robot.stamp()
        robot.images.publish(image)
        robot.poses.publish(robot.pose(float(robot.steps)))
        wait_for(words)
    robot.steps -= 1000  # the clock jumps back by 100 s
    before = count(path)
    drive(robot, path, before + 2)
    assert node.alive
    assert 'Traceback' not in node.output
    assert node.stop(signal.SIGTERM) == 0


def test_images_that_show_nothing_are_left_out_and_counted(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    node = start('map_builder_node', map_path=path)
    robot, reports = Robot(listener), Reports(listener)
    robot.wait_for_node()
    drive(robot, path, 1)
    covered = np.zeros((48, 64, 3), np.uint8)

    def left_out():
        robot.step(robot.image(covered))
        return 'image left out of the map: the picture shows nothing' in node.output

    def counted():
        part = 'place recognition'
        found = part in reports.latest and reports.values(part).get('images that show nothing')
        return int(found or 0) > 0

    listener.wait_until(left_out, 30, 'for the warning')
    listener.wait_until(counted, 30, 'for the count')
    listener.wait_until(lambda: reports.values('place recognition')['keyframes waiting'] == '0')
    before = count(path)
    for _ in range(5):
        robot.step(robot.image(covered))
    assert count(path) == before
    drive(robot, path, before + 2)


def test_kill_at_any_moment_leaves_every_committed_place(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    seen = 0
    for attempt in range(3):
        # Topics of their own: the middleware takes long to miss a node that was killed.
        topic = f'/image_{attempt}'
        node = start('map_builder_node', remap={'image': topic}, map_path=path)
        robot = Robot(listener, image_topic=topic)
        robot.wait_for_node()
        drive(robot, path, seen + 2 + attempt)
        seen = count(path)
        node.stop(signal.SIGKILL)
        with PlaceMap.open(path) as place_map:
            assert len(place_map) >= seen
            assert place_map.verify() == []


def test_folder_that_does_not_exist_is_named_and_waited_for(start, listener, tmp_path):
    path = tmp_path / 'usb' / 'town.vprmap'
    node = start('map_builder_node', map_path=path)
    listener.wait_until(lambda: 'cannot start' in node.output, what='for the complaint')
    assert str(path.parent) in node.output
    path.parent.mkdir()
    robot = Robot(listener)
    robot.wait_for_node()
    drive(robot, path, 1)
    assert node.stop() == 0


def test_full_disk_is_named_and_survived(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    node = start('map_builder_node', map_path=path)
    robot = Robot(listener)
    robot.wait_for_node()
    drive(robot, path, 2)
    # No file of the node may grow any more: to a program that is a full disk.
    _, hard = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (1, hard))

    for _ in range(20):
        robot.step()
        listener.wait_until(lambda: True)
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    before = count(path)
    drive(robot, path, before + 2)
    assert node.alive
    assert node.stop() == 0
    with PlaceMap.open(path) as place_map:
        assert place_map.verify() == []


def test_map_of_another_model_is_refused_and_untouched(start, listener, tmp_path):
    path = tmp_path / 'town.vprmap'
    path.write_bytes(b'this is no map' * 100)
    node = start('map_builder_node', map_path=path)
    listener.wait_until(lambda: 'cannot start' in node.output, what='for the complaint')
    assert path.read_bytes() == b'this is no map' * 100
    assert node.alive


def test_parameter_out_of_range_is_named_and_the_node_stays(start, listener):
    node = start('map_builder_node', keyframe_distance=-1.0)
    listener.wait_until(lambda: 'cannot start' in node.output, what='for the complaint')
    assert 'keyframe_distance' in node.output
    assert 'Traceback' not in node.output
    assert node.alive


def test_mount_that_makes_no_sense_is_named(start, listener, tmp_path):
    node = start('map_builder_node', map_path=tmp_path / 'town.vprmap', pose_mount='on the roof')
    listener.wait_until(lambda: 'pose_mount' in node.output, what='for the complaint')
    assert "not 'on the roof'" in node.output
    assert 'Traceback' not in node.output
    assert node.alive


def test_compressed_images_are_taken_too(start, listener, tmp_path):
    import cv2

    path = tmp_path / 'town.vprmap'
    node = start('map_builder_node', map_path=path)
    robot = Robot(listener)
    robot.images = listener.publisher(CompressedImage, '/image/compressed')
    robot.wait_for_node()

    def more():
        image = CompressedImage(format='jpeg')
        image.header.stamp = to_time(10**18 + (robot.steps + 1) * STEP)
        image.data = cv2.imencode('.jpg', blocks())[1].tobytes()
        robot.step(image=image)
        return count(path) >= 2

    listener.wait_until(more, 60)
    assert node.stop() == 0
