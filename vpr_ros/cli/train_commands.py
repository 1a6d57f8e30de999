# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr train``: distils, fine-tunes and hashes networks by recipes."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli import train_adapt
from vpr_ros.cli.console import console, echo, print_json, progress_bar, say, show_table, table_of

if TYPE_CHECKING:
    from lightning.pytorch import Callback

    from vpr_ros.training.recipe import Kind

app = typer.Typer(no_args_is_help=True)
app.command()(train_adapt.adapt)

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

        train_adapt.quieten_lightning()
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
    size: Annotated[
        int, typer.Option(min=14, help='Side of the images in pixels, a multiple of 14.')
    ] = 224,
    model: Annotated[
        Literal['selavprpp-base', 'selavprpp-large'],
        typer.Option(help='With a ViT-B/14 or a ViT-L/14.'),
    ] = 'selavprpp-base',
    precision: Annotated[
        Literal['32', 'bf16-mixed', '16-mixed'], typer.Option(help='As in recipes.')
    ] = '32',
    steps: Annotated[int, typer.Option(min=1, help='Timed, after one that is not.')] = 3,
    device: opt.Device = 'auto',
    as_json: opt.AsJson = False,
) -> None:
    """Measure memory and time of a training step: side adapters beside other ways of tuning."""
    from vpr_ros import models
    from vpr_ros.describe.runtime import choose_device
    from vpr_ros.models.selavprpp import SelaVPRppConfig
    from vpr_ros.training.memory import measure, network, tuning_modes

    chosen = choose_device(device)
    depth = SelaVPRppConfig(**models.spec(model).options).vit.depth
    costs = {
        mode.name: measure(mode, network(mode, model, chosen), batch, size, precision, steps)
        for mode in tuning_modes(depth)
    }
    if as_json:
        answer = {name: asdict(cost) | {'total': cost.total} for name, cost in costs.items()}
        print_json({'model': model, 'precision': precision, 'device': str(chosen), **answer})
        return
    names = 'tuning', 'weights', 'trained', 'gradients, Adam', 'activations', 'total', 'peak', 's'
    table = table_of(*names, left=names[:1])
    for name, cost in costs.items():
        parts = cost.weights, cost.trained, cost.gradients, cost.activations, cost.total
        peak = f'{cost.peak / 1e6:.0f}' if cost.peak else '-'
        sizes = (f'{part / 1e6:.0f}' for part in parts)
        table.add_row(name, *sizes, peak, f'{cost.seconds:.2f}')
    title = f'{model}, a step of {batch} images of {size} x {size}, {precision}, {chosen}, MB'
    show_table(console(), title, table)


def _progress(every: int) -> Callback:
    """Return a bar for a terminal, and a line now and then for a log."""
    if sys.stderr.isatty():
        from lightning.pytorch.callbacks import RichProgressBar

        return RichProgressBar(refresh_rate=1)
    from vpr_ros.training.place_training import ProgressLines

    return ProgressLines(every, lambda line: echo(line, err=True))
