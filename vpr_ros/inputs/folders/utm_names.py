# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images whose names give their UTM coordinates, as in data sets of place recognition.

`@E@N@zone@letter@lat@lon@pano@tile@heading@pitch@roll@height@time@note@.jpg`, of which all but
the UTM coordinates E and N may be empty or missing.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vpr_ros.geometry import GeoPoint, Pose
from vpr_ros.geometry.geodesy import from_utm
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError, images_in
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from pathlib import Path

_ZONE = re.compile(r'(\d{1,2})([C-HJ-NP-X]?)', re.IGNORECASE)
_FIRST_NORTHERN_BAND = 'N'


@dataclass(frozen=True)
class UtmName:
    """The fields of the name of an image.

    Attributes:
        east: Metres.
        north: Metres.
        zone: UTM zone; None where the name gives none: the coordinates are of a local frame.
        south: Whether it is the southern half of the zone.
        heading: Degrees clockwise from north.
    """

    east: float
    north: float
    zone: int | None = None
    south: bool = False
    heading: float | None = None

    @property
    def yaw(self) -> float:
        """Radians counterclockwise from east, 0 where the heading is unknown."""
        return 0.0 if self.heading is None else math.pi / 2 - math.radians(self.heading)

    @staticmethod
    def parse(name: str) -> UtmName:
        """Read the name of a file, without its folders.

        Raises:
            ValueError: It does not begin with the coordinates, or they make no sense.
        """
        fields = name.split('@')
        try:
            before, east, north = fields[0], float(fields[1]), float(fields[2])
        except (IndexError, ValueError):
            before, east, north = '', math.nan, math.nan
        if before or not (math.isfinite(east) and math.isfinite(north)):
            msg = f'{name!r} does not begin with @UTM_east@UTM_north@'
            raise ValueError(msg)
        fields += [''] * (10 - len(fields))
        try:
            heading = float(fields[9]) if fields[9] else None
        except ValueError:
            heading = None
        zone, south = _zone(fields[3] + fields[4], fields[5])
        return UtmName(east, north, zone, south, heading)


def _zone(text: str, latitude: str) -> tuple[int | None, bool]:
    match = _ZONE.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= 60:
        return None, False
    if match[2]:
        return int(match[1]), match[2].upper() < _FIRST_NORTHERN_BAND
    try:
        return int(match[1]), float(latitude) < 0
    except ValueError:
        return None, False  # The hemisphere is unknown.


def utm_folder(folder: Path) -> list[PosedImage]:
    """Return the images of a folder and the folders in it, each with the pose in its name.

    Names with zones, which may differ, give positions on Earth; without zones, the coordinates are
    x and y of the map frame. Names give no times: stamps count the images in seconds.

    Raises:
        FolderError: A name gives no coordinates, or only some have a zone.
    """
    images = images_in(folder)
    names = [_parse(path) for path in images]
    bare = [path for path, name in zip(images, names, strict=True) if name.zone is None]
    if bare and len(bare) < len(images):
        msg = f'{len(bare)} of {len(images)} images have no UTM zone and band, such as {bare[0]}'
        raise FolderError(msg)
    if bare:
        return [
            PosedImage(path, i * SECOND, Pose.planar(name.east, name.north, name.yaw))
            for i, (path, name) in enumerate(zip(images, names, strict=True))
        ]
    return [
        PosedImage(path, i * SECOND, None, point, None if head is None else math.radians(head))
        for i, (path, point, head) in enumerate(
            zip(images, _points(folder, names), (name.heading for name in names), strict=True)
        )
    ]


def _parse(path: Path) -> UtmName:
    try:
        return UtmName.parse(path.name)
    except ValueError as error:
        msg = f'{path}: {error}'
        raise FolderError(msg) from error


def _points(folder: Path, names: list[UtmName]) -> list[GeoPoint]:
    by_zone: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        by_zone[name.zone or 0, name.south].append(i)
    points: dict[int, GeoPoint] = {}
    for (zone, south), members in by_zone.items():
        try:
            geodetic = from_utm(
                [names[i].east for i in members],
                [names[i].north for i in members],
                zone,
                south=south,
            )
        except ValueError as error:
            msg = f'{folder}: {error}'
            raise FolderError(msg) from error
        points.update(zip(members, (GeoPoint(*p) for p in geodetic.tolist()), strict=True))
    return [points[i] for i in range(len(names))]


FORMATS = (FolderFormat('utm', 'names are @utm_east@utm_north@ and more', utm_folder),)
