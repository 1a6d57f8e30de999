# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr dataset``: brings data sets for training into one format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import progress_steps, say
from vpr_ros.printable import printable

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep the name of the one command there is."""


@app.command()
def unify(
    dataset: Annotated[
        Literal['sf-xl', 'pitts30k', 'msls'],
        typer.Argument(metavar='DATASET', help='Which data set it is.'),
    ],
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
    transfer: Annotated[
        Literal['link', 'symlink', 'copy'],
        typer.Option(help='Hard links take no space, within one file system.'),
    ] = 'link',
    as_json: opt.AsJson = False,
) -> None:
    """Divide a data set into places as SelaVPR++ does, in the format of GSV-Cities.

    Run it once for each data set, with the same output. It may be stopped and run again at any
    time, and goes on where it was.
    """
    from vpr_ros.training.data.unify import Transfer
    from vpr_ros.training.data.unify import unify as build

    cities = []
    with progress_steps(folder.name) as progress:
        for city in build(dataset, folder, output, Transfer(transfer), progress):
            cities.append(city)
            # The bar moves out of the way of print, but not of typer.echo.
            line = f'{city.name}: {city.places} places, {city.images} images'
            print(printable(line), file=sys.stderr)
    places, count = sum(city.places for city in cities), sum(city.images for city in cities)
    answer = {'output': str(output), 'groups': len(cities), 'places': places, 'images': count}
    text = f'{output}: {len(cities)} groups of {places} places with {count} images'
    say(as_json, answer, text)
