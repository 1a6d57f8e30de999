# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr demo``: maps a synthetic town and localises in it."""

from __future__ import annotations

import time
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, print_json


def demo(
    folder: Annotated[Path, typer.Option(help='Folder for bags, map, logs and report.')] = Path(
        'demo'
    ),
    seed: Annotated[int, typer.Option(min=0, help='Number of the town.')] = 0,
    mapping_rate: Annotated[
        float, opt.number('Frames per second sent to the map builder.', min=0.1)
    ] = 10.0,
    open_report: Annotated[
        bool, typer.Option('--open/--no-open', help='Open the report in a browser.')
    ] = True,
    as_json: opt.AsJson = False,
) -> None:
    """Map a synthetic town by day, localise in it by rainy evening, and show a report.

    Real nodes run as processes of their own and get the images over DDS, as on a robot.
    """
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn

    from vpr_ros.bench.demonstration import run_demo
    from vpr_ros.cli.evaluate_bag import show
    from vpr_ros.cli.evaluate_stress import show_states

    out = console(stderr=as_json)
    started = time.monotonic()
    columns = TextColumn('{task.description:<30}'), BarColumn(), TaskProgressColumn()
    with Progress(*columns, console=out) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(step: str, done: float, total: float) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step)
            bar.update(tasks[step], completed=done, total=total)

        result = run_demo(folder, seed, mapping_rate, progress)
    show(result.evaluation, out)
    show_states(result.states, out)
    places = len(result.evaluation.places.ids)
    out.print(f'{places} of {result.to_map} images mapped by the live node')
    out.print(
        f'{len(result.evaluation.queries)} of {result.sent} images answered by the live node;'
        f' {time.monotonic() - started:.0f} s in all'
    )
    report = result.report.absolute()
    out.print(f'Report: {report.as_uri()}')
    if as_json:
        answer = {'report': str(report), 'sent': result.sent, 'to_map': result.to_map}
        print_json(
            answer | {'evaluation': result.evaluation.to_json(), 'stress': result.states.to_json()}
        )
    if open_report:
        # Does nothing where there is no browser to open.
        webbrowser.open(report.as_uri())
