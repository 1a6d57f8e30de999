# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Output of the commands: tables, progress bars, and JSON.

Results go to standard output, progress and remarks to standard error. With ``--json`` standard
output holds the JSON and nothing else. Lines are fitted to the width of a terminal; anywhere else
they are written in full, since programs read them.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from vpr_ros.errors import VprError
from vpr_ros.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from rich.console import Console, OverflowMethod
    from rich.progress import ProgressColumn
    from rich.table import Table
    from rich.text import Text

    from vpr_ros.evaluation.stored import StoredResult
    from vpr_ros.types import ModelInfo

Result = TypeVar('Result', bound='StoredResult')

UNLIMITED = 1_000_000
"""Columns of an output that is no terminal."""


def echo(text: str, *, err: bool = False, fg: str | None = None) -> None:
    """Print a line; what a file put into it controls no terminal."""
    typer.secho(printable(text), err=err, fg=fg)


def console(*, stderr: bool = False) -> Console:
    """Return a console that wraps lines only on a terminal and never cuts them."""
    from rich.console import Console

    class HarmlessConsole(Console):
        """Prints what a file put into a text so that it controls no terminal."""

        def render_str(self, text: str, **options: Any) -> Text:
            return super().render_str(printable(text), **options)

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal else UNLIMITED
    return HarmlessConsole(stderr=stderr, width=width, highlight=False, markup=False)


def table_of(
    *headers: str,
    left: Collection[str] = (),
    no_wrap: bool = False,
    overflow: OverflowMethod = 'fold',
    **style: Any,
) -> Table:
    """Return an empty table with these columns, those in ``left`` aligned left, others right.

    On a narrow terminal the columns on the left are folded, and figures stay whole.
    """
    from rich.table import Table

    table = Table(**style)
    for header in headers:
        table.add_column(
            header,
            justify='left' if header in left else 'right',
            no_wrap=no_wrap or header not in left,
            overflow=overflow,
        )
    return table


def table_of_figures() -> Table:
    """Return an empty table of names and figures."""
    from rich.table import Table

    table = Table(show_header=False)
    table.add_column(style='bold')
    table.add_column(justify='right')
    return table


def fits(out: Console, table: Table) -> bool:
    """Return whether a table is shown whole, no column folded."""
    from rich.measure import Measurement

    unlimited = out.options.update(width=UNLIMITED)
    return Measurement.get(out, unlimited, table).maximum <= out.width


def show_table(out: Console, title: str, table: Table) -> None:
    """Print a table below its title, which rich would fit to the width of the table."""
    out.print(title, style='italic')
    out.print(table)


def print_json(answer: Any) -> None:
    """Print strict JSON: numbers that are not finite become null, paths and such text."""
    text = json.dumps(_finite(answer), indent=2, default=str, allow_nan=False)
    typer.echo(text)


def say(as_json: bool, answer: Any, text: str) -> None:
    """Print the result, as JSON or as text."""
    if as_json:
        print_json(answer)
    else:
        echo(text)


def deliver(
    result: Result,
    show: Callable[[Result, Console], None],
    *,
    output: Path | None,
    report: Path | None,
    page: Callable[[], str],
    as_json: bool,
) -> None:
    """Print the results of an evaluation, and write them and the page to files where wanted."""
    if output is not None:
        result.save(output)
    if report is not None:
        report.write_text(page(), encoding='utf-8', errors='backslashreplace')
    out = console(stderr=as_json)
    show(result, out)
    if report is not None:
        out.print(f'report: {report}')
    if as_json:  # last, so that a file that cannot be written leaves the error as the only JSON
        typer.echo(result.dumps())


def require_folders(*files: Path | None) -> None:
    """Make sure that results can be written, before the work that leads to them.

    Raises:
        VprError: A file lies in no folder that exists, or is a folder.
    """
    for path in files:
        if path is not None and path.is_dir():
            msg = f'{path} cannot be written: it is a folder'
            raise VprError(msg)
        if path is not None and not path.absolute().parent.is_dir():
            msg = f'{path} cannot be written: there is no folder {path.absolute().parent}'
            raise VprError(msg)


def warn_untrained(out: Console, model: ModelInfo) -> None:
    """Warn that figures of a network that was never trained mean little."""
    if not model.trained:
        out.print(
            f'The weights of {model.name} were never trained: the figures show that the '
            'pipeline works, not how well a trained network recognises places.',
            style='bold yellow',
        )


@contextmanager
def progress_steps(title: str, *columns: ProgressColumn) -> Iterator[Callable[..., None]]:
    """Show a bar of the step in progress on standard error.

    Args:
        title: Shown before the first step.
        columns: Columns after the bar; by default counts and the remaining time.

    Yields:
        A callable that takes the name of a step, how much of it is done, and of how much.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    name = TextColumn('{task.description}', markup=False)
    columns = columns or (MofNCompleteColumn(), TimeRemainingColumn())
    err = console(stderr=True)
    bars = BarColumn(), *columns
    with Progress(name, *bars, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(printable(title), total=None)

        def tell(step: str, done: float, total: float) -> None:
            step = printable(step)
            if step != bar.tasks[0].description:
                bar.reset(task, description=step)
            bar.update(task, completed=done, total=total or None)

        yield tell


@contextmanager
def progress_bar(title: str, *columns: ProgressColumn) -> Iterator[Callable[..., None]]:
    """Show a bar with one step; tell the callable how much is done, and of how much."""
    with progress_steps(title, *columns) as tell:
        yield partial(tell, title)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
