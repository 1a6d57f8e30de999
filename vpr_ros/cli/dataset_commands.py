# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr dataset``: brings data sets for training into one layout."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from vpr_ros.cli.console import console, say
from vpr_ros.cli.options import AsJson

app = typer.Typer(no_args_is_help=True)


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
    *,
    output: Annotated[
        Path,
        typer.Option('--output', '-o', help='Folder to write; may hold other data sets already.'),
    ],
    images: Annotated[
        Images, typer.Option(help='Hard links take no space, within one file system.')
    ] = Images.LINK,
    as_json: AsJson = False,
) -> None:
    """Divide a data set into places as SelaVPR++ does, in the layout of GSV-Cities.

    Run it once for each data set, with the same output. It may be stopped and run again at any
    time, and goes on where it was.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from vpr_ros.training.data.unify import Transfer
    from vpr_ros.training.data.unify import unify as build

    columns = TextColumn('{task.description:<24}'), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console(stderr=True), transient=True) as bar:
        task = bar.add_task('')

        def progress(step: str, done: int, total: int) -> None:
            bar.update(task, description=step, completed=done, total=total or None)

        cities = []
        for city in build(layout.value, folder, output, Transfer(images.value), progress):
            cities.append(city)
            bar.console.print(f'{city.name}: {city.places} places, {city.images} images')
    places, count = sum(city.places for city in cities), sum(city.images for city in cities)
    answer = {'output': str(output), 'groups': len(cities), 'places': places, 'images': count}
    text = f'{output}: {len(cities)} groups of {places} places with {count} images'
    say(as_json, answer, text)
