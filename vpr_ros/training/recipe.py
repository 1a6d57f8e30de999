# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recipes of training runs: frozen dataclasses read from one YAML file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from vpr_ros.documents import read_yaml
from vpr_ros.errors import VprError
from vpr_ros.parsing import parse
from vpr_ros.training.overriding import RecipeError, override

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

Kind = Literal['distill', 'finetune', 'hash']
T = TypeVar('T')


@dataclass(frozen=True)
class ModelRecipe:
    """The network that is trained.

    Attributes:
        name: In the registry.
        size: Side of its square input in pixels while training; 0 for that in use.
        size_in_use: Side in use and of validation, which the weights file notes; 0 for `size`, or
            that of the registry.
        options: Fields of its configuration that differ from the registry's.
        imagenet: Start its trunk from the EfficientNet-Lite trained on ImageNet.
        weights: File to start from, or the name of a model or backbone whose weights are here;
            empty for seeded random ones.
        weights_into: Part of the network that the file is for, such as ``backbone``; empty for
            the whole.
        ignore: Entries of the file to leave out, by the start of their names.
        copy: Parts to start as copies of others, target: source.
    """

    name: str
    size: int = 0
    size_in_use: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    imagenet: bool = False
    weights: str = ''
    weights_into: str = ''
    ignore: tuple[str, ...] = ()
    copy: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataRecipe:
    """The images that are trained on.

    Attributes:
        sources: Options of `data.open_source`, each with its ``share`` of the batches.
        places: In a batch.
        views: Of each place in a batch.
        size: Side in pixels of the loaded images; 0 for the larger of network's and teacher's.
        workers: Processes that load.
    """

    sources: tuple[dict[str, Any], ...]
    places: int
    views: int
    size: int = 0
    workers: int = 2


@dataclass(frozen=True)
class TeacherRecipe:
    """Whose descriptors the network learns to give.

    Attributes:
        kind: ``model`` for one of the registry, ``tflite`` for an embedding file,
            ``imagenet`` for features of EfficientNet-Lite0 trained on ImageNet.
        name: Of a model in the registry.
        weights: File of them; empty for those of the model or of the pip package.
        sees: ``same`` augmented images as the student, as published, or ``clean`` ones.
        cache: Keep the teacher's output for each clean image, in memory, up to so many MiB.
        taps: Blocks (0-based) of EfficientNet-Lite0 whose outputs are pooled.
        grid: Side of the grid they are pooled to.
        standardise: Images from which mean and spread of each feature are estimated; 0 for raw
            features.
    """

    kind: Literal['model', 'tflite', 'imagenet']
    name: str = ''
    weights: str = ''
    sees: Literal['same', 'clean'] = 'same'
    cache: int = 0
    taps: tuple[int, ...] = (9, 12)
    grid: int = 3
    standardise: int = 0


@dataclass(frozen=True)
class DistillationLoss:
    """Likeness of the student's descriptor to the teacher's.

    Attributes:
        kind: ``mse`` summed over the descriptor, ``cosine``, or ``relational``: likeness of the
            batch's similarity matrices, which needs no common length.
        weight: Weight of the term.
    """

    kind: Literal['mse', 'cosine', 'relational'] = 'mse'
    weight: float = 1.0


@dataclass(frozen=True)
class MetricLoss:
    """Multi-similarity loss on the float descriptor (methods: alpha 1, beta 50, base 0)."""

    weight: float = 1.0
    alpha: float = 1.0
    beta: float = 50.0
    base: float = 0.0
    margin: float = 0.1


@dataclass(frozen=True)
class HashLoss:
    """Multi-similarity loss on the code, and the terms that tie code and float values.

    Attributes:
        kind: ``similarity`` (SelaVPR++): the metric loss on straight-through codes, and the tie of
            the similarities of pairs; ``ste`` without the tie. With the metric loss on the float
            values instead: ``similarity-floats`` with that tie, ``locality`` with that of their
            likelihoods, ``direct`` with none, signs are only taken afterwards.
        weight: Weight of the whole.
        tie: Weight of the tie beside the multi-similarity loss.
    """

    kind: Literal['similarity', 'ste', 'similarity-floats', 'direct', 'locality'] = 'similarity'
    weight: float = 1.0
    tie: float = 0.1


@dataclass(frozen=True)
class LossRecipe:
    """The terms that are added up; a term that is not there does not count."""

    distillation: DistillationLoss | None = None
    metric: MetricLoss | None = None
    hash: HashLoss | None = None


@dataclass(frozen=True)
class OptimiserRecipe:
    """How the weights are moved.

    Attributes:
        name: Name of the method.
        learning_rate: Of everything that `learning_rates` does not name.
        learning_rates: By the start of parameters' names, the longest counts.
        weight_decay: Of matrices and kernels; biases, norms and scales are not shrunk.
        warmup: Steps over which the learning rates rise linearly.
        decay: After the warm-up: ``constant``, ``cosine`` down to `final` at the last step, or
            ``halving`` every `halve_every` steps.
        final: Share of the learning rate left at the last step.
        halve_every: Steps.
        clip: Largest norm of the gradient; 0 for none.
    """

    name: Literal['adam', 'adamw'] = 'adamw'
    learning_rate: float = 2e-4
    learning_rates: dict[str, float] = field(default_factory=dict)
    weight_decay: float = 0.0
    warmup: int = 0
    decay: Literal['constant', 'cosine', 'halving'] = 'constant'
    final: float = 0.0
    halve_every: int = 0
    clip: float = 0.0

    def __post_init__(self) -> None:
        if (self.decay == 'halving') != (self.halve_every > 0):
            msg = 'halve_every is only used with decay: halving'
            raise RecipeError(msg)


@dataclass(frozen=True)
class RunRecipe:
    """The loop.

    Attributes:
        steps: Batches altogether, or epochs.
        unit: What `steps`, `checkpoint_every`, `validate_every`, the optimiser's `warmup` and
            `halve_every` and the curriculum's `steps` count: an epoch is over when every place
            was seen.
        seed: Of weights, batches and augmentation.
        precision: ``32``, ``bf16-mixed`` or ``16-mixed``.
        accelerator: ``auto``, ``cpu`` or ``gpu``.
        devices: Number of them; each takes batches of its own.
        strategy: Of Lightning, such as ``ddp``.
        threads: On the CPU; 0 for all.
        checkpoint_every: Steps.
        validate_every: Steps; a shorter training is validated once, at its end.
        log_every: Steps.
        patience: Validations without a better figure after which to stop; 0 for never.
        keep: Write the weights of the ``best`` validation or of the ``last`` step.
        float16: Write them in half precision.
    """

    steps: int
    unit: Literal['steps', 'epochs'] = 'steps'
    seed: int = 0
    precision: Literal['32', 'bf16-mixed', '16-mixed'] = '32'
    accelerator: Literal['auto', 'cpu', 'gpu'] = 'auto'
    devices: int = 1
    strategy: str = 'auto'
    threads: int = 0
    checkpoint_every: int = 500
    validate_every: int = 500
    log_every: int = 20
    patience: int = 0
    keep: Literal['best', 'last'] = 'best'
    float16: bool = True


@dataclass(frozen=True)
class Curriculum:
    """From mild to strong augmentation.

    Attributes:
        start: Share of the strength at the first step.
        steps: After which the strength is that of the recipe; it rises linearly.
    """

    start: float = 0.0
    steps: int = 0

    def strength(self, step: int) -> float:
        """Return the share of the strength at a step."""
        if step >= self.steps:
            return 1.0
        return self.start + (1 - self.start) * step / self.steps


@dataclass(frozen=True)
class TraversePair:
    """Two drives along one way; one is found in the other.

    Attributes:
        name: Name of the figures.
        map: Folder of images in order or with positions in their names, or a bag with poses.
        query: The same.
        tolerance: Correct within so many images in order, or metres.
        queries_list: File with the keys of the queries that count, such as the official ones of
            MSLS; empty for all.
    """

    name: str
    map: str
    query: str
    tolerance: float
    queries_list: str = ''


@dataclass(frozen=True)
class Recipe:
    """One training.

    Attributes:
        recipe: Its kind: `distill`, `finetune` or `hash`.
        model: The network.
        data: The training images.
        loss: The loss terms.
        run: The loop.
        optimiser: How the weights move.
        augmentation: Fields of `data.Augmentation`.
        curriculum: How strong it is at first.
        teacher: Whom a distillation term follows.
        trainable: Prefixes of the names of trained weights; empty for all. What is frozen
            is in evaluation mode.
        frozen: Prefixes of exceptions.
        freeze_batchnorm: Keep the statistics of batch normalisation as they are.
        validation: Traverses to measure on.
    """

    recipe: Kind
    model: ModelRecipe
    data: DataRecipe
    loss: LossRecipe
    run: RunRecipe
    optimiser: OptimiserRecipe = OptimiserRecipe()
    augmentation: dict[str, Any] = field(default_factory=dict)
    curriculum: Curriculum = Curriculum()
    teacher: TeacherRecipe | None = None
    trainable: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    freeze_batchnorm: bool = False
    validation: tuple[TraversePair, ...] = ()

    def __post_init__(self) -> None:
        needed = {'distill': 'distillation', 'finetune': 'metric', 'hash': 'hash'}[self.recipe]
        if getattr(self.loss, needed) is None:
            msg = f'a {self.recipe} recipe needs loss.{needed}'
            raise RecipeError(msg)
        if (self.loss.distillation is None) != (self.teacher is None):
            msg = 'teacher and loss.distillation go together: give both or neither'
            raise RecipeError(msg)
        if self.teacher is not None and self.teacher.cache and self.teacher.sees != 'clean':
            msg = 'teacher.cache needs teacher.sees: clean, for augmented images never come again'
            raise RecipeError(msg)


def load_recipe(path: Path, settings: Sequence[str] = (), kind: Kind | None = None) -> Recipe:
    """Read a recipe of a training.

    Args:
        path: YAML file.
        settings: ``key.sub=value`` with YAML values, which replace those of the file.
        kind: The expected type.

    Raises:
        RecipeError: The file is not such a recipe; the message names the key.
    """
    recipe = read_recipe(Recipe, path, settings)
    if kind is not None and recipe.recipe != kind:
        msg = f'{path} is for `vpr train {recipe.recipe}`, not `vpr train {kind}`'
        raise RecipeError(msg)
    return recipe


def read_recipe(kind: type[T], path: Path, settings: Sequence[str] = ()) -> T:
    """Read a dataclass from a YAML file, see `load_recipe`."""
    try:
        data = read_yaml(path)
        for setting in settings:
            override(data, setting)
        return parse(kind, data)
    except VprError as error:
        msg = f'{path}: {error}'
        raise RecipeError(msg) from error
