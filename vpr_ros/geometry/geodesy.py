# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Geodetic positions (WGS 84) and the local frame about a datum."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from vpr_ros.geometry.pose import Pose

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_SEMI_MAJOR = 6378137.0
_FLATTENING = 1 / 298.257223563
_NULL = 1e-5
"""Degrees; a metre."""


@dataclass(frozen=True)
class GeoPoint:
    """A position on WGS 84.

    Attributes:
        lat: Latitude, degrees, [-90, 90].
        lon: Longitude, degrees, [-180, 180].
        alt: Height above the ellipsoid, metres; NaN where it is unknown.
    """

    lat: float
    lon: float
    alt: float = math.nan

    def __post_init__(self) -> None:
        if not (abs(self.lat) <= 90 and abs(self.lon) <= 180) or math.isinf(self.alt):
            height = '' if math.isnan(self.alt) else f', altitude {self.alt}'
            msg = (
                f'latitude {self.lat}, longitude {self.lon}{height} is no place on Earth: degrees'
                ' within [-90, 90] and [-180, 180] and metres are needed'
            )
            raise ValueError(msg)


def is_null_island(lat: float, lon: float) -> bool:
    """Tell whether a position is latitude 0, longitude 0, which devices give for an unknown."""
    return abs(lat) < _NULL and abs(lon) < _NULL


@dataclass(frozen=True)
class Datum(GeoPoint):
    """Origin of a local frame: x east, y north, z up, metres, on the tangent plane there."""

    alt: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if math.isnan(self.alt):
            msg = 'a datum needs an altitude (use 0 where heights do not matter)'
            raise ValueError(msg)

    @staticmethod
    def at(point: GeoPoint) -> Datum:
        """Return the datum at a point, at height 0 where that of the point is unknown."""
        return Datum(point.lat, point.lon, 0.0 if math.isnan(point.alt) else point.alt)

    @cached_property
    def _pipeline(self) -> Any:
        return _transformer(
            '+step +proj=cart +ellps=WGS84 +step +proj=topocentric +ellps=WGS84 '
            f'+lat_0={self.lat!r} +lon_0={self.lon!r} +h_0={self.alt!r}'
        )

    @cached_property
    def in_ecef(self) -> Pose:
        """The local frame in the Earth-centred, Earth-fixed one."""
        geocentric = _transformer('+step +proj=cart +ellps=WGS84')
        x, y, z = geocentric.transform(self.lon, self.lat, self.alt)
        # From x east, y north, z up: tilt the zenith to the latitude, then turn to the longitude.
        tilt, turn = math.radians(90 - self.lat) / 2, math.radians(90 + self.lon) / 2
        about_x = Pose.of((0, 0, 0), (math.sin(tilt), 0, 0, math.cos(tilt)))
        return Pose.of((x, y, z), (0, 0, math.sin(turn), math.cos(turn))) @ about_x

    def pose_of(self, other: Datum) -> Pose:
        """Return the pose of another datum's local frame in this one's; exact at any distance.

        Both are rigid frames in space: away from its datum a plane leaves the ground, and its
        axes are no longer east, north and up there, so that this is more than a translation.
        """
        return self.in_ecef.inverse() @ other.in_ecef

    def to_enu(self, geodetic: ArrayLike) -> NDArray[np.float64]:
        """Turn geodetic positions into local ones.

        Args:
            geodetic: (N, 3) latitude and longitude in degrees, height in metres; a NaN height
                means the height of the datum.

        Returns:
            (N, 3) float64 east, north, up, metres.
        """
        lat, lon, alt = np.array(geodetic, np.float64).reshape(-1, 3).T
        alt = np.where(np.isnan(alt), self.alt, alt)
        return np.stack(self._pipeline.transform(lon, lat, alt), axis=1)

    def to_geodetic(self, enu: ArrayLike) -> NDArray[np.float64]:
        """Turn local positions (N, 3), metres, into (N, 3) latitude, longitude, height."""
        east, north, up = np.array(enu, np.float64).reshape(-1, 3).T
        lon, lat, alt = self._pipeline.transform(east, north, up, direction='INVERSE')
        return np.stack([*_within_range(lat, lon), alt], axis=1)

    def position_of(self, point: GeoPoint) -> NDArray[np.float64]:
        """Return the local position (3,) of one point, metres."""
        return np.asarray(self.to_enu([[point.lat, point.lon, point.alt]])[0])

    def point_at(self, position: ArrayLike) -> GeoPoint:
        """Return the point on Earth of one local position (3,), metres."""
        lat, lon, alt = self.to_geodetic(position)[0]
        return GeoPoint(float(lat), float(lon), float(alt))


def surface_positions(lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Earth-centred positions (N, 3), metres, of points on the ellipsoid.

    Chords between such positions measure distance over ground, at any latitude and across the
    date line; over 1 km they fall short of the arc by less than 2 micrometres.
    """
    phi, lam = np.radians(lat), np.radians(lon)
    squared_eccentricity = _FLATTENING * (2 - _FLATTENING)
    normal = _SEMI_MAJOR / np.sqrt(1 - squared_eccentricity * np.sin(phi) ** 2)
    return np.stack(
        [
            normal * np.cos(phi) * np.cos(lam),
            normal * np.cos(phi) * np.sin(lam),
            normal * (1 - squared_eccentricity) * np.sin(phi),
        ],
        axis=-1,
    )


def from_utm(
    east: ArrayLike, north: ArrayLike, zone: int, *, south: bool = False
) -> NDArray[np.float64]:
    """Turn UTM coordinates of one zone into (N, 2) latitude and longitude, degrees.

    Also right far outside the zone, as where a traverse kept one zone across its border.

    Args:
        east: (N,) metres, with the false easting of 500 km.
        north: (N,) metres; in the south with the false northing of 10 000 km.
        zone: 1 to 60.
        south: Which hemisphere the false northing belongs to.

    Raises:
        ValueError: There is no such zone, or a coordinate is no place on Earth.
    """
    if not 1 <= zone <= 60:
        msg = f'UTM has the zones 1 to 60, not {zone}'
        raise ValueError(msg)
    lon, lat = _utm(zone, south).transform(
        np.array(east, np.float64).reshape(-1),
        np.array(north, np.float64).reshape(-1),
        direction='INVERSE',
    )
    if not (np.isfinite(lat).all() and np.isfinite(lon).all()):
        msg = f'coordinates in UTM zone {zone} are no place on Earth'
        raise ValueError(msg)
    return np.stack(_within_range(lat, lon), axis=1)


def utm_zone(lat: float, lon: float) -> tuple[int, bool] | None:
    """Return the UTM zone of a point, and whether it is south; None near the poles.

    With the exceptions about Norway and Svalbard (DMA TM 8358.2, 1989, section 3).
    """
    if not -80 <= lat <= 84:
        return None
    zone = min(int((lon + 180) // 6) + 1, 60)
    if 56 <= lat < 64 and 3 <= lon < 12:
        zone = 32
    if lat >= 72 and 0 <= lon < 42:
        zone = 31 + 2 * int((lon + 3) // 12)
    return zone, lat < 0


def to_utm(geodetic: ArrayLike, zone: int, *, south: bool = False) -> NDArray[np.float64]:
    """Turn latitudes and longitudes (N, 2 or more), degrees, into (N, 2) UTM east and north, m.

    NaN stays NaN; points too far from the zone become NaN; see `from_utm`.
    """
    positions = np.array(geodetic, np.float64)
    projected = np.full((len(positions), 2), np.nan)
    known = ~np.isnan(positions[:, 0])
    lat, lon = positions[known, 0], positions[known, 1]
    projected[known] = np.stack(_utm(zone, south).transform(lon, lat), axis=1)
    projected[~np.isfinite(projected).all(axis=1)] = np.nan
    return projected


def _within_range(
    lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # Rounding carries points on the date line or the poles beyond them.
    return np.clip(lat, -90, 90), np.clip(lon, -180, 180)


@cache
def _utm(zone: int, south: bool) -> Any:  # noqa: FBT001
    return _transformer(f'+step +proj=utm +zone={zone}{" +south" * south} +ellps=WGS84')


def _transformer(steps: str) -> Any:
    """Return the steps of a pipeline that takes longitude and latitude in degrees."""
    # Here and not above: maps without geodetic positions do not need pyproj.
    from pyproj import Transformer  # noqa: PLC0415

    degrees = '+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad'
    return Transformer.from_pipeline(f'{degrees} {steps}')
