# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Place maps: places with descriptions and poses, one SQLite file each."""

from vpr_ros.maps.coder import ItqCoder
from vpr_ros.maps.folder import MapFolder
from vpr_ros.maps.integrity import verify
from vpr_ros.maps.map_files import changed_copy, copy, merge
from vpr_ros.maps.place import Camera, MapInfo, NewPlace, Place, Session
from vpr_ros.maps.reader import PlaceMap
from vpr_ros.maps.recovering import Recovery, recover
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.maps.writer import MapWriter

__all__ = [
    'Camera',
    'ItqCoder',
    'MapFolder',
    'MapInfo',
    'MapWriter',
    'NewPlace',
    'Place',
    'PlaceMap',
    'Recovery',
    'Session',
    'Snapshot',
    'changed_copy',
    'copy',
    'merge',
    'recover',
    'verify',
]
