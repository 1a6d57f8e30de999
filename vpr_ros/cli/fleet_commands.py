# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr fleet``: maps of many robots on a PostgreSQL server."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import echo, progress_bar, say
from vpr_ros.cli.map_edit import sessions_of
from vpr_ros.errors import FleetError
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from vpr_ros.fleet import FleetMap, FleetSession, PullReport

app = typer.Typer(no_args_is_help=True)

_LOOK = 0.5
"""Seconds between two looks at a map that is followed."""
_END = 3.0
"""Seconds that its end may take."""

Url = Annotated[
    str,
    typer.Argument(
        metavar='URL',
        callback=opt.check_not_map,
        help='The server as libpq has it: postgresql://HOST/DATABASE, or service=NAME.',
    ),
]
MapName = Annotated[
    str,
    typer.Argument(metavar='MAP_NAME', callback=opt.check_not_map, help='Of the map there.'),
]
Version = Annotated[
    int | None, typer.Option(min=1, help='Former version of the session; the newest if not given.')
]
Calibration = Annotated[
    Path | None,
    typer.Option(
        callback=opt.check_folder, help='A calibration of the network, by its name, as well.'
    ),
]


@app.command()
def init(
    url: Url,
    *,
    shard: Annotated[
        int | None,
        typer.Option(min=0, help='Number of this server, where a fleet has several; else 0.'),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Make a database ready for maps, or bring it up to date."""
    from vpr_ros.fleet.schema import VERSION, initialise

    with _server(url, checked=False) as connection:
        steps = initialise(connection, shard)
    lines = [f'version {step.version}: {step.name}' for step in steps]
    lines.append(f'the schema has version {VERSION}')
    say(as_json, {'version': VERSION, 'steps': [s.name for s in steps]}, '\n'.join(lines))


@app.command()
def front(
    url: Url,
    shards: Annotated[
        list[str],
        typer.Argument(metavar='NUMBER=URL', help='Each server, as numbered by `init --shard`.'),
    ],
    *,
    as_json: opt.AsJson = False,
) -> None:
    """Make an empty database answer for several servers, each with an area of its own."""
    from vpr_ros.fleet.shards import initialise_front

    servers = {}
    for word in shards:
        number, found, server = word.partition('=')
        if not (found and number.isdecimal()):
            msg = f'{word!r} is not of the form NUMBER=URL'
            raise typer.BadParameter(msg)
        if int(number) in servers:
            msg = f'two servers have number {int(number)}'
            raise typer.BadParameter(msg)
        servers[int(number)] = server
    with _server(url, checked=False) as connection:
        initialise_front(connection, servers)
    say(as_json, {'servers': servers}, f'answers for {counted(len(servers), "server")}')


@app.command()
def check(url: Url, *, as_json: opt.AsJson = False) -> None:
    """Check the contents of the server; exit status 1 if something is wrong."""
    from vpr_ros.fleet.schema import problems

    with _server(url) as connection:
        found = problems(connection)
    say(as_json, {'problems': found}, '\n'.join(found) or 'all is sound')
    if found:
        raise typer.Exit(1)


@app.command()
def grant(
    url: Url,
    name: Annotated[str, typer.Argument(metavar='ROLE', help='Role of PostgreSQL that logs in.')],
    *,
    role: Annotated[
        Literal['owner', 'robot', 'reader'],
        typer.Option(
            '--as', help='A reader reads; a robot also pushes its own; an owner may do all.'
        ),
    ],
    as_json: opt.AsJson = False,
) -> None:
    """Let a robot or a person use the server; makes the role where there is none."""
    from vpr_ros.fleet.roles import grant as grant_role

    with _server(url) as connection:
        made = grant_role(connection, name, role)
    advice = ', and was made without a password: give it one (psql: \\password)' if made else ''
    say(as_json, {'role': name, 'is': role, 'made': made}, f'{name} is a {role}{advice}')


@app.command()
def status(url: Url, *, as_json: opt.AsJson = False) -> None:
    """Show versions, maps, sizes and who pushes."""
    from vpr_ros.fleet.status import status_of

    with _server(url) as connection:
        found = status_of(connection)
    lines = [
        f'PostgreSQL {found.server}, pgvector {found.pgvector}, schema {found.schema}'
        + (', a replica' if found.replica else ''),
        f'role {found.role}, {found.bytes / 1e6:.1f} MB',
        *(
            f'map {each.name}: {counted(each.sessions, "session")} of '
            f'{counted(each.owners, "owner")}, {counted(each.places, "place")}'
            for each in found.maps
        ),
    ]
    say(as_json, asdict(found), '\n'.join(lines))


@app.command()
def push(
    path: opt.MapPath,
    url: Url,
    name: MapName,
    *,
    session: opt.Sessions = None,
    anchored: Annotated[
        bool, typer.Option('--anchored', help='The poses are in the frame of the map there.')
    ] = False,
    shrink: Annotated[
        bool, typer.Option('--shrink', help='Remove places there that the map lacks.')
    ] = False,
    calibration: Calibration = None,
    as_json: opt.AsJson = False,
) -> None:
    """Bring sessions of a map to the server: new ones, and new versions of those it has."""
    from vpr_ros.fleet import FleetMap
    from vpr_ros.fleet import push as push_sessions
    from vpr_ros.fleet.fleet_calibrations import push_calibration
    from vpr_ros.maps import PlaceMap

    with (
        _server(url) as connection,
        PlaceMap.open(path, memory_budget=0) as place_map,
        progress_bar(f'pushing {path.name}') as progress,
    ):
        numbers = sessions_of(place_map, session, path) if session else None
        answers = push_sessions(
            connection, name, place_map, numbers, progress, anchored=anchored, shrink=shrink
        )
        if calibration is not None:
            push_calibration(FleetMap(connection, name), calibration)
    lines = [
        f'session {each.session} ({each.name!r}): {each.outcome}, version {each.version}'
        + (f': {each.reason}' if each.reason else '')
        for each in answers
    ]
    say(as_json, [asdict(each) for each in answers], '\n'.join(lines))
    if any(each.outcome == 'refused' for each in answers):
        raise typer.Exit(1)


@app.command()
def pull(
    path: opt.NewMapPath,
    url: Url,
    name: MapName,
    *,
    session: opt.Sessions = None,
    version: Version = None,
    calibration: Calibration = None,
    as_json: opt.AsJson = False,
) -> None:
    """Bring sessions of the server into a map, which is made if there is none."""
    from vpr_ros.fleet import FleetMap, open_copy
    from vpr_ros.fleet import pull as pull_sessions
    from vpr_ros.fleet.fleet_calibrations import pull_calibration

    with _server(url) as connection, progress_bar(f'pulling {name}') as progress:
        fleet = FleetMap(connection, name)
        wanted = _chosen(fleet, session, version)
        with open_copy(path, fleet) as place_map:
            report = pull_sessions(fleet, place_map, wanted, progress)
        if calibration is not None:
            pull_calibration(fleet, calibration)
    _say_report(path, as_json, report)
    if report.refused:
        raise typer.Exit(1)


@app.command()
def sync(
    path: opt.NewMapPath,
    url: Url,
    name: MapName,
    *,
    around: Annotated[
        tuple[float, float, float] | None,
        typer.Option(
            metavar='LAT LON RADIUS', help='Only places so many metres about a point (degrees).'
        ),
    ] = None,
    once: Annotated[
        bool, typer.Option('--once', help='Bring the map up to date, and end.')
    ] = False,
    interval: Annotated[
        float,
        opt.number('Seconds between two looks at the server, beside what it tells.', min=0.1),
    ] = 10.0,
    as_json: opt.AsJson = False,
) -> None:
    """Keep a map like one on the server, or the part of it about a point, until Ctrl-C."""
    from vpr_ros.fleet.region import MapRegion
    from vpr_ros.fleet.sync import FleetSync
    from vpr_ros.geometry import GeoPoint

    region = None
    if around is not None:
        try:
            region = MapRegion(GeoPoint(*around[:2]), around[2])
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint='--around') from error
    show = partial(_say_report, path, as_json)
    following = FleetSync(path, url, name, region, interval=interval, changed=show)
    if once:
        report = following.once()
        show(report)
        if report.refused:
            raise typer.Exit(1)
        return
    fault, refused = '', tuple[str, ...]()
    following.start()
    try:
        while True:
            time.sleep(_LOOK)
            state = following.state
            if state.fault != fault and state.fault:
                echo(f'waiting for the server: {state.fault}', err=True)
            if state.refused != refused:
                echo('\n'.join(f'left alone: {each}' for each in state.refused), err=True)
            fault, refused = state.fault, state.refused
    finally:
        # A server that is silent does not keep the command; what is half written is none.
        following.stop(_END)


@app.command()
def sessions(
    url: Url,
    name: MapName,
    *,
    former: Annotated[
        bool, typer.Option('--former', help='Former versions and deletions, too.')
    ] = False,
    as_json: opt.AsJson = False,
) -> None:
    """List the sessions of a map on the server."""
    from vpr_ros.fleet import FleetMap

    with _server(url) as connection:
        found = FleetMap(connection, name).sessions(former=former)
    lines = [
        f'session {one.key} {one.name!r}: version {one.version} of {one.pushed_by} at '
        f'{one.pushed_at:%Y-%m-%d %H:%M:%S}, '
        + (counted(one.places, 'place') if one.places else 'deleted')
        + f' ({one.uid})'
        for one in found
    ]
    say(as_json, [asdict(each) for each in found], '\n'.join(lines))


@app.command()
def delete(
    url: Url,
    name: MapName,
    *,
    session: Annotated[str, typer.Option(help='Number, name or UUID of the session there.')],
    as_json: opt.AsJson = False,
) -> None:
    """Delete a session of the server; its former versions can still be pulled."""
    from vpr_ros.fleet import FleetMap
    from vpr_ros.fleet import delete as delete_session

    with _server(url) as connection:
        (found,) = _chosen(FleetMap(connection, name), [session], None)
        version = delete_session(connection, name, found.uid)
    text = f'session {found.key} ({found.name!r}) is deleted, as version {version}'
    say(as_json, {'uid': found.uid, 'version': version}, text)


@app.command()
def tidy(
    url: Url,
    name: MapName,
    *,
    keep: Annotated[
        int, typer.Option(min=0, help='Versions of each session kept beside the newest.')
    ] = 1,
    as_json: opt.AsJson = False,
) -> None:
    """Remove old versions of sessions, and what unfinished pushes left (which send it again)."""
    from vpr_ros.fleet import tidy as tidy_up

    with _server(url) as connection:
        found = tidy_up(connection, name, keep)
    text = (
        f'{counted(found.versions, "version")}, {counted(found.descriptors, "descriptor")} and '
        f'{counted(found.unpublished, "unfinished session")} removed'
        + (f'; {counted(found.busy, "session")} being pushed, left alone' if found.busy else '')
    )
    say(as_json, asdict(found), text)


def _say_report(path: Path, as_json: bool, report: PullReport) -> None:
    text = (
        f'{path}: {counted(len(report.added), "session")} added, {len(report.replaced)} replaced, '
        f'{len(report.removed)} removed, {report.unchanged} unchanged, '
        f'{counted(report.places, "place")} written'
        + ''.join(f'\nleft alone: {each}' for each in report.refused.values())
    )
    say(as_json, asdict(report), text)


@contextmanager
def _server(url: str, *, checked: bool = True) -> Iterator[Connection]:
    """Connect to the server; what it says is explained."""
    from vpr_ros.fleet import connected, explained

    with connected(url, checked=checked) as connection, explained(url):
        yield connection


def _chosen(fleet: FleetMap, wanted: list[str] | None, version: int | None) -> list[FleetSession]:
    """Return the sessions asked for by number, name or UUID, all if none were.

    Raises:
        FleetError: There is no such session or version, or several have the name.
    """
    listed = fleet.sessions(former=version is not None)
    if version is not None:
        listed = [each for each in listed if each.version == version]
    if version is not None and not listed:
        msg = f'no session of the map {fleet.name!r} has a version {version}'
        raise FleetError(msg)
    if not wanted:
        return listed
    found = []
    for word in wanted:
        fitting = [each for each in listed if word in (each.uid, each.name, str(each.key))]
        if len(fitting) != 1:
            there = ', '.join(f'{each.key} ({each.name})' for each in listed)
            count = 'several sessions' if fitting else 'no session'
            msg = f'the map {fleet.name!r} has {count} {word}; it has {there or "none"}'
            raise FleetError(msg)
        found += fitting
    return found
