# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""BoQ (arXiv:2405.07364): learned queries gather features of a residual network or DINOv2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from vpr_ros.models.model_spec import ModelOutput, ModelSpec, Preprocessing, PublishedWeights
from vpr_ros.models.resnet import RESNET50, ResNetConfig, ResNetTrunk
from vpr_ros.models.vit import VIT_B, NormedTransformer, ViTConfig

if TYPE_CHECKING:
    from torch import Tensor

_HEAD_WIDTH = 64
_MOST = 4096


@dataclass(frozen=True)
class BoQConfig:
    """Configuration of a BoQ network; the defaults are the published one on ResNet50.

    Attributes:
        resnet: The trunk, of which three stages are used; None for `vit`.
        vit: The backbone instead, without its last norm; None for `resnet`.
        width: Of the features that are gathered, a multiple of 64.
        queries: Learned in each of the blocks.
        blocks: Number of encoders with queries, one behind the other.
        rows: Left of all queries.

    Raises:
        ValueError: A value is out of range, or not exactly one backbone is given.
    """

    resnet: ResNetConfig | None = RESNET50
    vit: ViTConfig | None = None
    width: int = 512
    queries: int = 64
    blocks: int = 2
    rows: int = 32

    def __post_init__(self) -> None:
        if (self.resnet is None) == (self.vit is None):
            msg = 'give either resnet or vit'
            raise ValueError(msg)
        numbers = self.width, self.queries, self.blocks, self.rows
        if self.width % _HEAD_WIDTH or not all(1 <= n <= _MOST for n in numbers):
            msg = f'width must be a multiple of {_HEAD_WIDTH}, and all be 1 to {_MOST}: {numbers}'
            raise ValueError(msg)


class QueryAttention(nn.Module):
    """Multi-head attention whose three inputs have one packed matrix."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // _HEAD_WIDTH
        self.in_proj_weight = nn.Parameter(torch.zeros(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def forward(self, queries: Tensor, features: Tensor) -> Tensor:
        """Gather features (B, N, D) for queries (B, Q, D); returns (B, Q, D)."""
        width = queries.shape[-1]
        sizes = [width, 2 * width]
        (weight, others), (bias, rest) = (
            torch.split(packed, sizes) for packed in (self.in_proj_weight, self.in_proj_bias)
        )
        query = self._by_head(functional.linear(queries, weight, bias))
        key, value = map(self._by_head, functional.linear(features, others, rest).chunk(2, dim=-1))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def _by_head(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        return tokens.reshape(batch, count, self.heads, width // self.heads).transpose(1, 2)


class EncoderLayer(nn.Module):
    """A transformer layer that normalises behind its two parts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.self_attn = QueryAttention(width)
        self.linear1 = nn.Linear(width, 4 * width)
        self.linear2 = nn.Linear(4 * width, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, N, D) to the same shape."""
        features = self.norm1(features + self.self_attn(features, features))
        change = self.linear2(torch.relu(self.linear1(features)))
        return self.norm2(features + change)  # type: ignore[no-any-return]


class BagOfQueries(nn.Module):
    """An encoder layer, and queries that gather what it gives."""

    def __init__(self, width: int, queries: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(1, queries, width))
        self.encoder = EncoderLayer(width)
        self.self_attn = QueryAttention(width)
        self.norm_q = nn.LayerNorm(width)
        self.cross_attn = QueryAttention(width)
        self.norm_out = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (B, N, D) for the next block, and what was gathered (B, Q, D)."""
        features = self.encoder(features)
        queries = self.norm_q(self.queries + self.self_attn(self.queries, self.queries))
        gathered = self.cross_attn(queries.expand(features.shape[0], -1, -1), features)
        return features, self.norm_out(gathered)


class QueryAggregator(nn.Module):
    """Bags of queries one behind the other, and a linear map over all their queries."""

    def __init__(self, config: BoQConfig, channels: int) -> None:
        super().__init__()
        self.proj_c = nn.Conv2d(channels, config.width, 3, padding=1)
        self.norm_input = nn.LayerNorm(config.width)
        self.boqs = nn.ModuleList(
            BagOfQueries(config.width, config.queries) for _ in range(config.blocks)
        )
        self.fc = nn.Linear(config.blocks * config.queries, config.rows)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, C, H, W) to (B, width · rows), the rows of each value side by side."""
        features = self.norm_input(self.proj_c(features).flatten(2).transpose(1, 2))
        gathered = []
        for bag in self.boqs:
            features, found = bag(features)
            gathered.append(found)
        return self.fc(torch.cat(gathered, dim=1).transpose(1, 2)).flatten(1)  # type: ignore[no-any-return]


class BoQ(nn.Module):
    """Parameter names are the published ones; images of any size that the backbone takes."""

    def __init__(self, config: BoQConfig) -> None:
        super().__init__()
        self.config = config
        if config.vit is not None:
            self.backbone = nn.ModuleDict(
                {'dino': NormedTransformer(config.vit, rectangular=True)}
            )
            channels = config.vit.width
        else:
            resnet = config.resnet or RESNET50
            self.backbone = nn.ModuleDict({'net': ResNetTrunk(resnet, 3)})
            channels = resnet.channels(3)
        self.aggregator = QueryAggregator(config, channels)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB."""
        if 'net' in self.backbone:
            features = self.backbone['net'](images)
        else:
            features = self.backbone['dino'].patch_map(images)  # type: ignore[operator]
        return ModelOutput(functional.normalize(self.aggregator(features).float(), dim=-1))


def _make(**options: Any) -> BoQ:
    return BoQ(BoQConfig(**options))


_SOURCE = 'https://github.com/amaralibey/Bag-of-Queries'


def _published(file: str, size: int, sha256: str = '') -> PublishedWeights:
    url = f'{_SOURCE}/releases/download/v1.0/{file}'
    return PublishedWeights(file, _SOURCE, 'MIT', size, sha256, (url,))


MODELS = (
    ModelSpec(
        'boq-resnet50',
        _make,
        Preprocessing(384, interpolation='bicubic'),
        weights=_published('resnet50_16384.pth', 95_500_000),
    ),
    ModelSpec(
        'boq-dinov2',
        _make,
        Preprocessing(322, interpolation='bicubic'),
        options={'resnet': None, 'vit': VIT_B, 'width': 384},
        weights=_published(
            'dinov2_12288.pth',
            380_800_000,
            # Stated by an independent user of the file.
            'd72ee0ce899e2790be6cf6d1d57f75dfad0c76475bd2198e6dc0c3f0221b3583',
        ),
    ),
)
