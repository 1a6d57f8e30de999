# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A training from its recipe to the weights file, in a folder of its own."""

from __future__ import annotations

import json
import logging
import platform
import subprocess
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import lightning.pytorch
import numpy as np
import torch
import yaml
from lightning.pytorch.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    ProgressBar,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_only

from vpr_ros import models
from vpr_ros.describe import configure_threads
from vpr_ros.documents import json_of
from vpr_ros.models.model_card import plain
from vpr_ros.models.weights_file import save_weights, whole_file
from vpr_ros.training.data import Augmentation, open_source
from vpr_ros.training.data.batches import write_grid
from vpr_ros.training.epochs import in_steps
from vpr_ros.training.overriding import RecipeError
from vpr_ros.training.place_training import VALIDATED, PlaceTraining, batches_of
from vpr_ros.training.teacher import load_statistics, open_teacher, save_statistics
from vpr_ros.training.trainable_network import (
    freeze,
    frozen_at_random,
    started_network,
    trained_card,
    trained_model,
)
from vpr_ros.training.traverses import TraverseRecall
from vpr_ros.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lightning.pytorch import Callback

    from vpr_ros.training.data import PlaceSource
    from vpr_ros.training.recipe import Recipe

_log = logging.getLogger(__name__)

Progress: TypeAlias = 'Callable[[int, int], None]'

_LAST = 'checkpoints/last.ckpt'
_WEIGHTS = 'weights.safetensors'
_STATISTICS = 'teacher.safetensors'
_PICTURE = 'batch.png'
_LISTED = 8
"""Parts named in a warning."""
_SHOWN = 8
"""Images in the picture of the first batch."""


def train(
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool = False,
    callbacks: Sequence[Callback] = (),
    progress: Progress = lambda _done, _total: None,
) -> Path:
    """Train by a recipe and write the results.

    Args:
        recipe: The recipe.
        folder: Gets `recipe.yaml`, `batch.png`, `checkpoints/`, `logs/`, `weights.safetensors`
            and `run.json`.
        resume: Go on from the last checkpoint of the folder, if there is one.
        callbacks: Of Lightning, beside those of the recipe.
        progress: Told how much of a source of images is prepared, and of how much.

    Returns:
        The weights file.

    Raises:
        VprError: The recipe names something missing, or the folder is in use.
    """
    run = recipe.run
    _note(folder, recipe, resume=resume)
    checkpoint = folder / _LAST
    configure_threads(run.threads or None)
    training = assemble(recipe, folder, progress)
    recipe = training.recipe  # in steps
    run = recipe.run
    several = run.devices > 1
    table = CSVLogger(folder, 'logs')  # a folder for every start, numbered
    trainer = lightning.pytorch.Trainer(
        accelerator=run.accelerator,
        devices=run.devices,
        # DINOv2's mask token, and heads that a recipe has no loss for, get no gradient.
        strategy='ddp_find_unused_parameters_true'
        if several and run.strategy == 'auto'
        else run.strategy,
        precision=run.precision,
        max_steps=run.steps,
        max_epochs=-1,
        gradient_clip_val=recipe.optimiser.clip or None,
        # At the end at least.
        val_check_interval=min(run.validate_every, run.steps) if recipe.validation else None,
        limit_val_batches=1 if recipe.validation else 0,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=run.log_every,
        logger=[table, TensorBoardLogger(folder, 'logs', version=f'version_{table.version}')],
        callbacks=[*_callbacks(recipe, folder), *callbacks],
        use_distributed_sampler=False,
        sync_batchnorm=several and run.accelerator != 'cpu' and torch.cuda.is_available(),
        enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
        enable_model_summary=False,
        plugins=[WholeCheckpoints()],
    )
    with warnings.catch_warnings():
        # That frozen parts are in evaluation mode and that a folder is gone on with is meant.
        for words in ('Found .* eval mode', 'Checkpoint directory', '.*LeafSpec'):
            warnings.filterwarnings('ignore', words)
        last = checkpoint if checkpoint.exists() else None
        trainer.fit(training, ckpt_path=last, weights_only=True)
    trainer.save_checkpoint(checkpoint)
    return _finish(training, trainer, folder)


def assemble(
    recipe: Recipe, folder: Path, progress: Progress = lambda _done, _total: None
) -> PlaceTraining:
    """Open everything that a recipe names, and draw its first batch.

    Raises:
        VprError: Something is not there or does not fit.
    """
    net, random = started_network(recipe.model, recipe.run.seed)
    freeze(net, recipe.trainable, recipe.frozen)
    if idle := frozen_at_random(net, random):
        _log.warning(
            'frozen at random values, since no weights were loaded for them: %s%s',
            ', '.join(idle[:_LISTED]),
            f' and {len(idle) - _LISTED} more' if len(idle) > _LISTED else '',
        )
    size = recipe.model.size or trained_model(recipe.model).input_size
    teacher = open_teacher(recipe.teacher) if recipe.teacher is not None else None
    loaded = recipe.data.size or max(size, teacher.size if teacher else 0)
    sources = [_open(source, progress) for source in recipe.data.sources]
    recipe = in_steps(recipe, [(source.areas, share) for source, share in sources])
    augment = Augmentation.of(recipe.augmentation)
    if teacher is not None and recipe.teacher is not None and recipe.teacher.standardise:
        statistics = folder / _STATISTICS
        if statistics.exists():
            load_statistics(teacher, statistics)
        else:
            # The images of the first batches, as many as asked for or a few more.
            count = -(-recipe.teacher.standardise // (recipe.data.places * recipe.data.views))
            batches = batches_of(recipe, sources, loaded, count)
            teacher.standardise(batches[i].images.float() / 255 for i in range(count))
            save_statistics(teacher, statistics)
    recall = None
    if recipe.validation:
        recall = TraverseRecall(recipe.validation, trained_model(recipe.model).input_size)
    training = PlaceTraining(recipe, net, sources, augment, size, loaded, teacher, recall)
    training.train()
    if not (folder / _PICTURE).exists():
        clean_views, augmented = training.views(batches_of(recipe, sources, loaded, 1)[0], 0)
        write_grid(folder / _PICTURE, [clean_views[:_SHOWN], augmented[:_SHOWN]])
    return training


@rank_zero_only
def _note(folder: Path, recipe: Recipe, *, resume: bool) -> None:
    """Write the recipe into the folder; of several processes the first does it.

    Raises:
        RecipeError: The folder holds a training already, and it is not said to go on.
    """
    noted = folder / 'recipe.yaml'
    written = yaml.safe_dump(json_of(json.dumps(asdict(recipe))), sort_keys=False)
    if not any((folder / name).exists() for name in (_LAST, _WEIGHTS)):
        for name in (_STATISTICS, _PICTURE):  # of a start that failed, maybe by another recipe
            (folder / name).unlink(missing_ok=True)
    elif not resume:
        msg = f'{folder} holds a training: resume it, or choose another folder'
        raise RecipeError(msg)
    elif noted.read_text('utf-8') != written:
        _log.warning('the recipe differs from the one that %s was begun with', folder)
    folder.mkdir(parents=True, exist_ok=True)
    noted.write_text(written, 'utf-8')


def _open(source: dict[str, Any], progress: Progress) -> tuple[PlaceSource, float]:
    rest = dict(source)
    share = rest.pop('share', 1.0)
    return open_source(rest, progress), float(share)


def _callbacks(recipe: Recipe, folder: Path) -> list[Callback]:
    run = recipe.run
    checkpoints = folder / 'checkpoints'
    kept = partial(ModelCheckpoint, checkpoints, save_top_k=1, enable_version_counter=False)
    callbacks: list[Callback] = [
        LearningRateMonitor('step'),
        kept('last', every_n_train_steps=run.checkpoint_every),
    ]
    if recipe.validation:
        callbacks.append(kept('best', monitor=VALIDATED, mode='max', save_weights_only=True))
        if run.patience:
            callbacks.append(EarlyStopping(VALIDATED, mode='max', patience=run.patience))
    return callbacks


def _finish(training: PlaceTraining, trainer: lightning.pytorch.Trainer, folder: Path) -> Path:
    """Write the weights with their metadata."""
    recipe = training.recipe
    net = training.net.cpu().eval()
    best = folder / 'checkpoints' / 'best.ckpt'
    if recipe.run.keep == 'best' and recipe.validation and best.exists():
        state = torch.load(best, map_location='cpu', weights_only=True)['state_dict']
        own = {key.removeprefix('net.'): v for key, v in state.items() if key.startswith('net.')}
        net.load_state_dict(own)
    if recipe.run.float16:
        net = net.half()
    path = folder / _WEIGHTS
    if trainer.is_global_zero:
        summary = _summary(training, trainer)
        figures = summary['best'] or summary['last']
        card = trained_card(recipe.model, net, recipe=plain(recipe), figures=figures)
        save_weights(path, net.state_dict(), card)
        models.load_weights(path)  # finite, also in half precision
        (folder / 'run.json').write_text(json.dumps(summary, indent=2))
    return path


def _summary(training: PlaceTraining, trainer: lightning.pytorch.Trainer) -> dict[str, Any]:
    """Return the data of a model card."""
    figures = {name: float(value) for name, value in trainer.callback_metrics.items()}
    best = None
    for kept in trainer.checkpoint_callbacks:
        if isinstance(kept, ModelCheckpoint) and kept.best_model_score is not None:
            checkpoint = torch.load(kept.best_model_path, map_location='cpu', weights_only=True)
            score = float(kept.best_model_score)
            best = {'step': int(checkpoint['global_step']), VALIDATED: score}
            break
    libraries = {'torch': torch, 'lightning': lightning.pytorch, 'numpy': np}
    return {
        'recipe': asdict(training.recipe),
        'steps': trainer.global_step,
        'last': figures,
        'best': best,
        'device': str(trainer.strategy.root_device),
        'vpr_ros': VERSION,
        'commit': _commit(),
        'python': platform.python_version(),
        **{name: str(library.__version__) for name, library in libraries.items()},
    }


def _commit() -> str:
    """Return the commit of the code, or nothing where it does not lie in a repository."""
    try:
        return subprocess.run(
            ['git', 'describe', '--always', '--dirty', '--abbrev=40'],  # noqa: S607  of the path
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ''


class WholeCheckpoints(TorchCheckpointIO):
    """Writes beside the old file and renames.

    Lightning writes to the folder for temporary files and moves: onto another file system that
    is a copy, of which a killed process leaves a part in place of the last good checkpoint.
    """

    def save_checkpoint(
        self,
        checkpoint: dict[str, Any],
        path: str | Path,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a checkpoint to a path on this machine."""
        del storage_options
        with whole_file(Path(path)) as unfinished, unfinished.open('wb') as file:
            try:
                torch.save(checkpoint, file)
            except RuntimeError as error:  # of a full disk, in words of its own
                msg = f'{path} cannot be written: {error}'
                raise OSError(msg) from error
