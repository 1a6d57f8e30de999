# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""MixVPR (arXiv:2303.02190): a residual network whose positions are mixed by linear layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn
from torch.nn import functional

from vpr_ros.errors import ModelError
from vpr_ros.models.model_spec import (
    ModelOutput,
    ModelSpec,
    Preprocessing,
    PublishedWeights,
    drive_page,
)
from vpr_ros.models.resnet import RESNET50, ResNetConfig, ResNetTrunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_STRIDE = 16
_MOST = 4096


@dataclass(frozen=True)
class MixVPRConfig:
    """Configuration of a MixVPR network; the defaults are the published one of 4096 values.

    Attributes:
        resnet: The trunk, of which three stages are used.
        grid: Positions along either side of the map: the input's side over 16.
        mixers: Number of mixing layers.
        channels: Left of the trunk's.
        rows: Left of the positions.

    Raises:
        ValueError: A value is out of range.
    """

    resnet: ResNetConfig = RESNET50
    grid: int = 20
    mixers: int = 4
    channels: int = 1024
    rows: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.grid <= 64 or not 0 <= self.mixers <= 64:
            msg = f'grid {self.grid} and mixers {self.mixers} must be at most 64'
            raise ValueError(msg)
        if not all(1 <= number <= _MOST for number in (self.channels, self.rows)):
            msg = f'channels {self.channels} and rows {self.rows} must be 1 to {_MOST}'
            raise ValueError(msg)


class Mixer(nn.Module):
    """A perceptron over the positions of each channel, with a connection past it."""

    def __init__(self, positions: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.LayerNorm(positions),
            nn.Linear(positions, positions),
            nn.ReLU(),
            nn.Linear(positions, positions),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, N) to the same shape."""
        return features + self.mix(features)  # type: ignore[no-any-return]


class FeatureMixer(nn.Module):
    """Mixing layers, then fewer channels, then fewer positions."""

    def __init__(self, config: MixVPRConfig) -> None:
        super().__init__()
        positions = config.grid**2
        self.mix = nn.Sequential(*(Mixer(positions) for _ in range(config.mixers)))
        self.channel_proj = nn.Linear(config.resnet.channels(3), config.channels)
        self.row_proj = nn.Linear(positions, config.rows)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, N) to (B, channels · rows), the rows of each channel beside each other."""
        mixed = self.channel_proj(self.mix(features).transpose(1, 2)).transpose(1, 2)
        return self.row_proj(mixed).flatten(1)  # type: ignore[no-any-return]


class MixVPR(nn.Module):
    """Parameter names are the published ones."""

    def __init__(self, config: MixVPRConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = nn.ModuleDict({'model': ResNetTrunk(config.resnet, 3, named=True)})
        self.aggregator = FeatureMixer(config)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S), float32, ImageNet-normalised RGB, S the grid times 16.

        Raises:
            ModelError: The images have another size.
        """
        side = _STRIDE * self.config.grid
        if images.shape[1:] != (3, side, side):
            msg = f'the network takes images (B, 3, {side}, {side}), not {tuple(images.shape)}'
            raise ModelError(msg)
        features = self.backbone['model'](images).flatten(2)
        return ModelOutput(functional.normalize(self.aggregator(features).float(), dim=-1))


def _make(**options: Any) -> MixVPR:
    return MixVPR(MixVPRConfig(**options))


def _infer(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the options of a published file, of which there are three lengths."""
    keys = {'channels': 'aggregator.channel_proj.bias', 'rows': 'aggregator.row_proj.bias'}
    return {option: shapes[key][0] for option, key in keys.items() if key in shapes}


def _published(channels: int, rows: int, key: str, size: int) -> PublishedWeights:
    file = f'resnet50_MixVPR_{channels * rows}_channels({channels})_rows({rows}).ckpt'
    source = 'https://github.com/amaralibey/MixVPR'
    return PublishedWeights(file, source, 'not stated', size, page=drive_page(key))


MODELS = (
    ModelSpec(
        'mixvpr',
        _make,
        Preprocessing(320),
        weights=_published(1024, 4, '1vuz3PvnR7vxnDDLQrdHJaOA04SQrtk5L', 43_600_000),
        infer=_infer,
    ),
    ModelSpec(
        'mixvpr-512',
        _make,
        Preprocessing(320),
        options={'channels': 256, 'rows': 2},
        weights=_published(256, 2, '1khiTUNzZhfV2UUupZoIsPIbsMRBYVDqj', 40_500_000),
        infer=_infer,
    ),
    ModelSpec(
        'mixvpr-128',
        _make,
        Preprocessing(320),
        options={'channels': 64, 'rows': 2},
        weights=_published(64, 2, '1DQnefjk1hVICOEYPwE4-CZAZOvi1NSJz', 39_700_000),
        infer=_infer,
    ),
)
