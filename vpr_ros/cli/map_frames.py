# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map datum`` and ``mount``: where the frame of a map lies, and cameras on their robot."""

from __future__ import annotations

from typing import Annotated

import typer

from vpr_ros.cli.console import say
from vpr_ros.cli.options import AsJson, MapPath
from vpr_ros.errors import VprError


def datum(
    path: MapPath,
    *,
    at: Annotated[
        tuple[float, float, float] | None,
        typer.Option('--set', metavar='LAT LON ALT', help='WGS 84: degrees, metres.'),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show where on Earth the origin of the map frame lies, or say so where it is not known.

    There x points east and y north. A datum cannot be changed: poses depend on it.
    """
    from vpr_ros.geometry import Datum
    from vpr_ros.maps import MapWriter, PlaceMap

    with (MapWriter if at is not None else PlaceMap).open(path, memory_budget=0) as place_map:
        if at is not None and isinstance(place_map, MapWriter):
            try:
                place_map.set_datum(Datum(*at))
            except ValueError as error:
                raise VprError(str(error)) from error
        known = place_map.datum
    answer = None if known is None else {'lat': known.lat, 'lon': known.lon, 'alt': known.alt}
    text = 'none' if known is None else f'{known.lat:.9f} {known.lon:.9f} {known.alt:.4f}'
    say(as_json, {'datum': answer}, f'{path}: datum {text}')


def mount(
    path: MapPath,
    *,
    camera: Annotated[str, typer.Option(help='Name of the camera.')] = '',
    pose: Annotated[
        str,
        typer.Option(
            '--set',
            metavar='"X Y Z ROLL PITCH YAW"',
            help='Optical frame (x right, y down, z forward) in the base frame: metres, radians.',
        ),
    ] = '',
    as_json: AsJson = False,
) -> None:
    """Show where cameras sat on their robots, or say where one did."""
    from vpr_ros.geometry.mounts import parse_mount
    from vpr_ros.maps import MapWriter, PlaceMap

    wanted = parse_mount(pose)
    with (PlaceMap if wanted is None else MapWriter).open(path, memory_budget=0) as place_map:
        if wanted is not None and isinstance(place_map, MapWriter):
            place_map.set_mount(camera, wanted)
        cameras = place_map.info().cameras
    text = '\n'.join(
        f'{path}: camera {each.name!r} '
        + (
            'has no known mount'
            if each.mount is None
            else 'at x y z qx qy qz qw ' + ' '.join(f'{number:.6g}' for number in each.mount)
        )
        for each in cameras
    )
    answer = [{'camera': each.name, 'mount': each.mount} for each in cameras]
    say(as_json, {'cameras': answer}, text or f'{path}: no camera has seen a place yet')
