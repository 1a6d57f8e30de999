# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace as Message

import numpy as np
import pytest

from vpr_ros.mapping import PoseError, PoseSource


def header(seconds=1):
    return Message(stamp=Message(sec=seconds, nanosec=5), frame_id='map')


def pose(x=1.0, w=1.0):
    return Message(
        position=Message(x=x, y=2.0, z=3.0), orientation=Message(x=0.0, y=0.0, z=0.0, w=w)
    )


def odometry(x=1.0, w=1.0, covariance=0.1):
    holder = Message(pose=pose(x, w), covariance=np.full(36, covariance))
    return Message(header=header(), pose=holder)


def fix(latitude=48.0, longitude=11.0, altitude=500.0, status=0, seconds=1):
    return Message(
        header=header(seconds),
        status=Message(status=status),
        latitude=latitude,
        longitude=longitude,
        altitude=altitude,
        position_covariance=np.diag([1.0, 1.0, 4.0]).ravel(),
        position_covariance_type=2,
    )


def test_odometry_gives_pose_covariance_and_stamp():
    reading = PoseSource('nav_msgs/msg/Odometry').read(odometry())
    assert reading.stamp == 1_000_000_005
    np.testing.assert_array_equal(reading.pose.position, [1, 2, 3])
    assert reading.covariance.shape == (6, 6)


def test_all_zero_covariance_counts_as_unknown():
    assert PoseSource('nav_msgs/msg/Odometry').read(odometry(covariance=0.0)).covariance is None


def test_pose_stamped_has_no_covariance():
    message = Message(header=header(), pose=pose())
    assert PoseSource('geometry_msgs/msg/PoseStamped').read(message).covariance is None


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (odometry(x=float('nan')), 'not finite'),
        (odometry(x=float('inf')), 'not finite'),
        (odometry(w=0.0), 'zero quaternion'),
        (odometry(w=float('nan')), 'not finite'),
    ],
)
def test_bad_pose_is_refused_with_the_reason(message, words):
    with pytest.raises(PoseError, match=words):
        PoseSource('nav_msgs/msg/Odometry').read(message)


def test_first_good_fix_becomes_the_datum():
    source = PoseSource('sensor_msgs/msg/NavSatFix')
    np.testing.assert_allclose(source.read(fix()).pose.position, 0, atol=1e-6)
    north = source.read(fix(latitude=48.001)).pose.position
    assert north[1] == pytest.approx(111.2, abs=0.3)
    assert abs(north[0]) < 1e-3


def test_fix_knows_its_position_but_no_rotation():
    reading = PoseSource('sensor_msgs/msg/NavSatFix').read(fix())
    np.testing.assert_allclose(np.diag(reading.covariance)[:3], [1, 1, 4])
    assert (np.diag(reading.covariance)[3:] > 9).all()
    assert reading.geo.lat == 48.0


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (fix(status=-1), 'no fix'),
        (fix(latitude=float('nan')), 'no position'),
        (fix(latitude=91.0), 'no position'),
    ],
)
def test_fix_without_position_is_refused(message, words):
    source = PoseSource('sensor_msgs/msg/NavSatFix')
    with pytest.raises(PoseError, match=words):
        source.read(message)
    assert source.datum is None


def test_fix_without_height_still_gives_a_position():
    reading = PoseSource('sensor_msgs/msg/NavSatFix').read(fix(altitude=float('nan')))
    assert np.isfinite(reading.pose.position).all()


def test_unknown_type_is_refused():
    with pytest.raises(PoseError, match='gives no pose'):
        PoseSource('std_msgs/msg/String')
