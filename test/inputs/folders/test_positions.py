# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.inputs.folders import PosedImage
from vpr_ros.inputs.folders.positions import (
    FALSE_START,
    FAR_AWAY,
    NULL_ISLAND,
    STRAY,
    believed,
)

SECOND = 10**9
DEGREE = 111_200.0


def images(*places, interval=1, begin=0):
    return [
        PosedImage(Path(f'{i}.jpg'), begin + round(i * interval * SECOND), geo=GeoPoint(lat, lon))
        for i, (lat, lon) in enumerate(places)
    ]


def drive(count=12, metres=5.0, begin=0.0):
    return [(48.1 + (begin + metres * i) / DEGREE, 11.6) for i in range(count)]


def left_out(checked):
    return {i: image.left_out for i, image in enumerate(checked) if image.geo is None}


def test_positions_of_a_drive_are_believed():
    given = images(*drive())
    assert believed(given) == given
    assert believed([]) == []


@pytest.mark.parametrize('at', [0, 5, 11])
def test_null_island_is_no_position(at):
    places = drive()
    places[at] = (0.0, -0.0)
    assert left_out(believed(images(*places))) == {at: NULL_ISLAND}


def test_null_islands_alone_are_no_positions():
    assert set(left_out(believed(images((0, 0), (0, 0)))).values()) == {NULL_ISLAND}


def test_a_hemisphere_apart_is_left_out():
    places = drive()
    places[3] = (-places[3][0], places[3][1])
    assert left_out(believed(images(*places))) == {3: FAR_AWAY}
    elsewhere = Datum(-33.9, 151.2)
    assert set(left_out(believed(images(*drive()), elsewhere)).values()) == {FAR_AWAY}


@pytest.mark.parametrize('bad', [1, 3])
@pytest.mark.parametrize('interval', [0, 1])
def test_a_false_start_is_left_out(bad, interval):
    places = [*drive(bad, 1, begin=-600), *drive(12)]
    assert left_out(believed(images(*places, interval=interval))) == dict.fromkeys(
        range(bad), FALSE_START
    )


@pytest.mark.parametrize(
    'places',
    [
        [*drive(1, begin=-50), *drive(11)],  # Within what a receiver may be off.
        drive(12, 300),  # Far apart, but evenly.
        [*drive(1, begin=-600), *drive(2)],  # Too few to contradict.
    ],
)
def test_a_start_that_nothing_contradicts_is_believed(places):
    assert not left_out(believed(images(*places)))


def test_a_start_that_was_driven_away_from_is_believed():
    first, *rest = images(*drive(1, begin=-600), *drive(11))
    assert not left_out(believed([PosedImage(first.path, -60 * SECOND, geo=first.geo), *rest]))


def test_an_image_with_a_pose_keeps_it():
    (image,) = believed([PosedImage(Path('a'), 0, Pose.identity(), GeoPoint(0, 0))])
    assert (image.geo, image.pose is not None) == (None, True)


@pytest.mark.parametrize('metres', [300, 300_000])
def test_a_position_that_its_neighbours_contradict_is_left_out(metres):
    places = drive(40)
    places[25] = places[25][0] + metres / DEGREE, 11.6
    start = 1_700_000_000 * SECOND
    assert left_out(believed(images(*places, begin=start))) == {25: STRAY}
    # Without times, or with time to go there and back, nothing contradicts it.
    assert not left_out(believed(images(*places)))
    assert not left_out(believed(images(*places, begin=start, interval=0)))
    assert not left_out(believed(images(*places, begin=start, interval=8000)))


def test_positions_without_a_height_have_that_of_the_ones_before():
    nan = float('nan')
    given = [
        PosedImage(Path(f'{i}.jpg'), i * SECOND, geo=GeoPoint(48.1, 11.6, alt))
        for i, alt in enumerate([nan, 500.0, nan, 510.0, nan])
    ]
    assert [image.geo.alt for image in believed(given)] == [500, 500, 500, 510, 510]
