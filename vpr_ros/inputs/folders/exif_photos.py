# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs with GPS position and time in their EXIF data."""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from vpr_ros.errors import VprError
from vpr_ros.geometry import GeoPoint
from vpr_ros.geometry.geodesy import is_null_island
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError, images_in
from vpr_ros.inputs.frames.pillow_images import pillow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

_log = logging.getLogger(__name__)

_EXIF, _GPS = 0x8769, 0x8825
_TAKEN, _OFFSET, _FRACTION = 0x9003, 0x9011, 0x9291
_LAT_REF, _LAT, _LON_REF, _LON, _ALT_REF, _ALT, _TIME, _DIRECTION_REF, _DIRECTION = (
    *range(1, 8),
    16,
    17,
)
_STATUS, _DATE = 9, 29
_BELOW_SEA = b'\x01'
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def photo_folder(
    folder: Path, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> list[PosedImage]:
    """Return the photographs of a folder that have a position, in order of time.

    The EXIF standard gives heights above sea level. They are read as heights above the ellipsoid,
    as most cameras write them, and may be off by the height of the geoid, up to 100 m.

    Args:
        folder: Images; those without a position are reported in the log and left out.
        progress: Told after each how many are done, and of how many.

    Raises:
        FolderError: None of them has a position.
        ModuleNotFoundError: Pillow is not installed.
    """
    images = images_in(folder)
    photos: list[PosedImage] = []
    unplaced: defaultdict[str, list[Path]] = defaultdict(list)
    for done, path in enumerate(images, start=1):
        try:
            photos.append(read_photo(path))
        except NoPositionError as error:
            unplaced[str(error)].append(path)
        progress(done, len(images))
    for why, paths in unplaced.items():
        _log.warning('%d images left out, such as %s: %s', len(paths), paths[0].name, why)
    if not photos:
        msg = (
            f'none of the {len(images)} images in {folder} says where it was taken (EXIF GPS); '
            'import them without poses, then an answer is a place and its picture'
        )
        raise FolderError(msg)
    return sorted(photos, key=lambda photo: photo.stamp)


class NoPositionError(VprError):
    """A photograph that does not say where it was taken; the text says why."""


def read_photo(path: Path) -> PosedImage:
    """Return a photograph with its stamp and position.

    Raises:
        NoPositionError: It cannot be read, or has no position that is complete.
    """
    exif, gps = _tags(path)
    return PosedImage(path, _stamp(exif, gps), geo=_position(gps), heading=_heading(gps))


def photo_stamps(paths: Iterable[Path]) -> list[int] | None:
    """Return when photographs were taken, nanoseconds; None where one does not say.

    None, too, where Pillow is not installed.
    """
    stamps = []
    with suppress(NoPositionError, ModuleNotFoundError):
        for path in paths:
            stamps.append(_stamp(*_tags(path)))
            if not stamps[-1]:
                return None
        return stamps
    return None


def _tags(path: Path) -> tuple[Mapping[int, Any], Mapping[int, Any]]:
    """Return the EXIF and GPS tags of a photograph.

    Raises:
        NoPositionError: It cannot be read.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415  An extra.

    pillow()  # Reads HEIC too, and photographs of 200 megapixels.
    try:
        with Image.open(path) as image:  # Reads the header alone.
            tags = image.getexif()
            exif, gps = tags.get_ifd(_EXIF), tags.get_ifd(_GPS)
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        msg = f'{path}: {error}'
        raise NoPositionError(msg) from error
    return exif, gps


def _position(gps: Mapping[int, Any]) -> GeoPoint:
    if _LAT not in gps or _LON not in gps:
        msg = 'no GPS position'
        raise NoPositionError(msg)
    if _text(gps, _STATUS).upper() == 'V':
        msg = 'the receiver had no fix (GPSStatus V)'
        raise NoPositionError(msg)
    try:
        lat = _angle(gps[_LAT]) * _sign(gps, _LAT_REF, 'NS', 'GPSLatitudeRef')
        lon = _angle(gps[_LON]) * _sign(gps, _LON_REF, 'EW', 'GPSLongitudeRef')
        point = GeoPoint(lat, lon, _altitude(gps))
    except (TypeError, ValueError, ZeroDivisionError) as error:
        msg = 'the GPS position is no place on Earth'
        raise NoPositionError(msg) from error
    if is_null_island(lat, lon):
        msg = 'the GPS position is latitude 0, longitude 0, as cameras write for an unknown one'
        raise NoPositionError(msg)
    return point


def _angle(parts: Any) -> float:
    """Return degrees, from degrees, minutes and seconds.

    Raises:
        TypeError, ValueError, ZeroDivisionError: They are something else.
    """
    degrees, minutes, seconds = (float(part) for part in parts)
    if not (degrees >= 0 and 0 <= minutes <= 60 and 0 <= seconds <= 60):
        msg = f'{degrees} degrees {minutes} minutes {seconds} seconds is no angle'
        raise ValueError(msg)
    return degrees + minutes / 60 + seconds / 3600


def _sign(gps: Mapping[int, Any], tag: int, letters: str, name: str) -> int:
    """Return 1 or -1 for the hemispheres of two letters; an unknown one is an unknown position."""
    reference = _text(gps, tag)
    letter = reference[:1].upper()
    words = {'N': 'NORTH', 'S': 'SOUTH', 'E': 'EAST', 'W': 'WEST'}
    if letter and letter in letters and words[letter].startswith(reference.upper()):
        return -1 if letter == letters[1] else 1
    msg = f'the GPS position lacks its hemisphere ({name})'
    if reference:
        msg = f'the hemisphere of the GPS position ({name}) is {reference[:10]!r}'
    raise NoPositionError(msg)


def _altitude(gps: Mapping[int, Any]) -> float:
    try:
        altitude = float(gps[_ALT])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return math.nan
    if not math.isfinite(altitude):
        return math.nan
    return -altitude if gps.get(_ALT_REF) == _BELOW_SEA else altitude


def _heading(gps: Mapping[int, Any]) -> float | None:
    """Return radians clockwise from true north; magnetic directions are not used."""
    if _text(gps, _DIRECTION_REF).upper() != 'T':
        return None
    try:
        heading = math.radians(float(gps[_DIRECTION]))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return heading if math.isfinite(heading) else None


def _stamp(exif: Mapping[int, Any], gps: Mapping[int, Any]) -> int:
    """Return the satellites' time in nanoseconds, else the camera's, else 0."""
    moment = _satellite_time(gps) or _camera_time(exif)
    return 0 if moment is None else (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def _satellite_time(gps: Mapping[int, Any]) -> datetime | None:
    try:
        hours, minutes, seconds = (float(part) for part in gps[_TIME])
        day = datetime.strptime(f'{_text(gps, _DATE)}+0000', '%Y:%m:%d%z')
        return day + timedelta(hours=hours, minutes=minutes, seconds=seconds)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None


def _camera_time(exif: Mapping[int, Any]) -> datetime | None:
    offset = _text(exif, _OFFSET) or '+00:00'  # Old cameras do not write it.
    fraction = _text(exif, _FRACTION) or '0'
    try:
        return datetime.strptime(
            f'{_text(exif, _TAKEN)}.{fraction[:6]}{offset}', '%Y:%m:%d %H:%M:%S.%f%z'
        )
    except ValueError:
        return None


def _text(tags: Mapping[int, Any], tag: int) -> str:
    value = tags.get(tag, '')
    text = value.decode('ascii', 'replace') if isinstance(value, bytes) else str(value)
    return text.strip('\0 ')


FORMATS = (FolderFormat('exif', 'photographs with GPS positions', photo_folder, reports=True),)
