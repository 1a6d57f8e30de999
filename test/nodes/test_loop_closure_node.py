# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""loop_closure_node as a process: a second lap closes to the first."""

import numpy as np
import pytest

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from builtin_interfaces.msg import Time
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image
from vpr_ros.msg import LoopClosure

from vpr_ros.bench.node_process import NodeProcess

pytestmark = pytest.mark.ros
PLACES = 8
TOPIC = '/loop_closure_node/loop_closure'


def blocks(number):
    small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
    return small.repeat(8, 0).repeat(8, 1)


def corners(number):
    """Return pixels with corners enough for local features, on no grid that all share."""
    sizes = (320, 240, 60, 60, 256, 256, 256)
    pixels = np.zeros((240, 320, 3), np.uint8)
    for x, y, width, height, *colour in np.random.default_rng(number).integers(0, sizes, (200, 7)):
        pixels[y : y + height, x : x + width] = colour
    return pixels


def image(pixels, seconds):
    height, width = pixels.shape[:2]
    data = pixels.tobytes()
    message = Image(height=height, width=width, step=3 * width, encoding='rgb8', data=data)
    message.header.stamp = Time(sec=seconds)
    return message


def odometry(seconds):
    message = Odometry()
    message.header.stamp = Time(sec=seconds)
    message.pose.pose.position.x = float(seconds % PLACES)
    message.pose.pose.orientation.w = 1.0
    return message


def drive_until_loops(listener, picture, count):
    """Drive laps past the same pictures; return the loops announced, so many at least."""
    closures = listener.collect(LoopClosure, TOPIC)
    images, poses = listener.publisher(Image, '/image'), listener.publisher(Odometry, '/odom')
    listener.wait_until(
        lambda: (
            images.get_subscription_count()
            and poses.get_subscription_count()
            and listener.node.count_publishers(TOPIC)
        ),
        60,
        'for the node to subscribe',
    )
    seconds = [100 * PLACES]

    def enough():
        seconds[0] += 1
        images.publish(image(picture(seconds[0] % PLACES), seconds[0]))
        poses.publish(odometry(seconds[0]))
        for _ in range(6):
            listener.wait_until(lambda: True)
        return len(closures) >= count

    listener.wait_until(enough, 90, 'for loops')
    return closures


def test_second_lap_is_announced_with_both_ends(start, listener):
    # The pictures of the second lap are those of the first, to the pixel: a strict ratio finds
    # them and nothing else, whatever the network has learned.
    node = start(
        'loop_closure_node',
        kind=NodeProcess,
        model='d2vpr-nano',
        exclude_time=3.5,
        exclude_distance=3.5,
        exclude_keyframes=3,
        max_distance_ratio=0.2,
        min_similarity=0.99,
    )
    closures = drive_until_loops(listener, blocks, 2)
    for closure in closures:
        laps, rest = divmod(closure.to_stamp.sec - closure.from_stamp.sec, PLACES)
        assert rest == 0
        assert laps >= 1
        assert closure.from_id < closure.to_id
        assert closure.header.stamp == closure.to_stamp
        assert closure.similarity > 0.99
        assert 0.9 < closure.score <= 1
        assert not closure.has_transform
        assert closure.trained
    assert node.stop() == 0
    assert 'Traceback' not in node.output


def test_verified_loops_say_how_many_features_agree(start, listener):
    node = start(
        'loop_closure_node',
        model='hog',
        exclude_time=3.5,
        exclude_distance=3.5,
        exclude_keyframes=3,
        loop_interval=2.0,
        verify='sift',
    )
    listener.wait_until(
        lambda: listener.node.count_subscribers('/camera_info'), 60, 'for it to want intrinsics'
    )
    closures = drive_until_loops(listener, corners, 3)
    for closure in closures:
        assert (closure.to_stamp.sec - closure.from_stamp.sec) % PLACES == 0
        assert closure.verified
        assert closure.num_inliers >= 15
        # No camera_info came: what cannot be measured is not claimed.
        assert not closure.has_transform
        assert closure.transform.covariance[0] == -1
    stamps = [closure.to_stamp.sec for closure in closures]
    assert min(np.diff(stamps)) >= 2
    assert node.stop() == 0
    assert 'Traceback' not in node.output
