# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Commands that change a map: ``vpr map merge``, ``delete``, ``compact``, ``recover`` …."""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import progress_bar, say
from vpr_ros.cli.map_contents import named
from vpr_ros.errors import VprError
from vpr_ros.stamps import SECOND
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from vpr_ros.maps import PlaceMap

_CHOSEN = re.compile(r'(.+):(\d+(?:,\d+)*)')


def _source(text: str) -> tuple[Path, list[int] | None]:
    """Return a map and the sessions asked for: all of PATH, or some of PATH:1,3."""
    match = _CHOSEN.fullmatch(text)
    if match is None or Path(text).exists():
        return Path(text), None
    return Path(match[1]), [int(number) for number in match[2].split(',')]


def merge(
    maps: Annotated[
        list[str],
        typer.Argument(
            metavar='MAP',
            callback=opt.each(lambda text: opt.check_map(_source(text)[0])),
            help='Maps; MAP:1,3 for the sessions 1 and 3 alone.',
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option('--output', '-o', callback=opt.check_new_map, help='The map to write.')
    ],
    anchored: Annotated[
        bool,
        typer.Option(
            '--anchored', help='All poses are in one frame, though it began with a session.'
        ),
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Make one map of several; they stay as they are.

    All must be of one model. Poses are brought into the frame of the first map by way of the
    datums; without datums all must name the same frame, and none may begin anew with each run
    (see `vpr map register`). Codes are copied, or made anew by the
    coder of the first map. Interrupted, it leaves nothing.
    """
    from vpr_ros import maps as place_maps

    with progress_bar(f'merging into {output.name}') as progress:
        sources = [_source(text) for text in maps]
        about = place_maps.merge(output, sources, progress, anchored=anchored)
    sessions = counted(len(about.sessions), 'session')
    text = (
        f'{output}: {counted(about.places, "place")} in {sessions} of {counted(len(maps), "map")}'
    )
    say(as_json, asdict(about), text)


def delete(
    path: opt.MapPath,
    *,
    session: opt.Sessions = None,
    near: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            metavar='X Y Z',
            callback=opt.check_finite,
            help='Places within the radius of it, metres in the map.',
        ),
    ] = None,
    near_geo: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar='LAT LON',
            callback=opt.check_on_earth,
            help='Places within the radius of it on Earth, degrees.',
        ),
    ] = None,
    radius: Annotated[float | None, opt.number('Metres.', min=0)] = None,
    yes: Annotated[bool, typer.Option('--yes', help='Do not ask.')] = False,
    as_json: opt.AsJson = False,
) -> None:
    """Delete whole sessions, or the places in an area; with both, only the sessions' places there.

    The file keeps its size until `vpr map compact`.
    """
    import numpy as np

    from vpr_ros.geometry import GeoPoint
    from vpr_ros.maps import MapWriter

    areas = [area for area in (near, near_geo) if area is not None]
    if len(areas) > 1 or bool(areas) != (radius is not None) or not (areas or session):
        msg = 'give --session SESSION, or --near X Y Z or --near-geo LAT LON with --radius'
        raise typer.BadParameter(msg)
    with MapWriter.open(path, memory_budget=0) as place_map:
        keys = sessions_of(place_map, session, path)
        doomed = place_map.ids[np.isin(place_map.sessions, keys)]
        if radius is not None:
            centre = GeoPoint(*near_geo) if near_geo is not None else np.array(near)
            doomed = np.intersect1d(doomed, place_map.snapshot.within(centre, radius))
        if not yes:
            question = f'Delete {len(doomed)} of {counted(len(place_map), "place")} of {path}?'
            with redirect_stdout(sys.stderr):  # confirm prints a space of its own there
                typer.confirm(question, abort=True)
        if radius is None:
            with place_map.transaction():
                for key in keys:
                    place_map.delete_session(key)
        elif len(doomed):
            place_map.delete(doomed)
        left = len(place_map)
    answer = {'deleted': len(doomed), 'places': left}
    say(as_json, answer, f'{path}: {counted(len(doomed), "place")} deleted, {left} left')


def compact(path: opt.MapPath, *, as_json: opt.AsJson = False) -> None:
    """Give the space of deleted places back to the disk.

    It needs free space for two copies of the map: one beside it, and one in the folder for
    temporary files (SQLITE_TMPDIR). Others may go on reading. Interrupted, it changes nothing.
    """
    from vpr_ros.maps import MapWriter

    with MapWriter.open(path, memory_budget=0) as place_map:
        with progress_bar(f'compacting {path.name}'):
            freed = place_map.compact()
        size = place_map.info().bytes
    answer = {'freed': freed, 'bytes': size}
    say(as_json, answer, f'{path}: {freed / 2**20:.2f} MiB freed, {size / 2**20:.2f} MiB left')


def recover(path: opt.MapPath, *, as_json: opt.AsJson = False) -> None:
    """Take what can be read of a map whose log was damaged, lost or is another map's.

    The log of a killed writer needs none of this: whoever opens the map next reads it, and the
    next writer moves it into the file. All files as they were are kept beside the map.
    """
    from vpr_ros import maps as place_maps

    done = place_maps.recover(path)
    text = f'{path}: {done.places} places, nothing to recover'
    if done.kept:
        known = '' if done.acknowledged is None else f' of {done.acknowledged} acknowledged ones'
        kept = ', '.join(file.name for file in done.kept)
        text = f'{path}: {done.places} places{known} can be read; as it was, it is kept as {kept}'
    say(as_json, asdict(done), text)


def update_poses(
    context: typer.Context,
    path: opt.MapPath,
    poses: Annotated[
        Path,
        typer.Argument(
            metavar='POSES',
            callback=opt.check_not_map,
            help='stamp x y z qx qy qz qw (TUM).',
        ),
    ],
    *,
    by: Annotated[
        Literal['stamp', 'id'], typer.Option(help='Meaning of the first number of a line.')
    ] = 'stamp',
    stamp_tolerance: Annotated[
        float, opt.number('Seconds by which stamps may be off.', min=0)
    ] = 0.001,
    session: opt.Sessions = None,
    mount: opt.Mount = '',
    as_json: opt.AsJson = False,
) -> None:
    """Take over the poses of a SLAM back end that has optimised again, all at once.

    They are given in the map frame. Places it does not name keep their poses.
    """
    from vpr_ros.geometry.mounts import parse_mount
    from vpr_ros.geometry.trajectory_file import Trajectory, read_tum
    from vpr_ros.maps import MapWriter
    from vpr_ros.maps.map_export import update_by_id, update_by_stamp

    opt.refuse_idle(context, 'with --by id', 'stamp_tolerance', 'session', when=by == 'id')
    sensor = parse_mount(mount)
    trajectory = read_tum(poses, by_id=by == 'id')
    if sensor is not None:
        base = sensor.inverse()
        trajectory = Trajectory(trajectory.keys, [pose @ base for pose in trajectory.poses])
    with MapWriter.open(path, memory_budget=0) as place_map:
        if by == 'id':
            update = update_by_id(place_map, trajectory)
        else:
            update = update_by_stamp(
                place_map,
                trajectory,
                round(stamp_tolerance * SECOND),
                sessions_of(place_map, session, path),
            )
    kept = counted(update.kept, 'place')
    text = f'{path}: {counted(update.updated, "pose")} updated, {kept} kept theirs'
    say(as_json, asdict(update), text)


def datum(
    path: opt.MapPath,
    *,
    at: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            '--set',
            metavar='LAT LON ALT',
            callback=opt.check_on_earth,
            help='WGS 84: degrees, metres.',
        ),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Show the geographic origin of the map frame, or set it.

    There x points east and y north. A datum cannot be changed: poses depend on it.
    """
    from vpr_ros.geometry import Datum
    from vpr_ros.maps import MapWriter, PlaceMap

    if at is not None:
        with MapWriter.open(path, memory_budget=0) as writer:
            writer.set_datum(Datum(*at))
    with PlaceMap.open(path, memory_budget=0) as place_map:
        known = place_map.datum
    text = 'none' if known is None else f'{known.lat:.9f} {known.lon:.9f} {known.alt:.4f}'
    say(as_json, {'datum': known and asdict(known)}, f'{path}: datum {text}')


def mount(
    context: typer.Context,
    path: opt.MapPath,
    *,
    camera: Annotated[str, typer.Option(help='Name of the camera.')] = '',
    pose: Annotated[
        str,
        typer.Option(
            '--set',
            metavar='"X Y Z ROLL PITCH YAW"',
            callback=opt.check_mount,
            help='Optical frame (x right, y down, z forward) in the base frame: metres, radians.',
        ),
    ] = '',
    as_json: opt.AsJson = False,
) -> None:
    """Show the mounts of the cameras, or set one."""
    from vpr_ros.geometry import Pose
    from vpr_ros.geometry.mounts import mount_text, parse_mount
    from vpr_ros.maps import MapWriter, PlaceMap

    if (wanted := parse_mount(pose)) is None:
        opt.refuse_idle(context, 'without --set', 'camera')
    else:
        with MapWriter.open(path, memory_budget=0) as writer:
            writer.set_mount(camera, wanted)
    with PlaceMap.open(path, memory_budget=0) as place_map:
        cameras = place_map.info().cameras
    text = '\n'.join(
        f'{path}: camera {named(each)} '
        + (
            'has no known mount'
            if each.mount is None
            else f'at "{mount_text(Pose.from_array(each.mount))}"'
        )
        for each in cameras
    )
    answer = [{'camera': each.name, 'mount': each.mount} for each in cameras]
    say(as_json, {'cameras': answer}, text or f'{path}: no camera has seen a place yet')


def sessions_of(source: PlaceMap, wanted: list[str] | None, where: Path | str) -> list[int]:
    """Return the numbers of the sessions asked for by name or number, all if none were.

    Raises:
        VprError: There is no such session, or several have the name.
    """
    names = {session.id: session.name for session in source.session_list()}
    found = set()
    for word in wanted or ():
        fitting = [number for number, name in names.items() if name == word]
        if word.isdecimal() and int(word) in names:
            fitting = [int(word)]
        if len(fitting) != 1:
            there = ', '.join(f'{number} ({name})' for number, name in names.items())
            count = 'several sessions' if fitting else 'no session'
            msg = f'{where} has {count} {word}; it has {there or "none"}'
            raise VprError(msg)
        found.update(fitting)
    return sorted(found) if wanted else list(names)
