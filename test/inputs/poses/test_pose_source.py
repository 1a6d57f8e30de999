# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace as Message

import numpy as np
import pytest

from vpr_ros.geometry import Datum, Pose
from vpr_ros.geometry.mounts import parse_mount
from vpr_ros.inputs.poses import FixLimits, PoseReadingError, PoseSource

NAN = float('nan')


def header(seconds=1):
    return Message(stamp=Message(sec=seconds, nanosec=5), frame_id='map')


def pose(x=1.0, w=1.0):
    return Message(
        position=Message(x=x, y=2.0, z=3.0), orientation=Message(x=0.0, y=0.0, z=0.0, w=w)
    )


def odometry(x=1.0, w=1.0, covariance=0.1):
    holder = Message(pose=pose(x, w), covariance=np.full(36, covariance))
    return Message(header=header(), pose=holder)


def fix(
    latitude=48.0,
    longitude=11.0,
    altitude=500.0,
    status=0,
    seconds=1,
    variances=(1.0, 1.0, 4.0),
    covariance_type=2,
):
    return Message(
        header=header(seconds),
        status=Message(status=status),
        latitude=latitude,
        longitude=longitude,
        altitude=altitude,
        position_covariance=np.diag(variances).ravel(),
        position_covariance_type=covariance_type,
    )


def test_odometry_gives_pose_covariance_and_stamp():
    (reading,) = PoseSource('nav_msgs/msg/Odometry').read(odometry())
    assert reading.stamp == 1_000_000_005
    np.testing.assert_array_equal(reading.pose.position, [1, 2, 3])
    assert reading.covariance.shape == (6, 6)


def test_a_reading_names_the_frame_of_the_pose_which_no_fix_does():
    assert PoseSource('nav_msgs/msg/Odometry').read(odometry())[0].frame == 'map'
    assert located(fix()).frame == ''


def test_all_zero_covariance_counts_as_unknown():
    (reading,) = PoseSource('nav_msgs/msg/Odometry').read(odometry(covariance=0.0))
    assert reading.covariance is None


def test_pose_stamped_has_no_covariance():
    message = Message(header=header(), pose=pose())
    (reading,) = PoseSource('geometry_msgs/msg/PoseStamped').read(message)
    assert reading.covariance is None


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
    with pytest.raises(PoseReadingError, match=words):
        PoseSource('nav_msgs/msg/Odometry').read(message)


def located(*fixes, **options):
    """Return the last pose that fixes give at the end of a session."""
    source = PoseSource('sensor_msgs/msg/NavSatFix', **options)
    return [*(r for each in fixes for r in source.read(each)), *source.finish()][-1]


def test_first_fix_that_others_agree_with_becomes_the_datum():
    source = PoseSource('sensor_msgs/msg/NavSatFix')
    steps = [source.read(fix(latitude=48 + 1e-5 * i, seconds=i)) for i in range(4)]
    assert [len(readings) for readings in steps] == [0, 0, 3, 1]
    np.testing.assert_allclose(steps[2][0].pose.position, 0, atol=1e-6)
    north = steps[3][0].pose.position
    assert north[1] == pytest.approx(3.336, abs=0.01)
    assert abs(north[0]) < 1e-3


def test_fix_knows_its_position_but_no_rotation():
    reading = located(fix())
    np.testing.assert_allclose(np.diag(reading.covariance)[:3], [1, 1, 4])
    assert (np.diag(reading.covariance)[3:] > 9).all()
    assert reading.geo.lat == 48.0


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        (fix(status=-1), 'no fix'),
        (fix(latitude=float('nan')), 'no position'),
        (fix(latitude=91.0), 'no position'),
        (fix(latitude=0.0, longitude=0.0), 'latitude 0, longitude 0'),
        (fix(latitude=-0.0, longitude=1e-9), 'latitude 0, longitude 0'),
    ],
)
def test_fix_without_position_is_refused(message, words):
    source = PoseSource('sensor_msgs/msg/NavSatFix')
    with pytest.raises(PoseReadingError, match=words):
        source.read(message)
    assert source.datum is None


def test_fix_without_height_still_gives_a_position():
    reading = located(fix(altitude=float('nan')))
    assert np.isfinite(reading.pose.position).all()


def test_unknown_type_is_refused():
    with pytest.raises(PoseReadingError, match='gives no pose'):
        PoseSource('std_msgs/msg/String')


@pytest.mark.parametrize(
    ('message', 'limits', 'words'),
    [
        (fix(status=0), FixLimits(min_status=2), 'status 0; at least 2'),
        (fix(status=-2), FixLimits(), 'no fix'),
        (fix(status=-1), FixLimits(min_status=-1), 'no fix'),
        (fix(variances=(1.0, 121.0, 4.0)), FixLimits(), r'good to 11\.0 m .*at most 10 m'),
        (fix(variances=(0.09, 0.01, 4.0)), FixLimits(max_sigma=0.2), r'good to 0\.3 m'),
    ],
)
def test_fix_beyond_the_limits_is_refused_with_the_reason(message, limits, words):
    source = PoseSource('sensor_msgs/msg/NavSatFix', limits=limits)
    with pytest.raises(PoseReadingError, match=words):
        source.read(message)
    assert source.datum is None


@pytest.mark.parametrize(
    ('message', 'limits'),
    [
        (fix(status=2), FixLimits(min_status=2)),
        (fix(variances=(1e6, 1e6, 1e6)), FixLimits(max_sigma=0)),
        (fix(variances=(1.0, 1.0, 1e9)), FixLimits()),
        (fix(variances=(1e6, 1e6, 1e6), covariance_type=0), FixLimits()),
        (fix(variances=(0.0, 0.0, 0.0)), FixLimits()),
        (fix(variances=(-1.0, 0.0, 0.0)), FixLimits()),
    ],
)
def test_fix_within_the_limits_is_believed(message, limits):
    PoseSource('sensor_msgs/msg/NavSatFix', limits=limits).read(message)


def test_sigma_is_that_of_the_worst_direction():
    message = fix()
    message.position_covariance[[0, 1, 3, 4]] = [50.0, 49.0, 49.0, 50.0]
    PoseSource('sensor_msgs/msg/NavSatFix', limits=FixLimits(max_sigma=10)).read(message)
    with pytest.raises(PoseReadingError, match=r'good to 9\.9'):
        PoseSource('sensor_msgs/msg/NavSatFix', limits=FixLimits(max_sigma=9.8)).read(message)


def test_fix_of_unknown_quality_is_not_taken_for_a_good_one():
    message = fix(variances=(0.0, 0.0, 0.0), covariance_type=0)
    reading = located(message)
    assert (np.diag(reading.covariance)[:3] == 25).all()


def test_lever_of_the_antenna_is_taken_off():
    reading = located(fix(), datum=Datum(48.0, 11.0, 500.0), mount=parse_mount('1 0 2'))
    np.testing.assert_allclose(reading.pose.position, [0, 0, -2], atol=1e-6)
    assert np.diag(reading.covariance)[:3] == pytest.approx([1.5, 1.5, 4])


def test_pose_of_a_camera_becomes_that_of_the_base():
    mount = Pose.planar(0.5, 0.0, np.pi / 2)
    message = odometry(covariance=0.0)
    (reading,) = PoseSource('nav_msgs/msg/Odometry', mount=mount).read(message)
    np.testing.assert_allclose((reading.pose @ mount).position, [1, 2, 3])


@pytest.mark.parametrize(
    ('first', 'second', 'metres'),
    [
        ((48.0, 11.9999), (48.0, 12.0001), 14.9),  # From UTM zone 32 to 33.
        ((0.0001, 10.0), (-0.0001, 10.0), 22.1),  # From the northern to the southern half.
        ((-17.0, 179.9999), (-17.0, -179.9999), 21.3),  # Across the date line, zones 60 and 1.
        ((60.0, 5.99995), (60.0, 6.00005), 5.6),
        ((89.9999, 0.0), (89.9999, 180.0), 22.3),  # Across the pole.
    ],
)
def test_drive_across_borders_of_zones_and_halves_is_smooth(first, second, metres):
    source = PoseSource('sensor_msgs/msg/NavSatFix')
    readings = [*source.read(fix(*first, altitude=0.0)), *source.read(fix(*first, altitude=0.0))]
    readings += source.read(fix(*second, altitude=0.0, seconds=2))
    assert readings[0].pose.distance_to(readings[2].pose) == pytest.approx(metres, abs=0.06)


def test_fix_farther_from_the_datum_than_any_session_is_refused():
    source = PoseSource('sensor_msgs/msg/NavSatFix', Datum(-33.86, 151.2))
    with pytest.raises(PoseReadingError, match=r'\d+ km from the datum.*make a new map'):
        source.read(fix())


def heights(*altitudes, datum=None):
    """Return z of the poses of fixes, one a second, that say these altitudes."""
    source = PoseSource('sensor_msgs/msg/NavSatFix', datum)
    found = [
        reading
        for seconds, altitude in enumerate(altitudes, 1)
        for reading in source.read(fix(altitude=altitude, seconds=seconds))
    ]
    return [round(reading.pose.position[2], 3) for reading in found + source.finish()]


def test_fixes_without_a_height_have_that_of_the_ones_before():
    assert heights(500.0, 501.0, NAN, NAN, 503.0) == [0, 1, 1, 1, 3]
    assert heights(NAN, NAN, 500.0, 502.0) == [0, 0, 0, 2]
    assert heights(NAN, 502.0, datum=Datum(48.0, 11.0, 500.0)) == [0, 2]


def test_heights_mean_nothing_above_a_datum_without_one():
    assert heights(NAN, NAN, NAN, 500.0, 501.0, NAN) == [0] * 6


def test_a_height_that_jumps_is_said_as_a_jump(caplog):
    assert heights(*[0.0] * 4, *[500.0] * 4) == [0] * 4 + [500] * 4
    assert 'the fixes jump by 500 m' in caplog.text


def test_fixes_after_a_tunnel_are_no_jump(caplog):
    source = PoseSource('sensor_msgs/msg/NavSatFix')
    for seconds in (1, 2, 3, 23, 24, 25):
        source.read(fix(latitude=48.0 + seconds * 15 / 111_200, seconds=seconds))
    assert not caplog.text
