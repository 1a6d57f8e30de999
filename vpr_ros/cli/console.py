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
from typing import TYPE_CHECKING, Any

import typer

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.table import Table

    from vpr_ros.evaluation.stored import StoredResult
    from vpr_ros.types import ModelInfo

_UNLIMITED = 1_000_000
"""Columns of an output that is no terminal."""


def console(*, stderr: bool = False) -> Console:
    """Return what prints to an output without cutting or wrapping lines, unless on a terminal."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    width = None if terminal else _UNLIMITED
    return Console(stderr=stderr, width=width, highlight=False, markup=False)


def show_table(out: Console, title: str, table: Table) -> None:
    """Print a table below its title, which rich would fit to the width of the table."""
    out.print(title, style='italic')
    out.print(table)


def print_json(answer: Any) -> None:
    """Print strict JSON: numbers that are not finite become null, paths and such text."""
    text = json.dumps(_finite(answer), indent=2, default=str, allow_nan=False)
    typer.echo(text)


def say(as_json: bool, answer: Any, text: str) -> None:
    """Print what was done, as JSON or as text."""
    if as_json:
        print_json(answer)
    else:
        typer.echo(text)


def deliver(result: StoredResult, output: Path | None, *, as_json: bool) -> None:
    """Write the results of an evaluation to a file, and print them, where that is wanted."""
    if output is not None:
        result.save(output)
    if as_json:
        typer.echo(result.dumps())


def require_folders(*files: Path | None) -> None:
    """Make sure that results can be written, before the work that leads to them.

    Raises:
        VprError: A file lies in no folder that exists.
    """
    for path in files:
        if path is not None and not path.absolute().parent.is_dir():
            msg = f'{path} cannot be written: there is no folder {path.absolute().parent}'
            raise VprError(msg)


def warn_untrained(out: Console, model: ModelInfo) -> None:
    """Tell what figures are worth if the network was never trained."""
    if not model.trained:
        out.print(
            f'The weights of {model.name} were never trained: the figures show that the '
            'pipeline works, not how well a trained network recognises places.',
            style='bold yellow',
        )


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error; tell the callable how many are done, and of how many."""
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    with _bar(title, MofNCompleteColumn(), TimeRemainingColumn()) as update:
        yield update


@contextmanager
def download_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error; tell the callable how many bytes of how many are there."""
    from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
    with _bar(title, *columns) as update:
        yield update


@contextmanager
def _bar(title: str, *columns: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import BarColumn, Progress, TextColumn

    shown = TextColumn('{task.description}', markup=False), BarColumn(), *columns
    with Progress(*shown, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
