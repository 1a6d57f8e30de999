# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CricaVPR (arXiv:2402.19231), the network D²-VPR was distilled from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from vpr_ros.models.model_spec import ModelOutput, ModelSpec, Preprocessing, PublishedWeights
from vpr_ros.models.pooling import Aggregation, PlainRegions, cross_image_encoder
from vpr_ros.models.vit import VIT_B, MultiConvAdapter, NormedTransformer, ViTConfig

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CricaVPRConfig:
    """Configuration of a CricaVPR network; the defaults are the published one.

    Attributes:
        vit: The backbone.
        cross_image: Encode each region across the images of a batch. A descriptor then depends
            on the other images in its batch.
    """

    vit: ViTConfig = VIT_B
    cross_image: bool = True


class CricaVPR(nn.Module):
    """Class token and 13 plain regions, correlated across images."""

    def __init__(self, config: CricaVPRConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = NormedTransformer(config.vit, MultiConvAdapter)
        self.aggregation = Aggregation()
        self.regions = PlainRegions()
        self.encoder = cross_image_encoder(config.vit.width) if config.cross_image else None

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S), float32, ImageNet-normalised RGB."""
        tokens = self.backbone(images)
        patches = tokens[:, 1:]
        pooled = self.aggregation(patches, self.regions.weights(patches.shape[1], patches.device))
        described = torch.cat((tokens[:, :1], pooled), dim=1)
        if self.encoder is not None:
            described = self.encoder(described)
        return ModelOutput(functional.normalize(described.flatten(1).float(), dim=-1))


def _make(**options: Any) -> CricaVPR:
    return CricaVPR(CricaVPRConfig(**options))


_SOURCE = 'https://github.com/Lu-Feng/CricaVPR'

MODELS = (
    ModelSpec(
        'cricavpr',
        _make,
        Preprocessing(224),
        weights=PublishedWeights(
            'CricaVPR.pth',
            _SOURCE,
            'MIT',
            size=562_000_000,
            # Independent users of the file agree on it.
            sha256='e3102d28e07df60b9f82003e96b44feb3debe1827f7d90143180174c3ad8e046',
            urls=(f'{_SOURCE}/releases/download/v1.0/CricaVPR.pth',),
        ),
        batch_dependent=True,
    ),
)
