# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.geometry import Datum, GeoPoint
from vpr_ros.geometry.geodesy import from_utm, surface_positions, to_utm, utm_zone

LATITUDES, LONGITUDES = st.floats(-89.9, 89.9), st.floats(-180, 180)
METRES = st.floats(-20_000, 20_000)


@settings(max_examples=100)
@given(
    lat=LATITUDES, lon=LONGITUDES, alt=st.floats(-100, 5000), enu=st.tuples(METRES, METRES, METRES)
)
def test_local_positions_survive_the_way_to_the_globe_and_back(lat, lon, alt, enu):
    datum = Datum(lat, lon, alt)
    point = datum.point_at(enu)
    assert np.allclose(datum.position_of(point), enu, atol=1e-5)


def test_datum_is_the_origin_and_axes_point_east_north_up():
    datum = Datum(48.0, 11.0, 500.0)
    # A second of latitude is 30.9 m, one of longitude 31.0 m times the cosine of that.
    second = 1 / 3600
    positions = datum.to_enu(
        [[48, 11, 500], [48, 11 + second, 500], [48 + second, 11, 500], [48, 11, 501]]
    )
    expected = [[0, 0, 0], [20.73, 0, 0], [0, 30.89, 0], [0, 0, 1]]
    assert np.allclose(positions, expected, atol=0.01)


def test_unknown_height_is_that_of_the_datum():
    datum = Datum(48.0, 11.0, 500.0)
    assert np.allclose(datum.position_of(GeoPoint(48.0, 11.0)), 0, atol=1e-6)


@given(lat=LATITUDES, lon=LONGITUDES, east=st.floats(-800, 800), north=st.floats(-800, 800))
@settings(max_examples=100)
def test_chords_measure_ground_distance_anywhere(lat, lon, east, north):
    datum = Datum(lat, lon, 0)
    point = datum.point_at((east, north, 0))
    ends = surface_positions(np.array([lat, point.lat]), np.array([lon, point.lon]))
    assert np.linalg.norm(ends[1] - ends[0]) == pytest.approx(np.hypot(east, north), abs=0.06)


@pytest.mark.parametrize(
    'values', [(91, 0, 0), (0, 181, 0), (float('nan'), 0, 0), (0, 0, float('inf'))]
)
def test_impossible_points_are_refused(values):
    with pytest.raises(ValueError, match='no place on Earth'):
        GeoPoint(*values)


def test_datum_needs_a_height():
    with pytest.raises(ValueError, match='altitude'):
        Datum(0, 0, float('nan'))


@pytest.mark.parametrize(
    ('utm', 'expected'),
    [
        ((500000.0, 5316000.0, 33, False), (47.997299, 15.0)),
        ((334000.0, 6250000.0, 56, True), (-33.877291, 151.205137)),
        # One place in both halves of its zone.
        ((500000.0, 10000000.0, 31, True), (0.0, 3.0)),
        ((500000.0, 0.0, 31, False), (0.0, 3.0)),
    ],
)
def test_utm_is_read_in_its_zone_and_half(utm, expected):
    *numbers, south = utm
    assert from_utm(*numbers, south=south)[0] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=50)
@given(lat=st.floats(-80, 80), lon=st.floats(-180, 180), other=st.integers(-1, 1))
def test_place_has_one_position_whatever_zone_it_is_given_in(lat, lon, other):
    from pyproj import Proj

    zone = (int((lon + 180) // 6) % 60 + other) % 60 + 1
    south = lat < 0
    east, north = Proj(proj='utm', zone=zone, south=south, ellps='WGS84')(lon, lat)
    found = from_utm(east, north, zone, south=south)[0]
    assert np.linalg.norm(Datum(lat, lon).position_of(GeoPoint(*found))) < 1e-4


@pytest.mark.parametrize('lon', [180.0, -180.0])
@pytest.mark.parametrize('lat', [0.0, 90.0, -90.0, 48.0])
def test_points_at_the_date_line_and_the_poles_are_points(lat, lon):
    datum = Datum(lat, lon)
    for east in np.linspace(-1e-6, 1e-6, 41):
        datum.point_at((east, east, 0))
    zone = 60 if lon > 0 else 1
    from pyproj import Proj

    if abs(lat) < 90:
        GeoPoint(*from_utm(*Proj(proj='utm', zone=zone, ellps='WGS84')(lon, lat), zone)[0])


@pytest.mark.parametrize('zone', [0, 61, -1])
def test_zone_that_does_not_exist_is_refused(zone):
    with pytest.raises(ValueError, match='zones 1 to 60'):
        from_utm(5e5, 0, zone)


def test_utm_beyond_the_earth_is_refused():
    with pytest.raises(ValueError, match='no place on Earth'):
        from_utm(1e9, 1e9, 33)


@pytest.mark.parametrize(
    ('point', 'zone'),
    [
        ((48.1, 11.6), (32, False)),
        ((-33.9, 151.2), (56, True)),
        ((0, -180), (1, False)),
        ((10, 180), (60, False)),
        ((60.4, 5.3), (32, False)),  # Bergen
        ((60.4, 2.9), (31, False)),
        ((78.2, 15.6), (33, False)),  # Longyearbyen
        ((75, 8.9), (31, False)),
        ((75, 41.9), (37, False)),
        ((75, 42), (38, False)),
        ((84.1, 0), None),
        ((-80.1, 0), None),
    ],
)
def test_zone_is_the_one_that_maps_print(point, zone):
    assert utm_zone(*point) == zone


@settings(max_examples=50)
@given(lat=st.floats(-80, 84), lon=st.floats(-180, 180))
def test_utm_coordinates_lead_back(lat, lon):
    zone, south = utm_zone(lat, lon)
    ((east, north),) = to_utm([[lat, lon]], zone, south=south)
    back = from_utm(east, north, zone, south=south)[0]
    assert np.linalg.norm(Datum(lat, lon).position_of(GeoPoint(*back))) < 1e-4
    assert 1e5 < east < 9e5
    assert -1e-6 <= north <= 1e7


def test_what_has_no_utm_coordinates_has_none():
    found = to_utm([[np.nan, np.nan, 1], [0, 101, 0], [48, 11, 0]], 32)
    assert np.isnan(found).tolist() == [[True, True], [True, True], [False, False]]
