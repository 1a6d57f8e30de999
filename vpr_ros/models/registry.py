# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks by name: configuration, input size, and where their weights come from."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vpr_ros.errors import ModelError
from vpr_ros.models.classical import Hog, PatchNorm
from vpr_ros.models.cricavpr import CricaVPR, CricaVPRConfig
from vpr_ros.models.d2vpr import D2VPR, D2VPRConfig
from vpr_ros.models.initial_state import initial_state
from vpr_ros.models.selavprpp import SelaVPRpp, SelaVPRppConfig
from vpr_ros.models.vit import VIT_L, ViTConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BUNDLED = Path(__file__).parent / 'weights'


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
        name: What users call it.
        make: Makes the network from fields of its configuration.
        input_size: Side of the square input in pixels that it is meant for.
        options: Fields in which the model differs from its configuration's defaults.
        batch_dependent: True where a descriptor depends on the other images of its batch.
        untrained: True where seeded random weights stand in until weights are found.
        weightless: True for a formula: there is nothing to load and nothing to train.
    """

    name: str
    make: Callable[..., nn.Module]
    input_size: int
    options: Mapping[str, Any] = field(default_factory=dict)
    batch_dependent: bool = False
    untrained: bool = False
    weightless: bool = False


_NANO_VIT = ViTConfig(width=192, depth=4, heads=3, patch=16, native_grid=14, stem='mobile')


def _d2vpr(**options: Any) -> nn.Module:
    return D2VPR(D2VPRConfig(**options))


def _cricavpr(**options: Any) -> nn.Module:
    return CricaVPR(CricaVPRConfig(**options))


def _selavprpp(**options: Any) -> nn.Module:
    return SelaVPRpp(SelaVPRppConfig(**options))


_SPECS = (
    ModelSpec('d2vpr', _d2vpr, 224),
    ModelSpec(
        'd2vpr-encoder',
        _d2vpr,
        224,
        options={'cross_image': True},
        batch_dependent=True,
    ),
    ModelSpec(
        'd2vpr-nano',
        _d2vpr,
        224,
        # Trained by ourselves, so the offsets are looked up as the paper means it. 14 regions of
        # 64 keep each region comparable on its own and the descriptor under 2 KB in a map.
        options={
            'vit': _NANO_VIT,
            'taps': (1, 2, 3, 4),
            'compat': 'paper',
            'region_dim': 64,
            'code_bits': 512,
        },
        untrained=True,
    ),
    ModelSpec(
        'cricavpr',
        _cricavpr,
        224,
        batch_dependent=True,
    ),
    ModelSpec(
        'selavprpp-base',
        _selavprpp,
        322,
    ),
    ModelSpec(
        'selavprpp-large',
        _selavprpp,
        322,
        options={'vit': VIT_L, 'descriptor_dim': 4096, 'adapters': 'last-16'},
    ),
    ModelSpec('hog', Hog, 128, weightless=True),
    ModelSpec('patchnorm', PatchNorm, 128, weightless=True),
)
_BY_NAME = {spec.name: spec for spec in _SPECS}


def names() -> list[str]:
    """Return the names that `create` knows."""
    return list(_BY_NAME)


def spec(name: str) -> ModelSpec:
    """Return the registry's entry.

    Raises:
        ModelError: There is no such model; the message lists those there are.
    """
    if name not in _BY_NAME:
        msg = f'there is no model {name!r}; there are {", ".join(_BY_NAME)}'
        raise ModelError(msg)
    return _BY_NAME[name]


def build(name: str, **options: Any) -> nn.Module:
    """Return a network in evaluation mode whose parameters have no storage yet.

    `checkpoints.load_published` gives it weights without a random initialisation first.
    """
    entry = spec(name)
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
        seed: Of the weights, see `initial.initial_state`.
        options: Fields of the model's configuration, such as ``compat`` of `D2VPRConfig`.

    Raises:
        ModelError: The name or an option is unknown.
    """
    net = build(name, **options)
    net.load_state_dict(initial_state(net, seed), assign=True)
    return net


def weights_folder() -> Path:
    """Return the user's weights folder: ``$VPR_WEIGHTS``, or ``~/.cache/vpr_ros/weights``."""
    return Path(os.environ.get('VPR_WEIGHTS') or Path.home() / '.cache' / 'vpr_ros' / 'weights')


def find_weights(name: str) -> Path | None:
    """Return the file with a model's weights: bundled, or in the user's weights folder."""
    folders = (_BUNDLED, weights_folder())
    candidates = (folder / f'{spec(name).name}.safetensors' for folder in folders)
    return next((path for path in candidates if path.is_file()), None)
