# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr dataset``: bring data sets for training into one layout."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help='Prepare data sets for training.')


class SourceName(str, Enum):
    """Data sets that can be unified."""

    SF_XL = 'sf-xl'
    PITTS30K = 'pitts30k'
    MSLS = 'msls'


class Images(str, Enum):
    """How images come into the output."""

    LINK = 'link'
    SYMLINK = 'symlink'
    COPY = 'copy'


@app.callback()
def _group() -> None:
    """Keep the name of the one command there is."""


@app.command()
def unify(
    layout: Annotated[SourceName, typer.Argument(help='Which data set it is.')],
    folder: Annotated[
        Path,
        typer.Argument(
            metavar='FOLDER',
            help='SF-XL and Pitts30k: the images for training, database and queries; '
            'MSLS: the folder with train_val.',
        ),
    ],
    output: Annotated[Path, typer.Argument(metavar='OUTPUT', help='May hold others already.')],
    images: Annotated[
        Images, typer.Option(help='Hard links take no space, within one file system.')
    ] = Images.LINK,
) -> None:
    """Divide a data set into places as SelaVPR++ does, in the layout of GSV-Cities.

    Run it once for each data set, with the same OUTPUT. It may be stopped and run again at any
    time, and goes on where it was.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from vpr_ros.training.data.unify import Transfer
    from vpr_ros.training.data.unify import unify as build

    console = Console(stderr=True)
    columns = TextColumn('{task.description:<24}'), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task('')

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        cities = []
        for city in build(layout.value, folder, output, Transfer(images.value), progress):
            cities.append(city)
            bar.console.print(f'{city.name}: {city.places} places, {city.images} images')
    places, count = sum(city.places for city in cities), sum(city.images for city in cities)
    typer.echo(f'{output}: {len(cities)} groups of {places} places with {count} images')
