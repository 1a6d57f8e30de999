# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rosbags.rosbag2 import Writer
from shared_data import BAGS

from vpr_ros.cli.main import main
from vpr_ros.errors import VprError
from vpr_ros.inputs.bags import Bag
from vpr_ros.inputs.frames import stamp_of
from vpr_ros.inputs.frames.cdr import types

rclpy = pytest.importorskip('rclpy', reason='needs ROS 2')

from geometry_msgs.msg import PointStamped
from nav_msgs.msg import Odometry
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import (
    DurabilityPolicy,
    QoSProfile,
    qos_profile_sensor_data,
)
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage

from vpr_ros.bench.bag_player import Playback, play

ROOT = Path(__file__).parents[2]
EUROC, GARDENS = BAGS / 'euroc_v101_micro', BAGS / 'gardens_day_left'
IMAGES, ODOM = '/cam0/image_raw/compressed', '/odom'
DOMAIN = 1 + os.getpid() % 101
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
POINT = 'geometry_msgs/msg/PointStamped'
DEEP = QoSProfile(depth=1000)
SUBSCRIBED = ('--wait-for-subscribers', 1)

pytestmark = pytest.mark.ros
needs_data = pytest.mark.skipif(not BAGS.is_dir(), reason=f'the test data are not at {BAGS}')


def start(*arguments):
    """Start ``vpr bag play`` as its own process."""
    return subprocess.Popen(
        [sys.executable, '-m', 'vpr_ros.cli.main', 'bag', 'play', *map(str, arguments)],
        env=os.environ | {'ROS_DOMAIN_ID': str(DOMAIN), 'PYTHONPATH': str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Listener:
    """A node in this process that records raw messages by topic."""

    def __init__(self):
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.node = rclpy.create_node('listener', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.heard = {}

    def listen(self, kind, topic, qos=DEEP, answer=None):
        messages = self.heard[topic] = []

        def hear(raw):
            messages.append(padded(raw))
            if answer:
                answer(raw)

        self.node.create_subscription(kind, topic, hear, qos, raw=True)

    def spin_until(self, condition, timeout=30):
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, {k: len(v) for k, v in self.heard.items()}
            self.executor.spin_once(timeout_sec=0.1)

    def spin_through(self, process):
        """Listen until a process ends and return its output."""
        self.spin_until(lambda: process.poll() is not None)
        for _ in range(20):
            self.executor.spin_once(timeout_sec=0.01)
        out, error = process.communicate()
        assert process.returncode == 0, error
        return out, error

    def close(self):
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.close()


def recorded(path, topic):
    with Bag(path) as bag:
        return [padded(message.raw) for message in bag.messages([topic])]


def padded(raw):
    """The middleware rounds messages up to whole words."""
    return raw + b'\0' * (-len(raw) % 4)


@needs_data
def test_messages_arrive_as_recorded_with_the_time_of_the_bag(listener):
    listener.listen(CompressedImage, IMAGES)
    listener.listen(Odometry, ODOM)
    listener.listen(Clock, '/clock')
    out, error = listener.spin_through(start(EUROC, '--rate', 4, *SUBSCRIBED))
    assert listener.heard[IMAGES] == recorded(EUROC, IMAGES)
    assert listener.heard[ODOM] == recorded(EUROC, ODOM)
    assert f'{IMAGES} 95' in out
    assert error.count('tf2_msgs/msg/TFMessage is not installed') <= 1
    clock = [stamp_of(raw) for raw in listener.heard['/clock']]
    assert clock == sorted(set(clock))
    with Bag(EUROC) as bag:
        assert (clock[0], clock[-1]) == (bag.start, bag.end)


@needs_data
def test_waiting_for_answers_loses_no_image_of_a_slow_node(listener):
    """A node that keeps the newest image only, and is ten times slower than the bag is played."""
    answers = listener.node.create_publisher(PointStamped, '/answers', 10)

    def answer(raw):
        time.sleep(0.01)
        msg = PointStamped()
        msg.header.stamp.sec, msg.header.stamp.nanosec = divmod(stamp_of(raw), 10**9)
        answers.publish(msg)

    qos = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)
    listener.listen(CompressedImage, IMAGES, qos, answer)
    process = start(EUROC, '--rate', 1000, '--wait-for', '/answers', *SUBSCRIBED, '--no-clock')
    _, error = listener.spin_through(process)
    assert listener.heard[IMAGES] == recorded(EUROC, IMAGES)
    assert 'answer' not in error


@needs_data
def test_images_without_an_answer_are_counted(listener):
    listener.node.create_publisher(PointStamped, '/answers', 10)
    listener.listen(CompressedImage, IMAGES)
    process = start(
        EUROC, '--duration', 0.01, '--wait-for', '/answers', '--timeout', 8, *SUBSCRIBED
    )
    _, error = listener.spin_through(process)
    # The first image is repeated in case that its subscriber came late, but counted once.
    assert len(listener.heard[IMAGES]) > 1
    assert len(set(listener.heard[IMAGES])) == 1
    assert 'images not answered on /answers: 1' in error


@needs_data
def test_a_part_is_played_under_another_name(listener):
    listener.listen(CompressedImage, '/camera')
    options = ['--start', 10, '--duration', 5, '--rate', 10, *SUBSCRIBED]
    topic = '/camera/image_raw/compressed'
    out, _ = listener.spin_through(
        start(GARDENS, *options, '--topics', topic, '--remap', f'{topic}:=/camera')
    )
    assert listener.heard['/camera'] == recorded(GARDENS, topic)[20:30]
    assert out.strip().endswith('/camera 10')


@needs_data
def test_sigint_ends_a_loop_cleanly(listener):
    listener.listen(Odometry, ODOM)
    process = start(GARDENS, '--loop', '--duration', 2, '--rate', 20)
    listener.spin_until(lambda: len(listener.heard[ODOM]) > 9)
    process.send_signal(signal.SIGINT)
    out, error = listener.spin_through(process)
    assert out.startswith('stopped')
    assert 'Traceback' not in error
    stamps = [stamp_of(raw) for raw in listener.heard[ODOM]]
    assert stamps.count(min(stamps)) > 1


def test_latched_messages_reach_late_subscribers(listener, tmp_path):
    store = types()
    with Writer(tmp_path / 'bag', version=9) as writer:
        static = writer.add_connection('/tf_static', POINT, typestore=store)
        later = writer.add_connection('/later', POINT, typestore=store)
        stamp = store.types['builtin_interfaces/msg/Time'](1, 0)
        header = store.types['std_msgs/msg/Header'](stamp, 'map')
        point = store.types['geometry_msgs/msg/Point'](1.0, 2.0, 3.0)
        raw = store.serialize_cdr(store.types[POINT](header, point), POINT)
        writer.write(static, 0, raw)
        for tenth in range(60):
            writer.write(later, tenth * 10**8, raw)
    listener.listen(PointStamped, '/later')
    process = start(tmp_path / 'bag', '--rate', 0.1)
    listener.spin_until(lambda: listener.heard['/later'])
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    listener.listen(PointStamped, '/tf_static', latched)
    listener.spin_until(lambda: listener.heard['/tf_static'])
    process.send_signal(signal.SIGINT)
    listener.spin_through(process)


@needs_data
@pytest.mark.parametrize(
    ('path', 'playback', 'reason'),
    [
        (BAGS / 'absent', {}, 'there is no bag'),
        (GARDENS, {'topics': ('/absent',)}, 'no topic /absent; it has: /camera'),
        (GARDENS, {'remap': {'/absent': '/a'}}, 'no topic /absent'),
        (GARDENS, {'start': 1000}, r'99\.5 s long'),
        (EUROC, {'topics': ('/tf',)}, 'nothing in the bag'),
        (GARDENS, {'subscribers': 1, 'timeout': 0.1}, 'fewer than 1 subscribers'),
        (GARDENS, {'wait_for': '/nobody', 'timeout': 0.1}, 'nobody publishes /nobody'),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(path, playback, reason):
    with pytest.raises(VprError, match=reason):
        play(path, Playback(**playback))


@pytest.mark.parametrize(
    ('arguments', 'status', 'reason'),
    [(['/absent'], 1, 'there is no bag'), (['/absent', '--remap', '/odom'], 2, 'FROM:=TO')],
)
def test_errors_of_the_command_are_no_tracebacks(arguments, status, reason):
    process = start(*arguments)
    _, error = process.communicate(timeout=30)
    assert process.returncode == status
    assert reason in error
    assert 'Traceback' not in error


def test_without_ros_one_line_says_what_is_missing():
    code = (
        'import sys; sys.modules["rclpy"] = None; from vpr_ros.cli.main import main;'
        'sys.exit(main(["bag", "play", "x"]))'
    )
    environment = os.environ | {'PYTHONPATH': str(ROOT)}
    done = subprocess.run(
        [sys.executable, '-c', code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert 'ROS 2' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@needs_data
def test_info_names_the_topics_a_traverse_is_read_from(capsys):
    with pytest.raises(SystemExit) as exit_info:
        main(['bag', 'info', '--json', str(EUROC)])
    assert exit_info.value.code == 0
    report = json.loads(capsys.readouterr().out)
    assert (report['image'], report['pose'], report['messages']) == (IMAGES, ODOM, 1321)
    with pytest.raises(SystemExit):
        main(['bag', 'info', str(EUROC)])
    assert '/imu0' in capsys.readouterr().out
