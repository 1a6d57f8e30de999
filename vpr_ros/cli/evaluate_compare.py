# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate compare``: two results side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli.evaluate_options import Report
from vpr_ros.cli.options import AsJson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from vpr_ros.evaluation.compare import Comparison, Run

_SHOWN = 10

_Result = Annotated[Path, typer.Argument(help='JSON of vpr evaluate bag or vpr evaluate dataset.')]


def compare(
    first: _Result,
    second: _Result,
    *,
    first_method: Annotated[
        str | None,
        typer.Option(help='Of a data set: float, binary or binary-then-float, if not given.'),
    ] = None,
    second_method: Annotated[str | None, typer.Option(help='Likewise.')] = None,
    as_json: AsJson = False,
    report: Report = None,
) -> None:
    """Compare two results on the same queries: recall, precision, what was gained and lost."""
    from rich.console import Console

    from vpr_ros.evaluation import compare as comparing

    runs = comparing.load_run(first, first_method), comparing.load_run(second, second_method)
    comparison = comparing.compare(*runs)
    if report is not None:
        from vpr_ros.evaluation.compare_report import write_comparison

        write_comparison(report, comparison)
    if as_json:
        typer.echo(json.dumps(comparison.to_json(), indent=2, allow_nan=False))
        return
    console = Console()
    show(comparison, console)
    if report is not None:
        console.print(f'report: {report}', markup=False, highlight=False)


def show(comparison: Comparison, console: Console) -> None:
    """Print both and what changed."""
    from rich.table import Table

    from vpr_ros.evaluation.words import change_verdict, points, share

    a, b = comparison.first, comparison.second
    for letter, run in (('A', a), ('B', b)):
        console.print(f'{letter}: {run.title}', markup=False, highlight=False)
    table = Table()
    table.add_column('')
    for title in ('A', 'B', 'points'):
        table.add_column(title, justify='right')
    for name, first, second in comparison.figures():
        table.add_row(name, share(first), share(second), points(first, second))
    console.print(table)
    console.print(change_verdict(comparison), highlight=False)
    _changed(console, 'gained', comparison.gained, a, b)
    _changed(console, 'lost', comparison.lost, a, b)


def _changed(console: Console, word: str, rows: NDArray[np.intp], a: Run, b: Run) -> None:
    for row in rows[:_SHOWN]:
        text = f'{word}: {a.queries[row]}: {a.answer[row] or "-"} → {b.answer[row] or "-"}'
        console.print(text, markup=False, highlight=False)
    if len(rows) > _SHOWN:
        console.print(f'{word}: {len(rows) - _SHOWN} more; --json lists all', highlight=False)
