# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The place map: what was seen where, in one file that is kept for years."""

from vpr_ros.maps.coder import ItqCoder
from vpr_ros.maps.copying import copy
from vpr_ros.maps.folder import MapFolder
from vpr_ros.maps.geo import Datum, GeoPoint
from vpr_ros.maps.merge import merge
from vpr_ros.maps.place import Camera, MapInfo, NewPlace, Place, Session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.maps.verification import verify

__all__ = [
    'Camera',
    'Datum',
    'GeoPoint',
    'ItqCoder',
    'MapFolder',
    'MapInfo',
    'NewPlace',
    'Place',
    'PlaceMap',
    'Session',
    'Snapshot',
    'copy',
    'merge',
    'verify',
]
