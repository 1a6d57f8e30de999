# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map register``, and the registering of ``vpr map build``."""

from __future__ import annotations

import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import echo, progress_bar, say
from vpr_ros.cli.map_edit import sessions_of
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vpr_ros.loops import Registration
    from vpr_ros.maps import MapWriter, PlaceMap
    from vpr_ros.types import ModelInfo


def register(
    path: opt.MapPath,
    other: Annotated[
        Path,
        typer.Argument(
            metavar='OTHER', callback=opt.check_map, help='The map with the new sessions.'
        ),
    ],
    *,
    session: opt.Sessions = None,
    calibration: opt.CalibrationFile = '',
    as_json: opt.AsJson = False,
) -> None:
    """Add the sessions of another map, whose frame is unknown, by the places that both maps show.

    For sessions whose poses are of odometry that began anew. Their places are recognised in the
    map, and the transform that most of them agree with brings the poses into its frame; drift is
    bent away. With too few recognised places nothing is added. OTHER stays as it is.
    """
    from vpr_ros.errors import MapError
    from vpr_ros.maps import MapWriter, PlaceMap

    if other.samefile(path):
        msg = f'{other} is the map itself'
        raise typer.BadParameter(msg, param_hint='OTHER')
    with PlaceMap.open(other, memory_budget=0) as source:
        keys = sessions_of(source, session, other)
        if not keys:
            msg = f'{other} has no sessions'
            raise MapError(msg)
        with MapWriter.open(path, model=source.model) as place_map:
            found = register_sessions(place_map, source, keys, calibration)
            places = len(place_map)
    say_registered(path, found, places, as_json=as_json)


def register_sessions(
    place_map: MapWriter, source: PlaceMap, sessions: Sequence[int], calibration: str = ''
) -> dict[str, Registration]:
    """Register sessions of a map on another; return the registration by name of the session."""
    from vpr_ros.localize import calibration_for
    from vpr_ros.loops import register_session

    learnt = calibration_for(place_map.model, calibration)
    names = {one.id: one.name for one in source.session_list()}
    found = {}
    for key in sessions:
        name = f'{key} {names[key]!r}'
        with progress_bar(f'registering session {name}') as progress:
            found[name] = register_session(place_map, source, key, learnt, progress)
    return found


def mapped_apart(path: Path, model: ModelInfo, mapped: Callable[[MapWriter], int]) -> int:
    """Map a session apart, and register it on a map; return how many places were added.

    Args:
        path: The map; it has to exist.
        model: Of the descriptions.
        mapped: Adds the session to an empty map, and returns how many places it added.
    """
    from vpr_ros.maps import MapWriter

    with (
        MapWriter.open(path, model=model) as place_map,
        tempfile.TemporaryDirectory(prefix='vpr_session_') as folder,
        MapWriter.create(Path(folder) / 'session.vprmap', model) as apart,
    ):
        added = mapped(apart)
        keys = [one.id for one in apart.session_list()]
        for name, one in register_sessions(place_map, apart, keys).items():
            echo(f'session {name}: {words_of(one)}', err=True)
    return added


def summary_of(one: Registration) -> dict[str, Any]:
    """Return the figures of a registration for programs."""
    figures = asdict(one)
    del figures['poses'], figures['sigmas']
    return {'places': len(one.poses), **figures}


def say_registered(
    path: Path, found: dict[str, Registration], places: int, *, as_json: bool
) -> None:
    """Print what was registered."""
    lines = [f'session {name}: {words_of(one)}' for name, one in found.items()]
    answer = {
        'sessions': {name: summary_of(one) for name, one in found.items()},
        'places': places,
    }
    say(as_json, answer, '\n'.join([*lines, f'{path}: {counted(places, "place")}']))


def words_of(one: Registration) -> str:
    """Return one line for people."""
    return (
        f'{counted(len(one.poses), "place")} registered; '
        f'{one.agreeing} of {one.recognised} recognised places agree, {one.residual:.2f} m off '
        f'(median); drift of up to {one.bent:.2f} m taken out; the furthest place is '
        f'{one.beyond:.0f} m of way from one that was recognised'
    )
