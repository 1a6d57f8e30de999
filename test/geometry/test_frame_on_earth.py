# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.geometry import Datum, GeoPoint, Pose
from vpr_ros.geometry.frame_on_earth import datum_of

TRACK = np.array([(0, 0, 0), (60, 0, 1), (60, 40, 2), (0, 90, 1), (-30, 20, 0)], np.float64)


@settings(max_examples=30)
@given(st.floats(-80, 80), st.floats(-179, 179), st.floats(-100, 3000))
def test_the_datum_of_a_frame_is_found_from_positions_in_it(lat, lon, alt):
    datum = Datum(lat, lon, alt)
    found = datum_of(TRACK, [datum.point_at(position) for position in TRACK])
    assert np.abs(datum.to_enu([[found.lat, found.lon, found.alt]])).max() < 0.01


def test_errors_of_measuring_are_forgiven_and_heights_may_be_unknown():
    datum, rng = Datum(48, 11, 0), np.random.default_rng(0)
    places = np.repeat(TRACK, 20, axis=0)
    points = [datum.point_at(place + rng.normal(0, 1.5, 3)) for place in places]
    found = datum_of(places, [GeoPoint(point.lat, point.lon, math.nan) for point in points])
    assert np.linalg.norm(datum.to_enu([[found.lat, found.lon, 0]])[0, :2]) < 1.0


def test_few_wrong_positions_do_not_count():
    datum = Datum(48, 11, 0)
    places = np.repeat(TRACK, 4, axis=0)
    points = [datum.point_at(place) for place in places]
    points[0] = points[7] = datum.point_at((400, 900, 0))
    found = datum_of(places, points)
    assert np.abs(datum.to_enu([[found.lat, found.lon, found.alt]])).max() < 0.1


@pytest.mark.parametrize('turn', [0.2, math.pi / 2, math.pi])
def test_a_frame_that_is_turned_has_none(turn):
    datum = Datum(48, 11, 0)
    turned = TRACK @ Pose.planar(0, 0, turn).rotation.T
    assert datum_of(turned, [datum.point_at(position) for position in TRACK]) is None


def test_too_few_or_too_near_positions_tell_nothing():
    datum = Datum(48, 11, 0)
    for track in (TRACK[:2], TRACK / 10, TRACK[:0]):
        assert datum_of(track, [datum.point_at(position) for position in track]) is None
