# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every topic that a node hears, with any values over real DDS: no message silences it."""

import random
import signal
from itertools import count

import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

import hostile_samples as samples
from builtin_interfaces.msg import Time
from hostile import amount, examples, lost, survived, tried
from hypothesis import given
from hypothesis import strategies as st
from nav_msgs.msg import Odometry
from node_samples import MODEL, NAME, Reports, make_map, picture
from ros_messages import any_message
from rosgraph_msgs.msg import Clock
from vpr_ros.msg import PlaceCandidateArray

from vpr_ros.geometry import Datum
from vpr_ros.maps import MapWriter, PlaceMap, verify

pytestmark = [pytest.mark.ros, pytest.mark.hostile]


class Robot:
    """Publishes what a robot does, second by second, and spoilt messages between."""

    def __init__(self, listener):
        self.listener = listener
        self.seconds = count(1)
        self.now = 0
        self.topics = {
            '/image': samples.image(),
            '/image/compressed': samples.compressed(),
            '/camera_info': samples.camera_info(),
            '/odom': samples.pose_with_covariance(Odometry),
            '/fix': samples.fix(),
            '/clock': Clock(clock=Time(sec=1)),
        }
        self.publishers = {
            topic: listener.publisher(type(sound), topic) for topic, sound in self.topics.items()
        }

    def drive(self, seed=0):
        """Say where the robot is, and what it sees; one second later each time."""
        self.now = next(self.seconds)
        self.send('/clock', Clock(clock=Time(sec=self.now)))
        self.send('/odom', samples.pose_with_covariance(Odometry, self.now, 0.1 * self.now))
        self.send('/fix', samples.fix(self.now))
        self.send('/camera_info', samples.camera_info())
        self.send('/image', samples.image(seed, self.now))

    def send(self, topic, message):
        self.publishers[topic].publish(message)

    def spoil(self, draw):
        """Send spoilt messages."""
        for topic in draw(st.lists(st.sampled_from(sorted(self.topics)), min_size=1, max_size=4)):
            self.send(topic, draw(any_message(self.topics[topic])))
            tried()


@pytest.mark.timeout(600)
@pytest.mark.parametrize('simulated', [False, True], ids=['real time', 'simulated time'])
def test_no_message_silences_localisation(start, listener, tmp_path, simulated):
    path = make_map(tmp_path / 'm.vprmap', [picture(seed) for seed in range(4)])
    with MapWriter.open(path) as place_map:
        place_map.set_datum(Datum(48.0, 11.0, 500.0))
    answers = listener.collect(PlaceCandidateArray, f'{NAME}/candidates', 1000)
    node = start(
        'place_recognition_node',
        model=MODEL,
        map_path=path,
        rectify=True,
        use_sim_time=simulated,
        fix_gate=1000.0,
        max_distance_ratio=1.0,
        image_transport='raw',
    )
    robot = Robot(listener)

    def located(seed):
        first = robot.now + 1

        def answered():
            robot.drive(seed)
            fresh = [a for a in answers if first <= a.header.stamp.sec <= robot.now]
            return [a for a in fresh if a.candidates and a.candidates[0].place_id == seed + 1]

        listener.wait_until(answered, 30, f'for the answer to picture {seed}')

    located(0)

    @examples(25, 400)
    @given(st.data())
    def tries(data):
        robot.spoil(data.draw)
        located(data.draw(st.integers(0, 3)))
        assert node.alive
        survived()

    tries()
    assert 'Traceback' not in node.output


class Mapped:
    """A map in the making, and the robot that makes it."""

    def __init__(self, start, listener, path, robot, pose_source='odometry'):
        self.path, self.robot, self._listener = path, robot, listener
        self.node = start(
            'map_builder_node',
            model=MODEL,
            map_path=path,
            pose_source=pose_source,
            keyframe_interval=1e-9,
            anchored=True,
            image_transport='raw',
        )

    def places(self):
        if not self.path.exists():
            return 0
        with PlaceMap.open(self.path) as place_map:
            return len(place_map)

    def grow(self, by=1):
        """Drive until the map has new places; return how many it has."""
        wanted = self.places() + by

        def grown():
            self.robot.drive(self.robot.now % 50)
            return self.places() >= wanted

        self._listener.wait_until(grown, 60, 'for new places')
        return self.places()


@pytest.mark.timeout(600)
@pytest.mark.parametrize('pose_source', ['odometry', 'fix'])
def test_no_message_silences_mapping(start, listener, tmp_path, pose_source):
    mapped = Mapped(start, listener, tmp_path / 'm.vprmap', Robot(listener), pose_source)
    mapped.grow()

    @examples(8, 100)
    @given(st.data())
    def tries(data):
        before = mapped.places()
        mapped.robot.spoil(data.draw)
        gone = before + 1 - mapped.grow()
        lost(max(gone, 0))
        assert gone <= 0
        assert mapped.node.alive
        survived()

    tries()
    assert mapped.node.stop(signal.SIGTERM) == 0
    assert 'Traceback' not in mapped.node.output
    assert verify(mapped.path) == []


@pytest.mark.timeout(600)
def test_no_message_silences_the_search_for_loops(start, listener):
    reports = Reports(listener)
    node = start(
        'loop_closure_node',
        model=MODEL,
        keyframe_interval=1e-9,
        image_transport='raw',
        verify='sift',
    )
    robot = Robot(listener)

    def places():
        part = 'place recognition'
        return int(reports.values(part)['places'] or 0) if part in reports.latest else 0

    def goes_on():
        before = places()

        def grown():
            robot.drive(robot.now % 50)
            return places() > before

        listener.wait_until(grown, 60, 'for new places')

    goes_on()

    @examples(3, 25)
    @given(st.data())
    def tries(data):
        robot.spoil(data.draw)
        goes_on()
        assert node.alive
        survived()

    tries()
    assert 'Traceback' not in node.output


@pytest.mark.timeout(600)
def test_a_mapper_that_is_killed_again_and_again_loses_no_place(start, listener, tmp_path):
    robot, chance = Robot(listener), random.Random(15)
    for _ in range(amount(2, 15)):
        mapped = Mapped(start, listener, tmp_path / 'm.vprmap', robot)
        seen = mapped.grow(by=3)
        for _ in range(chance.randrange(20)):
            robot.drive(robot.now % 50)
        mapped.node.process.kill()
        mapped.node.process.wait()
        tried()
        gone = seen - mapped.places()
        lost(max(gone, 0))
        assert gone <= 0
        assert verify(mapped.path) == []
        survived()
