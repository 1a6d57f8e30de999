# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr bag``: plays and inspects bags."""

from __future__ import annotations

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, echo, print_json, progress_bar, say, table_of
from vpr_ros.stamps import SECOND, format_stamp, iso_time

app = typer.Typer(no_args_is_help=True)


@app.command()
def play(
    context: typer.Context,
    bag: opt.BagPath,
    *,
    rate: Annotated[float, opt.number('Seconds of the bag per second.', min=0.001)] = 1.0,
    loop: Annotated[
        bool, typer.Option('--loop', help='Start again at the end; stamps and /clock jump back.')
    ] = False,
    start: Annotated[float, opt.number('Seconds of the bag to skip.', min=0.0)] = 0.0,
    duration: Annotated[
        float | None, opt.number('Seconds of the bag to play; all, if not given.', min=0.0)
    ] = None,
    topics: Annotated[
        list[str] | None,
        typer.Option(metavar='TOPIC', help='Topic to play, several times; all, if not given.'),
    ] = None,
    remap: Annotated[
        list[str] | None,
        typer.Option(metavar='FROM:=TO', help='New name; several times.'),
    ] = None,
    clock: Annotated[bool, typer.Option(help='Publish the time of the bag on /clock.')] = True,
    subscribers: Annotated[
        int,
        typer.Option(
            '--wait-for-subscribers',
            min=0,
            metavar='N',
            help='Begin when each image topic has N subscribers.',
        ),
    ] = 0,
    wait_for: Annotated[
        str,
        typer.Option(
            metavar='TOPIC',
            help='Before the next image, wait for a message with the stamp of the last on this '
            'topic, so that no image is dropped however slow the node is.',
        ),
    ] = '',
    timeout: Annotated[
        float, opt.number('Seconds to wait for subscribers and answers.', min=0.0)
    ] = 30.0,
    as_json: opt.AsJson = False,
) -> None:
    """Publish the messages of a bag on their topics, with their recorded stamps."""
    why = 'without --wait-for or --wait-for-subscribers'
    opt.refuse_idle(context, why, 'timeout', when=not (wait_for or subscribers))
    from rich.progress import TextColumn, TimeElapsedColumn

    from vpr_ros.bench import bag_player
    from vpr_ros.inputs.bags import Bag

    playback = bag_player.Playback(
        rate=rate,
        loop=loop,
        start=start,
        duration=duration,
        topics=tuple(topics or ()),
        remap=_parse_remap(remap or []),
        clock=clock,
        subscribers=subscribers,
        wait_for=wait_for,
        timeout=timeout,
    )
    # Supervisors stop programs with SIGTERM: end as for Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with Bag(bag) as opened:
        length = opened.duration / SECOND
    columns = TextColumn('{task.completed:.1f} s of the bag'), TimeElapsedColumn()
    with progress_bar(bag.name, *columns) as progress:
        played = bag_player.play(bag, playback, lambda seconds: progress(seconds, length))
    counts = ', '.join(f'{name} {count}' for name, count in sorted(played.published.items()))
    how = 'stopped' if played.interrupted else 'played'
    answer = {'bag': str(bag), **asdict(played)}
    say(as_json, answer, f'{how} {bag}: {counts or "nothing published"}')
    if played.unanswered:
        echo(f'images not answered on {wait_for}: {played.unanswered}', err=True)


@app.command()
def info(bag: opt.BagPath, *, as_json: opt.AsJson = False) -> None:
    """Show the topics of a bag, and those that a traverse would be read from."""
    report = _describe(bag)
    if as_json:
        print_json(report)
        return
    headers = 'topic', 'type', 'messages', 'Hz', 'used for'
    table = table_of(*headers, left=headers, overflow='fold')
    for topic in report['topics']:
        used = [key for key in ('image', 'pose') if report[key] == topic['name']]
        numbers = str(topic['count']), f'{topic["rate_hz"]:.1f}'
        table.add_row(topic['name'], topic['type'], *numbers, ', '.join(used))
    echo(f'{bag}: {report["duration_s"]:.1f} s from {report["start"]}')
    console().print(table)
    for key in ('image', 'pose'):
        if report[key] is None:
            echo(f'{key}: {report[f"{key}_reason"]}')


def _describe(path: Path) -> dict[str, Any]:
    from vpr_ros.errors import BagError
    from vpr_ros.inputs.bags import Bag, choose_image, choose_pose

    with Bag(path) as bag:
        seconds = bag.duration / SECOND
        report: dict[str, Any] = {
            'path': str(path),
            'start': iso_time(bag.start) or f'{format_stamp(bag.start)} s',
            'start_ns': bag.start,
            'duration_s': seconds,
            'messages': sum(topic.count for topic in bag.topics.values()),
            'topics': [
                {
                    'name': topic.name,
                    'type': topic.type,
                    'count': topic.count,
                    'rate_hz': max(topic.count - 1, 0) / seconds if seconds else 0.0,
                }
                for topic in bag.topics.values()
            ],
        }
        for key, choose in (('image', choose_image), ('pose', choose_pose)):
            report[key] = None
            try:
                report[key] = choose(bag).name
            except BagError as error:
                report[f'{key}_reason'] = str(error)
    return report


def _parse_remap(pairs: list[str]) -> dict[str, str]:
    remap = {}
    for pair in pairs:
        old, separator, new = pair.partition(':=')
        if not (old and separator and new):
            msg = f'{pair} is not of the form FROM:=TO'
            raise typer.BadParameter(msg, param_hint='--remap')
        remap[old] = new
    return remap
