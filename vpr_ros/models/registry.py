# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The models by name: those of this package, and those of others.

A module of a family of models lists them in ``MODELS``, or in ``BACKBONES``, as calls whose first
argument is the name: the command line reads the names without importing torch. Another package
registers its own with an entry point of the group ``vpr_ros.models``:
``any-name = its_package.module:MODELS``.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from vpr_ros.errors import ModelError
from vpr_ros.models import (
    aggregation_tokens,
    boq,
    classical,
    cosplace,
    cricavpr,
    d2vpr,
    mixvpr,
    nano,
    salad,
    selavprpp,
    vit,
)
from vpr_ros.models.model_card import made_options
from vpr_ros.models.projected import Projected
from vpr_ros.models.resnet import ResNetConfig
from vpr_ros.models.vit import ViTConfig
from vpr_ros.registries import Registry, no_model, weights_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vpr_ros.models.model_spec import ModelSpec

_BUNDLED = Path(__file__).parent / 'weights'

# Named one by one, for the networks need torch and most modules here are none.
_FAMILIES = (
    d2vpr,
    nano,
    cricavpr,
    selavprpp,
    salad,
    boq,
    aggregation_tokens,
    cosplace,
    mixvpr,
    classical,
)
_PARTS: dict[str, type] = {'vit': ViTConfig, 'resnet': ResNetConfig}
"""Options that are configurations themselves."""
_MODELS: Registry[ModelSpec] = Registry(
    'vpr_ros.models',
    lambda: (*(entry for family in _FAMILIES for entry in family.MODELS), *vit.BACKBONES),
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
        raise ModelError(no_model(name, names()))
    return _MODELS[name]


def registration(name: str) -> ModelSpec:
    """Return the registration of a model or backbone.

    Raises:
        ModelError: There is neither; the message lists those there are.
    """
    if name not in _MODELS:
        raise ModelError(no_model(name, registered()))
    return _MODELS[name]


def build(name: str, **options: Any) -> nn.Module:
    """Return a network in evaluation mode whose parameters have no storage yet.

    `weights_file.load_published` gives it weights without a random initialisation first.

    Raises:
        ModelError: The name or an option is unknown.
    """
    return network_of(registration(name), options)


def network_of(entry: ModelSpec, options: Mapping[str, Any] | None = None) -> nn.Module:
    """Return a network in evaluation mode, without storage, of a model as a file describes it.

    Args:
        entry: The model.
        options: Fields in which the network differs from the model's, also as JSON has them.

    Raises:
        ModelError: The network has no such options.
    """
    wanted = made_options({**entry.options, **(options or {})})
    try:
        for name, kind in _PARTS.items():
            if isinstance(wanted.get(name), dict):
                wanted[name] = kind(**made_options(wanted[name]))
        with torch.device('meta'):
            net: nn.Module = entry.make(**wanted).eval()
            if not entry.projection:
                return net
            return Projected(net, entry.projection, entry.projection_bits)
    except Exception as error:  # options of a file may be anything
        msg = f'model {entry.name!r} cannot be built with these options: {error}'
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


def find_weights(name: str) -> Path | None:
    """Return the file with a model's weights: bundled, or in the user's weights folder."""
    folders = (_BUNDLED, weights_folder())
    candidates = (folder / f'{registration(name).name}.safetensors' for folder in folders)
    return next((path for path in candidates if path.is_file()), None)


_ZERO = ('bias', 'mask_token', 'dust_bin', 'mean', '.D_fc2.weight', 'offset_generator.2.weight')
# The parts of D²-VPR in our own networks start as no change, see `nano.Refinement`.
_NO_CHANGE = ('.attn.proj.weight', '.mlp.fc2.weight', '.topdown_fusion.3.weight')
_EMBEDDING_STD = 0.02
_HALF_SCALE = -math.log(2)  # makes 0.5 + 1.5 sigmoid(raw) one: regions start undeformed


def initial_state(net: nn.Module, seed: int) -> dict[str, Tensor]:
    """Return a value for every entry of ``net.state_dict()``, on the CPU.

    Each tensor depends only on the seed, its key and its shape: uniform values are made from the
    raw 64-bit output of PCG64, which NumPy promises never to change, by exact arithmetic.
    Linear layers get the standard deviation 0.02 of DINOv2, convolutions He's
    (arXiv:1502.01852); adapters start as no change and regions undeformed.
    """
    return {
        key: torch.from_numpy(_initial(key, tuple(value.shape), value.dtype, seed))
        for key, value in net.state_dict().items()
    }


def _initial(
    key: str, shape: tuple[int, ...], dtype: torch.dtype, seed: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32 | np.int64]]:
    if not dtype.is_floating_point:
        return np.zeros(shape, np.int64)
    if (given := _given(key, shape)) is not None:
        return given.astype(np.float32)
    std = math.sqrt(2 / math.prod(shape[1:])) if len(shape) == 4 else _EMBEDDING_STD
    return std * _unit_uniform(key, shape, seed)


def _given(key: str, shape: tuple[int, ...]) -> np.ndarray[tuple[int, ...], Any] | None:
    """Return the values that do not depend on the seed; None for those that do."""
    if key.endswith('offset_generator.2.bias'):
        return np.array([0, 0, _HALF_SCALE, _HALF_SCALE])
    if key.endswith(_ZERO) or (key.startswith('refinement.') and key.endswith(_NO_CHANGE)):
        return np.zeros(shape)
    if key == 'refinement.lin.weight':  # passes the last tap
        return np.eye(shape[0], shape[1], shape[1] - shape[0])
    if key.endswith('.p'):
        return np.full(shape, 3)
    # Norm weights, layer scales, running variances.
    return np.ones(shape) if len(shape) == 1 else None


def _unit_uniform(
    key: str, shape: tuple[int, ...], seed: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Return float32 uniform values of mean 0 and variance 1."""
    source = np.random.PCG64([seed, zlib.crc32(key.encode())])
    words = source.random_raw(math.prod(shape))
    units = (words >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return (units * np.float32(math.sqrt(3))).reshape(shape)
