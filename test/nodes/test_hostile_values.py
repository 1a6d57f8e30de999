# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What readers of messages make of any values: something sane, or an error that says why not."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('vpr_ros.msg', reason='needs ROS 2 and the built messages')

from hostile import examples, survived, tried
from hostile_samples import POSES, camera_info, compressed, image, transform
from rclpy.serialization import serialize_message
from ros_messages import any_message

from vpr_ros.errors import VprError
from vpr_ros.geometry import Pose
from vpr_ros.geometry.pinhole import Intrinsics, Pinhole
from vpr_ros.inputs.frames import Frame
from vpr_ros.inputs.frames.rectify import Rectifier
from vpr_ros.inputs.poses import POSE_FORMATS, PoseSource, TransformSource, TreeFrames
from vpr_ros.nodes.conversions import to_time

pytestmark = [pytest.mark.ros, pytest.mark.hostile]
MOUNTS = st.sampled_from([None, Pose.of((1, 2, 3)), Pose.of((1e9, 1e9, -1e9), (1, 1, 1, 1))])
PICTURE = np.zeros((48, 64, 3), np.uint8)
LARGEST_STAMP = 2**31 * 10**9


def refused_or(read, *arguments):
    """Return what a reader gives, None where it refuses with an error for people."""
    tried()
    try:
        return read(*arguments)
    except VprError as error:
        said = str(error)
    assert 0 < len(said) < 1000
    survived()
    return None


def assert_sane(reading):
    assert -LARGEST_STAMP <= reading.stamp < LARGEST_STAMP
    assert np.abs(reading.pose.position).max() <= 1e9
    assert abs(np.linalg.norm(reading.pose.orientation) - 1) < 1e-9
    if reading.covariance is not None:
        assert np.isfinite(reading.covariance.astype(np.float32)).all()


@pytest.mark.parametrize('kind', POSE_FORMATS)
@examples(60, 2000)
@given(data=st.data())
def test_any_pose_message_gives_a_sane_pose_or_is_refused(kind, data):
    source = PoseSource(POSE_FORMATS[kind].typename, mount=data.draw(MOUNTS))
    for message in data.draw(st.lists(any_message(POSES[kind]), max_size=4)):
        for reading in refused_or(source.read, message) or []:
            assert_sane(reading)


TRANSFORMS = st.one_of(
    any_message(transform(parent, child))
    for parent, child in [('map', 'odom'), ('odom', 'base_link'), ('base_link', 'camera')]
)


@examples(60, 2000)
@given(data=st.data())
def test_any_transforms_give_sane_poses_or_are_refused(data):
    source = TransformSource(TreeFrames('map', 'base_link'), data.draw(MOUNTS))
    for several in data.draw(st.lists(st.lists(TRANSFORMS, max_size=3), max_size=6)):
        message, static = SimpleNamespace(transforms=several), data.draw(st.booleans())
        for reading in refused_or(partial(source.read, message, static=static)) or []:
            assert_sane(reading)
        assert isinstance(source.fault, str)


@examples(100, 3000)
@given(info=any_message(camera_info()))
def test_any_camera_info_is_used_or_refused(info):
    calibration = refused_or(Intrinsics.of, info)
    if calibration is None:
        return
    rectifier = Rectifier('/camera_info')
    rectifier.learn(info)
    straight = refused_or(rectifier, PICTURE)
    assert straight is None or straight.shape == PICTURE.shape
    corners = np.array([[0.0, 0.0], [63.0, 47.0]])
    for rectified in (True, False):
        rays = Pinhole.of(calibration, rectified=rectified).rays(corners, (64, 48))
        assert rays.shape == (2, 2)


@pytest.mark.parametrize('sound', [image(), compressed()], ids=lambda m: type(m).__name__)
@examples(60, 2000)
@given(data=st.data())
def test_any_image_becomes_a_picture_or_is_refused(sound, data):
    raw = serialize_message(data.draw(any_message(sound)))
    frame = refused_or(Frame, raw, f'sensor_msgs/msg/{type(sound).__name__}')
    if frame is not None:
        refused_or(getattr, frame, 'frame_id')
        picture = refused_or(getattr, frame, 'rgb')
        assert picture is None or (picture.dtype == np.uint8 and picture.shape[2] == 3)


@given(stamp=st.integers(-(2**63), 2**63 - 1))
def test_any_stamp_of_a_place_can_be_sent(stamp):
    sent = to_time(stamp)
    carried = -LARGEST_STAMP <= stamp < LARGEST_STAMP
    assert (sent.sec * 10**9 + sent.nanosec == stamp) == carried
