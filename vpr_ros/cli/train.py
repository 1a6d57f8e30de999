# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr train``: distil, fine-tune and hash networks by recipes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lightning.pytorch import Callback

    from vpr_ros.training.recipe import Kind

app = typer.Typer(no_args_is_help=True)

RecipeFile = Annotated[
    Path, typer.Argument(metavar='RECIPE', help='YAML file, see config/train/.')
]
Output = Annotated[Path, typer.Option('--output', '-o', help='Folder of this training.')]
Settings = Annotated[
    list[str] | None,
    typer.Option('--set', metavar='KEY.SUB=VALUE', help='Replace a value; repeatable.'),
]
Weights = Annotated[Path | None, typer.Option('--weights', help='Weights to start from.')]
Resume = Annotated[
    bool, typer.Option('--resume', help='Go on from the last checkpoint, if there is one.')
]


@app.callback()
def _group() -> None:
    """Train the networks."""


@app.command()
def distill(
    recipe: RecipeFile,
    output: Output,
    *,
    settings: Settings = None,
    weights: Weights = None,
    resume: Resume = False,
) -> None:
    """Train a network to describe images as a teacher does."""
    _train('distill', recipe, output, settings, weights, resume=resume)


@app.command()
def finetune(
    recipe: RecipeFile,
    output: Output,
    *,
    settings: Settings = None,
    weights: Weights = None,
    resume: Resume = False,
) -> None:
    """Train a network to describe images of one place alike, and those of two unlike."""
    _train('finetune', recipe, output, settings, weights, resume=resume)


@app.command('hash')
def hash_(
    recipe: RecipeFile,
    output: Output,
    *,
    settings: Settings = None,
    weights: Weights = None,
    resume: Resume = False,
) -> None:
    """Train binary codes of places."""
    _train('hash', recipe, output, settings, weights, resume=resume)


def _train(
    kind: Kind,
    path: Path,
    output: Path,
    settings: list[str] | None,
    weights: Path | None,
    *,
    resume: bool,
) -> None:
    import logging

    from vpr_ros.training.recipe import load_recipe

    changes = list(settings or ())
    if weights is not None:
        changes.append(f'model.weights={weights}')
    recipe = load_recipe(path, changes, kind)
    from vpr_ros.training.session import train

    logging.getLogger('lightning.pytorch').setLevel(logging.ERROR)
    written = train(recipe, output, resume=resume, callbacks=[_progress(recipe.run.log_every)])
    typer.echo(f'{written}: {written.stat().st_size / 1e6:.1f} MB; figures in {output}/run.json')


def _progress(every: int) -> Callback:
    """Return a bar for a terminal, and a line now and then for a log."""
    if sys.stderr.isatty():
        from lightning.pytorch.callbacks import RichProgressBar

        return RichProgressBar(refresh_rate=1)
    from vpr_ros.training.lines import ProgressLines

    return ProgressLines(every, lambda line: typer.echo(line, err=True))
