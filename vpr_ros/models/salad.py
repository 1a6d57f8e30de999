# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SALAD (arXiv:2311.15937) and MegaLoc (arXiv:2502.17237): DINOv2's patches, moved to clusters.

Written from the papers: an assignment by optimal transport, in the log domain, in which patches
may also go to a cluster that is thrown away.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
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
from vpr_ros.models.vit import VIT_B, NormedTransformer, ViTConfig

if TYPE_CHECKING:
    from torch import Tensor

_ROUNDS = 3
_MOST = 1 << 16


@dataclass(frozen=True)
class SaladConfig:
    """Configuration of a SALAD network; the defaults are the published one.

    Attributes:
        vit: The backbone.
        clusters: Number of clusters; images need more patches than that.
        cluster_dim: Length of a cluster's part of the descriptor.
        token_dim: Length of the class token's part.
        hidden: Width inside the heads.
        descriptor_dim: Length after a linear map at the end, as in MegaLoc; 0 for none.

    Raises:
        ValueError: A value is out of range.
    """

    vit: ViTConfig = VIT_B
    clusters: int = 64
    cluster_dim: int = 128
    token_dim: int = 256
    hidden: int = 512
    descriptor_dim: int = 0

    def __post_init__(self) -> None:
        numbers = self.clusters, self.cluster_dim, self.token_dim, self.hidden
        if not all(1 <= n <= _MOST for n in numbers) or not 0 <= self.descriptor_dim <= _MOST:
            msg = f'sizes must be 1 to {_MOST}, not {numbers}'
            raise ValueError(msg)

    @property
    def length(self) -> int:
        """Length of what is aggregated."""
        return self.token_dim + self.clusters * self.cluster_dim


class TransportAggregation(nn.Module):
    """Features of patches, summed by the clusters that optimal transport assigns them to."""

    def __init__(self, config: SaladConfig) -> None:
        super().__init__()
        width, hidden = config.vit.width, config.hidden
        self.clusters = config.clusters
        self.dust_bin = nn.Parameter(torch.tensor(1.0))
        self.token_features = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, config.token_dim)
        )
        self.cluster_features = _patch_head(width, hidden, config.cluster_dim)
        self.score = _patch_head(width, hidden, config.clusters)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, 1 + N, D), class token first, to (B, token_dim + clusters · cluster_dim).

        Raises:
            ModelError: There are no more patches than clusters.
        """
        count = tokens.shape[1] - 1
        if count <= self.clusters:
            msg = f'{count} patches are too few for {self.clusters} clusters: use larger images'
            raise ModelError(msg)
        patches = tokens[:, 1:].transpose(1, 2)[..., None]
        features = self.cluster_features(patches).squeeze(-1).float()
        shares = self.assign(self.score(patches).squeeze(-1))
        # By channels first, as published: (B, cluster_dim, clusters).
        sums = functional.normalize(features @ shares.transpose(1, 2), dim=1)
        whole = functional.normalize(self.token_features(tokens[:, 0]).float(), dim=-1)
        return functional.normalize(torch.cat((whole, sums.flatten(1)), dim=-1), dim=-1)

    def assign(self, scores: Tensor) -> Tensor:
        """Return the share (B, clusters, N) of each patch in each cluster.

        Each cluster takes the mass of one patch, that which is thrown away all the rest; the
        shares of a patch sum to one.

        Args:
            scores: (B, clusters, N).
        """
        with torch.autocast(scores.device.type, enabled=False):
            batch, clusters, count = scores.shape
            dustbin = self.dust_bin.float().expand(batch, 1, count)
            scores = torch.cat((scores.float(), dustbin), dim=1)
            mass = scores.new_zeros(clusters + 1, 1)
            mass[-1] = math.log(count - clusters)
            columns = scores.new_zeros(batch, 1, count)
            for _ in range(_ROUNDS):
                rows = mass - torch.logsumexp(scores + columns, dim=2, keepdim=True)
                columns = -torch.logsumexp(scores + rows, dim=1, keepdim=True)
            return (scores + rows + columns).exp()[:, :-1]


def _patch_head(width: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(width, hidden, 1), nn.Dropout(0.3), nn.ReLU(), nn.Conv2d(hidden, outputs, 1)
    )


class Salad(nn.Module):
    """Parameter names are the published ones; sides are multiples of the patch size."""

    def __init__(self, config: SaladConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = nn.ModuleDict({'model': NormedTransformer(config.vit, rectangular=True)})
        self.aggregator = TransportAggregation(config)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB."""
        return ModelOutput(self.aggregator(self.backbone['model'](images)))


class MegaLoc(nn.Module):
    """SALAD with longer clusters and a linear map; images of any size, which it rounds itself."""

    def __init__(self, config: SaladConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = NormedTransformer(config.vit, rectangular=True)
        del self.backbone.mask_token  # published files have none
        parts = {
            'agg': TransportAggregation(config),
            'linear': nn.Linear(config.length, config.descriptor_dim),
        }
        self.aggregator = nn.ModuleDict(parts)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB.

        Sides that are no multiples of the patch size are resized to the nearest ones.
        """
        patch = self.config.vit.patch
        height, width = (round(int(side) / patch) * patch for side in images.shape[2:])
        if (height, width) != tuple(images.shape[2:]):
            images = functional.interpolate(
                images, size=(height, width), mode='bilinear', antialias=True
            )
        aggregated = self.aggregator['agg'](self.backbone(images))
        descriptor = self.aggregator['linear'](aggregated)
        return ModelOutput(functional.normalize(descriptor.float(), dim=-1))


def _make_salad(**options: Any) -> Salad:
    return Salad(SaladConfig(**options))


def _make_megaloc(**options: Any) -> MegaLoc:
    return MegaLoc(SaladConfig(**options))


def _current_key(key: str) -> str:
    """Return the key of MegaLoc's present file for one of its first file."""
    key = key.replace('backbone.model.', 'backbone.')
    return '' if key == 'backbone.mask_token' else key


_SALAD = 'https://github.com/serizba/salad'

MODELS = (
    ModelSpec(
        'megaloc',
        _make_megaloc,
        Preprocessing(322),
        options={'cluster_dim': 256, 'descriptor_dim': 8448},
        weights=PublishedWeights(
            'MegaLoc.safetensors',
            'https://github.com/gmberton/MegaLoc',
            'MIT',
            914_600_000,
            # Stated by an independent user of the file.
            'd4f9f2bcb60018f91eb6a8e061ed054fd55654e10c2569cf13841ea986ffb4f8',
            ('https://huggingface.co/gberton/MegaLoc/resolve/main/model.safetensors',),
            rename=_current_key,
        ),
    ),
    ModelSpec(
        'salad',
        _make_salad,
        Preprocessing(322),
        weights=PublishedWeights(
            'dino_salad.ckpt',
            _SALAD,
            'GPL-3.0 (that of its repository)',
            352_000_000,
            urls=(f'{_SALAD}/releases/download/v1.0.0/dino_salad.ckpt',),
        ),
    ),
    ModelSpec(
        'salad-cliquemining',
        _make_salad,
        Preprocessing(322),
        weights=PublishedWeights(
            'cliquemining.ckpt',
            'https://github.com/serizba/cliquemining',
            'not stated',
            352_000_000,
            page=drive_page('1B06ysb-Wjb4KDcNrl-7pyj1mJve1jqdk'),
        ),
    ),
)
