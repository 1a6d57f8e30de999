# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Lightning module: one training step, and the measurements between steps."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule
from torch import nn

from vpr_ros.describe.preprocess import normalised
from vpr_ros.training.data.batches import Batches, batch_loader
from vpr_ros.training.losses import Hashing, MultiSimilarity, distillation_loss
from vpr_ros.training.recipe import MetricLoss
from vpr_ros.training.teacher import RememberedTeacher, resized
from vpr_ros.training.trainable_network import parameter_groups, training_modes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lightning.pytorch import Trainer
    from lightning.pytorch.utilities.types import OptimizerLRScheduler
    from torch import Tensor

    from vpr_ros.models import ModelOutput
    from vpr_ros.training.data import Augmentation, PlaceBatch, PlaceSource
    from vpr_ros.training.recipe import OptimiserRecipe, Recipe
    from vpr_ros.training.teacher import Teacher
    from vpr_ros.training.traverses import TraverseRecall

VALIDATED = 'validation/r1'
"""Mean over the pairs of recall@1 by binary-then-float where codes are trained, else by floats."""

_MIB = 2**20


class PlaceTraining(LightningModule):
    """Trains a network by a recipe.

    Step n depends only on the weights, the recipe and n: batches, augmentation
    and the network's own random numbers are seeded by n, so that a run that was killed goes on
    with the same numbers as one that was not.

    Args:
        recipe: The recipe.
        net: The network, frozen as the recipe says.
        sources: Images, each with its share of the batches.
        augment: Changes images.
        size: Side in pixels of the images for the network.
        loaded: Side in pixels of the images as loaded.
        teacher: Where the recipe has one.
        recall: Measures on held-out traverses, where there are any.
    """

    def __init__(
        self,
        recipe: Recipe,
        net: nn.Module,
        sources: Sequence[tuple[PlaceSource, float]],
        augment: Augmentation,
        size: int,
        loaded: int,
        teacher: Teacher | None = None,
        recall: TraverseRecall | None = None,
    ) -> None:
        super().__init__()
        self.recipe = recipe
        self.net = net
        self.size = size
        self.loaded = loaded
        self.projection: nn.Module | None = None
        self._sources = sources
        self._augment = augment
        self._recall = recall
        self._teacher = teacher
        self._remembered: RememberedTeacher | None = None
        loss = recipe.loss
        metric = loss.metric or MetricLoss()
        self.metric = MultiSimilarity(metric) if loss.metric else None
        self.hashing = Hashing(loss.hash, metric) if loss.hash else None
        if recipe.teacher is not None and teacher is not None:
            if recipe.teacher.cache:
                self._remembered = RememberedTeacher(teacher, recipe.teacher.cache * _MIB)
            self.projection = self._projection(teacher)

    def train(self, mode: bool = True) -> PlaceTraining:  # noqa: FBT001, FBT002  torch's signature
        """Put only trained modules in training mode."""
        super().train(mode)
        if mode:
            training_modes(self.net, freeze_batchnorm=self.recipe.freeze_batchnorm)
        return self

    def train_dataloader(self) -> Iterable[PlaceBatch]:
        """Load the batches that are still to be trained on; called after a checkpoint is read.

        Without a length: Lightning would count those already done against it.
        """
        steps, rank = self.recipe.run.steps, self.global_rank
        batches = batches_of(self.recipe, self._sources, self.loaded, steps, rank)
        loader = batch_loader(batches, first=self.global_step, workers=self.recipe.data.workers)
        return Unsized(loader)

    def val_dataloader(self) -> Sequence[int]:
        """Return one batch, for `TraverseRecall` has its images itself."""
        return [0] if self._recall is not None else []

    def training_step(self, batch: PlaceBatch, _number: int) -> Tensor:
        """Return the loss of a batch."""
        clean, images = self.views(batch, self.global_step)
        # As at inference; on CPUs a step in bfloat16 takes a good half of the time.
        channels_last = torch.channels_last
        read = normalised(resized(images, self.size)).contiguous(memory_format=channels_last)
        output = self.net(read)
        targets = self._targets(clean, images, batch)
        # In bfloat16, cosines would be rounded by more than the losses' margins.
        with torch.autocast(images.device.type, enabled=False):
            loss, terms = self._loss(output, batch.places, targets)
        self.log('loss', loss, prog_bar=True)
        self.log_dict({f'loss/{name}': value.detach() for name, value in terms.items()})
        return loss

    def views(self, batch: PlaceBatch, step: int) -> tuple[Tensor, Tensor]:
        """Return the images of a step (B, 3, S, S), 0 to 1: clean, and as the student sees them.

        Seeds the random numbers of the network, such as those of dropout, too.
        """
        seed = step_seed(self.recipe.run.seed, step, self.global_rank)
        torch.manual_seed(seed)
        clean = batch.images.float() / 255
        generator = torch.Generator(clean.device).manual_seed(seed)
        strength = self._augment.strength * self.recipe.curriculum.strength(step)
        with torch.autocast(clean.device.type, enabled=False):
            return clean, self._augment.at(strength)(clean, generator)

    def validation_step(self, _batch: int, _number: int) -> None:
        """Measure recall on the held-out traverses."""
        if self._recall is None:
            return
        figures = self._recall.measure(self.net, self.device)
        # By what is trained: the codes of a branch that is not say nothing.
        kind = 'binary' if self.hashing is not None else 'float'
        chosen = [value for name, value in figures.items() if name.endswith(f'/{kind}_r1')]
        named = {f'validation/{name}': value for name, value in figures.items()}
        # All devices measure the same; Lightning would warn that it was not told.
        self.log_dict(named, batch_size=1, sync_dist=True)
        mean = sum(chosen) / len(chosen)
        self.log(VALIDATED, mean, prog_bar=True, batch_size=1, sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Return the optimiser, and the learning rates over the steps."""
        recipe = self.recipe.optimiser
        groups = parameter_groups(
            self.net, recipe.learning_rates, recipe.learning_rate, recipe.weight_decay
        )
        if self.projection is not None:
            groups.append({'params': list(self.projection.parameters()), 'weight_decay': 0.0})
        method = torch.optim.AdamW if recipe.name == 'adamw' else torch.optim.Adam
        optimiser = method(groups, lr=recipe.learning_rate)
        factor = partial(rate_factor, recipe, self.recipe.run.steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {
            'optimizer': optimiser,
            'lr_scheduler': {'scheduler': schedule, 'interval': 'step'},
        }

    def _loss(
        self, output: ModelOutput, places: Tensor, targets: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch's descriptors and codes, and its terms unweighted."""
        recipe = self.recipe.loss
        loss, terms = torch.zeros((), device=places.device), {}
        if recipe.distillation is not None and targets is not None:
            student = output.descriptor
            if self.projection is not None:
                student = nn.functional.normalize(self.projection(student), dim=1)
            terms['distillation'] = distillation_loss(recipe.distillation, student, targets)
            loss = loss + recipe.distillation.weight * terms['distillation']
        if self.metric is not None and recipe.metric is not None:
            terms['metric'], pairs = self.metric(output.descriptor, places)
            terms['mined'] = torch.tensor(float(len(pairs[0]) + len(pairs[2])))
            loss = loss + recipe.metric.weight * terms['metric']
        if self.hashing is not None and recipe.hash is not None:
            terms['hash'], terms['tie'] = self.hashing(output.logits, output.code, places)
            loss = loss + recipe.hash.weight * (terms['hash'] + recipe.hash.tie * terms['tie'])
        return loss, terms

    def _targets(self, clean: Tensor, images: Tensor, batch: PlaceBatch) -> Tensor | None:
        if self._teacher is None or self.recipe.teacher is None:
            return None
        if self._remembered is not None:
            keys = list(zip(batch.places.tolist(), batch.views.tolist(), strict=True))
            return self._remembered.describe(clean, keys)
        return self._teacher.describe(images if self.recipe.teacher.sees == 'same' else clean)

    def _projection(self, teacher: Teacher) -> nn.Module | None:
        """Return the map from the student's to the teacher's length, where they differ."""
        distillation = self.recipe.loss.distillation
        if distillation is None or distillation.kind == 'relational':
            return None
        black = torch.zeros(1, 3, self.size, self.size)
        with torch.no_grad():
            length = self.net(normalised(black)).descriptor.shape[1]
        wanted = teacher.describe(black).shape[1]
        if length == wanted:
            return None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.recipe.run.seed)
            return nn.Linear(length, wanted)


def batches_of(
    recipe: Recipe,
    sources: Sequence[tuple[PlaceSource, float]],
    size: int,
    upto: int,
    rank: int = 0,
) -> Batches:
    """Return the first batches of a recipe, as one of its devices gets them."""
    data, seed = recipe.data, recipe.run.seed + rank
    return Batches(sources, places=data.places, views=data.views, size=size, seed=seed, upto=upto)


class Unsized:
    """Batches of a loader, which does not say how many they are."""

    def __init__(self, loader: Iterable[PlaceBatch]) -> None:
        self._loader = loader

    def __iter__(self) -> Any:
        return iter(self._loader)


def rate_factor(recipe: OptimiserRecipe, steps: int, step: int) -> float:
    """Return the factor of the learning rates at a step (from 0) of so many."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    if recipe.decay == 'halving':
        return float(0.5 ** (step // recipe.halve_every))
    if recipe.decay == 'constant':
        return 1.0
    done = (step - recipe.warmup) / max(1, steps - 1 - recipe.warmup)
    return recipe.final + (1 - recipe.final) * (1 + math.cos(math.pi * min(1.0, done))) / 2


def step_seed(seed: int, step: int, rank: int = 0) -> int:
    """Return a seed (63 bits) that depends on nothing but these, so that a run can go on."""
    (word,) = np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)
    return int(word >> np.uint64(1))


class ProgressLines(Callback):
    """Tells step, speed and figures as lines of text.

    Args:
        every: Steps between lines.
        tell: Takes a line.
    """

    def __init__(self, every: int, tell: Callable[[str], None]) -> None:
        self._every = every
        self._tell = tell
        self._since = (0, 0.0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Start the clock."""
        self._since = trainer.global_step, time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Tell how it goes."""
        step = trainer.global_step
        waits = step % self._every and step != trainer.max_steps
        if waits or not trainer.is_global_zero:
            return
        first, then = self._since
        now = time.monotonic()
        speed = (step - first) / max(now - then, 1e-9)
        self._since = step, now
        figures = _text(trainer, 'loss')
        self._tell(f'step {step}/{trainer.max_steps}  {speed:.2f} steps/s  {figures}')

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Print the validation figures."""
        if trainer.is_global_zero:
            self._tell(f'step {trainer.global_step}  {_text(trainer, "validation")}')


def _text(trainer: Trainer, prefix: str) -> str:
    figures = trainer.callback_metrics.items()
    return '  '.join(
        f'{name.removeprefix("validation/")} {float(value):.4g}'
        for name, value in figures
        if name.startswith(prefix)
    )
