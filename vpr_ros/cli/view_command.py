# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr view``: a map in the viewer."""

from __future__ import annotations

from vpr_ros.cli import map_weak_spots
from vpr_ros.cli import options as opt
from vpr_ros.cli.console import print_json
from vpr_ros.cli.viewing import RerunFile, looking
from vpr_ros.errors import VprError


def view(map_path: opt.MapPath, *, rerun: RerunFile = None, as_json: opt.AsJson = False) -> None:
    """Look at a map in Rerun: sessions, weak spots, and one place after the other.

    Without --rerun the viewer is opened, and the command ends when that is closed.
    """
    with looking(rerun, map_path.name, viewer=rerun is None) as record:
        from vpr_ros.maps import PlaceMap
        from vpr_ros.view.map_scene import ExaminedMap, show_map

        with PlaceMap.open(map_path) as place_map:
            if not len(place_map):
                msg = f'{map_path} has no places to look at'
                raise VprError(msg)
            examined = ExaminedMap(place_map, *map_weak_spots.compared(place_map))
            record(lambda stream, tell: show_map(stream, examined, tell))
            if as_json:
                print_json({'places': len(place_map), 'recording': rerun and str(rerun)})
