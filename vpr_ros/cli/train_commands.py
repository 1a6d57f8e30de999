# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr train``: distils, fine-tunes and hashes networks by recipes."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, echo, print_json, progress_bar, say, show_table, table_of

if TYPE_CHECKING:
    from lightning.pytorch import Callback

    from vpr_ros.training.recipe import Kind

app = typer.Typer(no_args_is_help=True)

RecipeFile = Annotated[
    Path, typer.Argument(metavar='RECIPE', help='YAML file, see config/train/.')
]
Output = Annotated[Path, typer.Option('--output', '-o', help='Folder of this training.')]
WeightsFile = Annotated[
    Path,
    typer.Option(
        '--output', '-o', callback=opt.check_folder, help='File to write (.safetensors).'
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        '--set',
        metavar='KEY.SUB=VALUE',
        callback=opt.check_setting,
        help='Replace a value; several times.',
    ),
]
Resume = Annotated[
    bool, typer.Option('--resume', help='Go on from the last checkpoint, if there is one.')
]


def _add(kind: Kind, about: str) -> None:
    """Add the command that trains by recipes of a kind; the kinds differ in nothing else."""

    @app.command(kind, help=about)
    def command(
        recipe: RecipeFile,
        output: Output,
        *,
        settings: Settings = None,
        weights: opt.Weights = None,
        resume: Resume = False,
        as_json: opt.AsJson = False,
    ) -> None:
        from vpr_ros.training.recipe import load_recipe

        changes = list(settings or ())
        if weights is not None:
            changes.append(f'model.weights={weights}')
        wanted = load_recipe(recipe, changes, kind)  # before anything slow is imported
        from lightning.pytorch.utilities import rank_zero_only

        from vpr_ros.training.session import train

        for library in ('lightning.pytorch', 'lightning.fabric'):
            logging.getLogger(library).setLevel(logging.ERROR)
        written = train(
            wanted,
            output,
            resume=resume,
            callbacks=[_progress(wanted.run.log_every)],
            progress=lambda done, total: echo(f'preparing images {done}/{total}', err=True),
        )
        size, figures = written.stat().st_size, written.with_name('run.json')
        answer = {'output': str(written), 'bytes': size, 'figures': str(figures)}
        text = f'{written}: {size / 1e6:.1f} MB; figures in {figures}'
        rank_zero_only(say)(as_json, answer, text)


_add('distill', 'Train a network to describe images as a teacher does.')
_add(
    'finetune',
    'Train a network to describe images of one place alike, and those of two unlike.',
)
_add('hash', 'Train binary codes of places.')


@app.command()
def pca(
    recipe: RecipeFile,
    output: WeightsFile,
    *,
    settings: Settings = None,
    as_json: opt.AsJson = False,
) -> None:
    """Fit the principal components of a network's descriptors."""
    from vpr_ros.training.pca import PcaRecipe, fit_pca
    from vpr_ros.training.recipe import read_recipe

    chosen = read_recipe(PcaRecipe, recipe, settings or ())
    with progress_bar('describing images') as progress:
        reducer = fit_pca(chosen, output, progress)
    length, dim = reducer.projection.shape
    size = output.stat().st_size
    answer = {'output': str(output), 'bytes': size, 'from': length, 'to': dim}
    say(as_json, answer, f'{output}: {length} to {dim} values, {size / 1e6:.1f} MB')


@app.command()
def fit(
    recipe: RecipeFile,
    output: WeightsFile,
    *,
    settings: Settings = None,
    as_json: opt.AsJson = False,
) -> None:
    """Find the heads of d2vpr-nano or d2vpr-pico without gradients."""
    from vpr_ros.training.closed_form import FitRecipe, fit_heads
    from vpr_ros.training.recipe import read_recipe

    chosen = read_recipe(FitRecipe, recipe, settings or ())
    with progress_bar('describing images') as progress:
        net = fit_heads(chosen, output, progress)
    size = output.stat().st_size
    answer = {'output': str(output), 'bytes': size, 'descriptor_dim': net.config.descriptor_dim}
    say(as_json, answer, f'{output}: {net.config.descriptor_dim} values, {size / 1e6:.1f} MB')


@app.command()
def memory(
    batch: Annotated[int, typer.Option(min=4, help='Images in a batch.')] = 4,
    size: Annotated[int, typer.Option(min=14, help='Side of the images in pixels.')] = 224,
    as_json: opt.AsJson = False,
) -> None:
    """Count the memory of a training step: side adapters beside other ways."""
    from vpr_ros.training.memory import WAYS, measure

    kept = {way.name: measure(way, batch, size) for way in WAYS}
    if as_json:
        print_json({name: asdict(value) for name, value in kept.items()})
        return
    names = 'trained parts', 'weights', 'trained', 'gradients and Adam', 'activations', 'total'
    table = table_of(*names, left=names[:1])
    for name, value in kept.items():
        sizes = *asdict(value).values(), value.total
        table.add_row(name, *(f'{size / 1e6:.0f}' for size in sizes))
    show_table(console(), f'One step of {batch} images of {size} x {size}, float32, MB', table)


def _progress(every: int) -> Callback:
    """Return a bar for a terminal, and a line now and then for a log."""
    if sys.stderr.isatty():
        from lightning.pytorch.callbacks import RichProgressBar

        return RichProgressBar(refresh_rate=1)
    from vpr_ros.training.place_training import ProgressLines

    return ProgressLines(every, lambda line: echo(line, err=True))
