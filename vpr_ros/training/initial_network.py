# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The network that a training starts from."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models.vit import ViTConfig
from vpr_ros.training.freezing import starts_with
from vpr_ros.training.imagenet import start_stem
from vpr_ros.training.parse import RecipeError, parse

if TYPE_CHECKING:
    from torch import nn

    from vpr_ros.training.recipe import ModelRecipe

_log = logging.getLogger(__name__)


def initial_network(recipe: ModelRecipe, seed: int) -> nn.Module:
    """Return a network with seeded random weights, over which those of the recipe are laid.

    What the file lacks, such as a head that is new, keeps its random weights.

    Raises:
        ModelError: The model is unknown, or the weights are not for it.
        RecipeError: A part to copy is not there, or the model has nothing to train.
    """
    if models.spec(recipe.name).weightless:
        msg = f'{recipe.name} is a formula: there is nothing to train'
        raise RecipeError(msg)
    net = models.create(recipe.name, seed=seed, **_options(recipe.options))
    if recipe.imagenet:
        start_stem(net)
    if recipe.weights:
        _lay_over(net, recipe)
    for target, source in recipe.copy.items():
        _copy(net, source, target)
    return net


def _options(options: dict[str, Any]) -> dict[str, Any]:
    made = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    if isinstance(made.get('vit'), dict):
        made['vit'] = parse(ViTConfig, made['vit'], 'model.options.vit')
    return made


def _lay_over(net: nn.Module, recipe: ModelRecipe) -> None:
    part = net.get_submodule(recipe.weights_into) if recipe.weights_into else net
    own = part.state_dict()
    state = {
        key: value
        for key, value in models.load_weights(Path(recipe.weights).expanduser()).items()
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


def _copy(net: nn.Module, source: str, target: str) -> None:
    try:
        net.get_submodule(target).load_state_dict(net.get_submodule(source).state_dict())
    except (AttributeError, RuntimeError) as error:
        msg = f'model.copy: {target} cannot be a copy of {source}: {error}'
        raise RecipeError(msg) from error
