# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The networks by name: configuration, input size, and where their weights come from."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vpr_ros.errors import ModelError
from vpr_ros.models.d2vpr import D2VPR, D2VPRConfig
from vpr_ros.models.initial import initial_state
from vpr_ros.models.vit import ViTConfig

if TYPE_CHECKING:
    from collections.abc import Callable

_BUNDLED = Path(__file__).parent / 'weights'


@dataclass(frozen=True)
class ModelSpec:
    """One entry of the registry.

    Attributes:
        name: What users call it.
        build: Makes the network from options; the defaults are the published network.
        input_size: Side of the square input in pixels that it is meant for.
        batch_dependent: True where a descriptor depends on the other images of its batch.
        untrained: True where seeded random weights stand in until weights are found.
        obtain: How to get the weights, for error messages.
    """

    name: str
    build: Callable[..., nn.Module]
    input_size: int
    batch_dependent: bool = False
    untrained: bool = False
    obtain: str = ''


def _d2vpr(**options: Any) -> nn.Module:
    return D2VPR(D2VPRConfig(**options))


def _d2vpr_encoder(**options: Any) -> nn.Module:
    return D2VPR(D2VPRConfig(cross_image=True, **options))


_NANO_VIT = ViTConfig(width=192, depth=12, heads=3, patch=16, native_grid=14, stem='conv')


def _d2vpr_nano(**options: Any) -> nn.Module:
    defaults: dict[str, Any] = {
        'vit': _NANO_VIT,
        'compat': 'paper',
        'region_dim': 64,
        'code_bits': 512,
    }
    return D2VPR(D2VPRConfig(**(defaults | options)))


_D2VPR_README = 'Google Drive, linked from https://github.com/tony19980810/D2VPR'

_SPECS = (
    ModelSpec('d2vpr', _d2vpr, 224, obtain=f'finetune_no_encoder.pth on {_D2VPR_README}'),
    ModelSpec(
        'd2vpr-encoder',
        _d2vpr_encoder,
        224,
        batch_dependent=True,
        obtain=f'finetune.pth on {_D2VPR_README}',
    ),
    ModelSpec('d2vpr-nano', _d2vpr_nano, 224, untrained=True),
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
            return entry.build(**options).eval()
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


def find_weights(name: str) -> Path | None:
    """Return the file with a model's weights: bundled, or in the user's weights folder.

    The folder is ``$VPR_WEIGHTS``, by default ``~/.cache/vpr_ros/weights``.
    """
    folder = Path(os.environ.get('VPR_WEIGHTS') or Path.home() / '.cache' / 'vpr_ros' / 'weights')
    candidates = (parent / f'{spec(name).name}.safetensors' for parent in (_BUNDLED, folder))
    return next((path for path in candidates if path.is_file()), None)
