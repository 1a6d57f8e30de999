# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The models by name: those of this package, and those of others.

A module of a family of models names them in ``MODELS``. Another package registers its own with an
entry point of the group ``vpr_ros.models``: ``any-name = its_package.module:MODELS``.
"""

from __future__ import annotations

import functools
import logging
import os
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from vpr_ros.errors import ModelError
from vpr_ros.models import classical, cricavpr, d2vpr, selavprpp, vit
from vpr_ros.models.initial_state import initial_state

if TYPE_CHECKING:
    from torch import nn

    from vpr_ros.models.model_spec import ModelSpec

_BUNDLED = Path(__file__).parent / 'weights'
_GROUP = 'vpr_ros.models'
_LOGGER = logging.getLogger(__name__)

# Named one by one: a ROS installation has no metadata of installed packages.
_FAMILIES = (d2vpr, cricavpr, selavprpp, classical, vit)
_BY_NAME: dict[str, ModelSpec] = {
    entry.name: entry for family in _FAMILIES for entry in family.MODELS
}


@functools.cache
def _others() -> dict[str, ModelSpec]:
    """Return the models that other packages register."""
    found: dict[str, ModelSpec] = {}
    for point in metadata.entry_points(group=_GROUP):
        found |= _loaded(point, {*_BY_NAME, *found})
    return found


def _loaded(point: metadata.EntryPoint, taken: set[str]) -> dict[str, ModelSpec]:
    """Return the models of an entry point; none, with a warning, where it is not usable."""
    try:
        entries = {entry.name: entry for entry in point.load()}
    except Exception as error:  # noqa: BLE001  # code of others raises anything
        _LOGGER.warning('the models of %s are left out: %s', point.value, error)
        return {}
    for name in taken & set(entries):
        _LOGGER.warning('model %r of %s is left out: the name is taken', name, point.value)
    return {name: entry for name, entry in entries.items() if name not in taken}


def names() -> list[str]:
    """Return the names that `create` knows."""
    return [name for name in registered() if not registration(name).backbone]


def registered() -> list[str]:
    """Return the names that `registration` knows: those of the models and of the backbones."""
    return list({**_BY_NAME, **_others()})


def spec(name: str) -> ModelSpec:
    """Return the registration of a model.

    Raises:
        ModelError: There is no such model; the message lists those there are.
    """
    if (name not in _BY_NAME and name not in _others()) or registration(name).backbone:
        msg = f'there is no model {name!r}; there are {", ".join(names())}'
        raise ModelError(msg)
    return registration(name)


def registration(name: str) -> ModelSpec:
    """Return the registration of a model or backbone.

    Raises:
        ModelError: There is neither; the message lists those there are.
    """
    entry = _BY_NAME.get(name) or _others().get(name)
    if entry is None:
        msg = f'there is no model {name!r}; there are {", ".join(registered())}'
        raise ModelError(msg)
    return entry


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
