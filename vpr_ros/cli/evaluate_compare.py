# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr evaluate compare``: two results side by side."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, print_json, table_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from vpr_ros.evaluation.compare import Comparison, Run

_SHOWN = 10

_Result = Annotated[
    Path,
    typer.Argument(
        metavar='RESULT',
        callback=opt.check_not_map,
        help='File written by vpr evaluate bag or dataset with --output.',
    ),
]
_Method = Annotated[
    str | None,
    typer.Option(
        help='Search of a data set that is compared: float, binary or binary-then-float, which is'
        ' taken if none is given.'
    ),
]


def compare(
    first: _Result,
    second: _Result,
    *,
    first_method: _Method = None,
    second_method: _Method = None,
    as_json: opt.AsJson = False,
    report: opt.Report = None,
) -> None:
    """Compare two results on the same queries: recall, precision, queries gained and lost."""
    from vpr_ros.evaluation import compare as comparing

    runs = comparing.load_run(first, first_method), comparing.load_run(second, second_method)
    comparison = comparing.compare(*runs)
    if report is not None:
        from vpr_ros.evaluation.report import render_comparison

        page = render_comparison(comparison)
        report.write_text(page, encoding='utf-8', errors='backslashreplace')
    if as_json:
        print_json(comparison.to_json())
        return
    out = console()
    show(comparison, out)
    if report is not None:
        out.print(f'report: {report}')


def show(comparison: Comparison, out: Console) -> None:
    """Print both results and the changes."""
    from vpr_ros.evaluation.words import change_verdict, points, share

    a, b = comparison.first, comparison.second
    for letter, run in (('A', a), ('B', b)):
        out.print(f'{letter}: {run.title}')
    table = table_of('', 'A', 'B', 'points', left=('',))
    for name, first, second in comparison.figures():
        table.add_row(name, share(first), share(second), points(first, second))
    out.print(table)
    out.print(change_verdict(comparison))
    _changed(out, 'gained', comparison.gained, a, b)
    _changed(out, 'lost', comparison.lost, a, b)


def _changed(out: Console, word: str, rows: NDArray[np.intp], a: Run, b: Run) -> None:
    for row in rows[:_SHOWN]:
        text = f'{word}: {a.queries[row]}: {a.answer[row] or "-"} → {b.answer[row] or "-"}'
        out.print(text)
    if len(rows) > _SHOWN:
        out.print(f'{word}: {len(rows) - _SHOWN} more; --json lists all')
