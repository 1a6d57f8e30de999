# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The models by name: those of this package, and those of others.

A module of a family of models names them in ``MODELS``. Another package registers its own with an
entry point of the group ``vpr_ros.models``: ``any-name = its_package.module:MODELS``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vpr_ros.errors import ModelError
from vpr_ros.models import classical, cricavpr, d2vpr, selavprpp, vit
from vpr_ros.models.initial_state import initial_state
from vpr_ros.registries import Registry

if TYPE_CHECKING:
    from torch import nn

    from vpr_ros.models.model_spec import ModelSpec

_BUNDLED = Path(__file__).parent / 'weights'

# Named one by one, for the networks need torch and most modules here are none.
_FAMILIES = (d2vpr, cricavpr, selavprpp, classical, vit)
_MODELS: Registry[ModelSpec] = Registry(
    'vpr_ros.models', lambda: (entry for family in _FAMILIES for entry in family.MODELS)
)
_BY_NAME = _MODELS.own


def names() -> list[str]:
    """Return the names that `create` knows."""
    return [name for name in registered() if not registration(name).backbone]


def registered() -> list[str]:
    """Return the names that `registration` knows: those of the models and of the backbones."""
    return list(_MODELS)


def spec(name: str) -> ModelSpec:
    """Return the registration of a model.

    Raises:
        ModelError: There is no such model; the message lists those there are.
    """
    if name not in _MODELS or _MODELS[name].backbone:
        msg = f'there is no model {name!r}; there are {", ".join(names())}'
        raise ModelError(msg)
    return _MODELS[name]


def registration(name: str) -> ModelSpec:
    """Return the registration of a model or backbone.

    Raises:
        ModelError: There is neither; the message lists those there are.
    """
    if name not in _MODELS:
        msg = f'there is no model {name!r}; there are {", ".join(registered())}'
        raise ModelError(msg)
    return _MODELS[name]


def build(name: str, **options: Any) -> nn.Module:
    """Return a network in evaluation mode whose parameters have no storage yet.

    `weights_file.load_published` gives it weights without a random initialisation first.
    """
    entry = registration(name)
    try:
        with torch.device('meta'):
            return entry.make(**{**entry.options, **options}).eval()
    except (TypeError, ValueError) as error:
        msg = f'model {name!r} cannot be built with these options: {error}'
        raise ModelError(msg) from error


def create(name: str, *, seed: int = 0, **options: Any) -> nn.Module:
    """Return a network in evaluation mode with reproducible random weights.

    Args:
        name: One of `names()`.
        seed: Seed of the random weights, see `initial_state`.
        options: Fields of the model's configuration, such as ``compat`` of `D2VPRConfig`.

    Raises:
        ModelError: The name or an option is unknown.
    """
    spec(name)
    net = build(name, **options)
    net.load_state_dict(initial_state(net, seed), assign=True)
    return net


def weights_folder() -> Path:
    """Return the user's weights folder: ``$VPR_WEIGHTS``, or ``~/.cache/vpr_ros/weights``."""
    return Path(os.environ.get('VPR_WEIGHTS') or Path.home() / '.cache' / 'vpr_ros' / 'weights')


def find_weights(name: str) -> Path | None:
    """Return the file with a model's weights: bundled, or in the user's weights folder."""
    folders = (_BUNDLED, weights_folder())
    candidates = (folder / f'{registration(name).name}.safetensors' for folder in folders)
    return next((path for path in candidates if path.is_file()), None)
