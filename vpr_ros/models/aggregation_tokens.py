# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""ImAge (Lu and Jin, 2025): DINOv2 whose last blocks fill learned tokens with the place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from vpr_ros.models.model_spec import ModelOutput, ModelSpec, Preprocessing, PublishedWeights
from vpr_ros.models.vit import VIT_B_REGISTERS, NormedTransformer, ViTConfig

if TYPE_CHECKING:
    from torch import Tensor

_MOST_TOKENS = 256


@dataclass(frozen=True)
class ImAgeConfig:
    """Configuration of an ImAge network; the defaults are the published one.

    Attributes:
        vit: The backbone.
        tokens: Learned tokens, which become the descriptor.
        after: Blocks that work without them.

    Raises:
        ValueError: A value is out of range.
    """

    vit: ViTConfig = VIT_B_REGISTERS
    tokens: int = 8
    after: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.tokens <= _MOST_TOKENS or not 0 <= self.after < self.vit.depth:
            msg = f'tokens {self.tokens} must be 1 to {_MOST_TOKENS}, after less than the depth'
            raise ValueError(msg)


class ImAge(nn.Module):
    """Parameter names are the published ones; sides are multiples of the patch size."""

    def __init__(self, config: ImAgeConfig) -> None:
        super().__init__()
        self.config = config
        self.learnable_aggregation_tokens = nn.Parameter(
            torch.zeros(1, config.tokens, config.vit.width)
        )
        self.backbone = NormedTransformer(config.vit, rectangular=True)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB."""
        tokens = self.backbone.embed(images)
        added = self.learnable_aggregation_tokens.expand(images.shape[0], -1, -1)
        for number, block in enumerate(self.backbone.blocks):
            if number == self.config.after:
                tokens = torch.cat((added, tokens), dim=1)
            tokens = block(tokens)
        filled = self.backbone.norm(tokens)[:, : self.config.tokens]
        return ModelOutput(functional.normalize(filled.flatten(1).float(), dim=-1))


def _make(**options: Any) -> ImAge:
    return ImAge(ImAgeConfig(**options))


_SOURCE = 'https://github.com/Lu-Feng/ImAge'
_FOLDERS = (
    'https://huggingface.co/fenglu96/ImAge4VPR/resolve/main',
    f'{_SOURCE}/releases/download/v1.0.0',
)


def _published(file: str) -> PublishedWeights:
    urls = tuple(f'{folder}/{file}' for folder in _FOLDERS)
    return PublishedWeights(file, _SOURCE, 'MIT', 346_400_000, urls=urls)


MODELS = (
    ModelSpec('image-merged', _make, Preprocessing(322), weights=_published('ImAge_Merged.pth')),
    ModelSpec('image-gsv', _make, Preprocessing(322), weights=_published('ImAge_GSV.pth')),
)
