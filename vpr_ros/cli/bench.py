# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr bench``: how fast the parts are on this machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.types import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

app = typer.Typer(help='Measure the speed of the parts on this machine.', no_args_is_help=True)

Json = Annotated[bool, typer.Option('--json', help='Print the figures as JSON.')]


@app.command()
def node(
    rate: Annotated[float, typer.Option(help='Images per second sent to the node.')] = 5.0,
    seconds: Annotated[float, typer.Option(help='How long to send.')] = 20.0,
    model: Annotated[str, typer.Option(help='Network that the node runs.')] = DEFAULT_MODEL,
    places: Annotated[int, typer.Option(help='Places in the map that is searched.')] = 1000,
    as_json: Json = False,
) -> None:
    """Time each stage of place_recognition_node on 640x480 images over real DDS."""
    from vpr_ros.nodes.bench import bench_node

    _show('Stages of place_recognition_node', bench_node(rate, seconds, model, places), as_json)


def _show(title: str, rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows as a table, or as JSON."""
    if as_json:
        typer.echo(json.dumps(rows))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify='left' if isinstance(rows[0][name], str) else 'right')
    for row in rows:
        table.add_row(*(f'{v:.3f}' if isinstance(v, float) else str(v) for v in row.values()))
    Console().print(table)
