# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CosPlace (arXiv:2204.02287), and EigenPlaces (arXiv:2308.10832), which trains it otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from vpr_ros.models.model_spec import ModelOutput, ModelSpec, Preprocessing, PublishedWeights
from vpr_ros.models.pooling import GeM, L2Norm
from vpr_ros.models.resnet import RESNET18, RESNET50, ResNetConfig, ResNetTrunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_THIRD_STAGES = {2: (2, 2, 2, 2), 6: (3, 4, 6, 3), 23: (3, 4, 23, 3), 36: (3, 8, 36, 3)}
"""Blocks of the published trunks by those of their third stage."""


@dataclass(frozen=True)
class CosPlaceConfig:
    """Configuration of a CosPlace or EigenPlaces network.

    Attributes:
        resnet: The trunk.
        descriptor_dim: Length of the descriptor.
    """

    resnet: ResNetConfig = RESNET50
    descriptor_dim: int = 2048


class CosPlace(nn.Module):
    """A residual network, generalised mean, and a linear map; images of any size."""

    def __init__(self, config: CosPlaceConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = ResNetTrunk(config.resnet)
        self.aggregation = nn.Sequential(
            L2Norm(),
            GeM(),
            nn.Identity(),  # published files count a layer without parameters here
            nn.Linear(config.resnet.channels(4), config.descriptor_dim),
            L2Norm(),
        )

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB."""
        features = self.backbone(images).flatten(2).transpose(1, 2)
        return ModelOutput(self.aggregation(features).float())


def _make(**options: Any) -> CosPlace:
    return CosPlace(CosPlaceConfig(**options))


def _infer(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the options of a published file: there are many trunks and lengths."""
    ends = [key for key in shapes if key.startswith('backbone.6.') and 'conv1.weight' in key]
    options: dict[str, Any] = {}
    if len(ends) in _THIRD_STAGES:
        bottleneck = 'backbone.6.0.conv3.weight' in shapes
        options['resnet'] = ResNetConfig(_THIRD_STAGES[len(ends)], bottleneck)
    if 'aggregation.3.bias' in shapes:
        options['descriptor_dim'] = shapes['aggregation.3.bias'][0]
    return options


def _published(
    project: str, trunk: str, dim: int, size: int, sha256: str = ''
) -> PublishedWeights:
    source = f'https://github.com/gmberton/{project}'
    file = f'{trunk}_{dim}_{project.lower()}.pth'
    url = f'{source}/releases/download/v1.0/{file}'
    return PublishedWeights(file, source, 'MIT', size, sha256, (url,))


_SMALL = {'resnet': RESNET18, 'descriptor_dim': 512}

MODELS = (
    ModelSpec(
        'cosplace-resnet18',
        _make,
        Preprocessing(512),
        options=_SMALL,
        weights=_published('CosPlace', 'ResNet18', 512, 45_800_000),
        infer=_infer,
    ),
    ModelSpec(
        'cosplace-resnet50',
        _make,
        Preprocessing(512),
        weights=_published(
            'CosPlace',
            'ResNet50',
            2048,
            111_000_000,
            # Stated by an independent user of the file.
            '1083431a283b755fd9b49302711fe1d31b061a73d3b743c2971e895224ecd89a',
        ),
        infer=_infer,
    ),
    ModelSpec(
        'eigenplaces-resnet18',
        _make,
        Preprocessing(512),
        options=_SMALL,
        weights=_published('EigenPlaces', 'ResNet18', 512, 45_800_000),
        infer=_infer,
    ),
    ModelSpec(
        'eigenplaces-resnet50',
        _make,
        Preprocessing(512),
        weights=_published('EigenPlaces', 'ResNet50', 2048, 111_000_000),
        infer=_infer,
    ),
)
