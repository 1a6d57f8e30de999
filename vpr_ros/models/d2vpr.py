# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""D²-VPR: a small vision transformer with deformable aggregation (arXiv:2511.12528)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.models.model_spec import (
    HashHead,
    ModelOutput,
    ModelSpec,
    Preprocessing,
    PublishedWeights,
    drive_page,
    sign_code,
)
from vpr_ros.models.pooling import (
    MEDIUM_REGIONS,
    WHOLE_IMAGE,
    Aggregation,
    Compat,
    DeformableRegions,
    OffsetGenerator,
    PlainRegions,
    cross_image_encoder,
)
from vpr_ros.models.vit import VIT_S, MultiConvAdapter, VisionTransformer, ViTConfig, tokens_to_map

# Small regions that touch each medium one; fixed in the published code.
_NEIGHBOURS = ((0, 1, 3, 4), (1, 2, 4, 5), (3, 4, 6, 7), (4, 5, 7, 8))


@dataclass(frozen=True)
class D2VPRConfig:
    """Configuration of a D²-VPR network; the defaults are the published student.

    Attributes:
        vit: The backbone.
        taps: Blocks (1-based) whose outputs the distillation recovery module joins; empty for
            the ablation without it, which normalises the last block's output.
        regions: ``deformable`` as published, or ``plain`` for the ablation.
        compat: Lookup of the deformation, see `pooling.DeformableRegions`.
        cross_image: Encode each region across the images of a batch. A descriptor then depends
            on the other images in its batch: for offline use only.
        code_bits: Bits of a hash head on the descriptor; 0 for none, as published.
    """

    vit: ViTConfig = VIT_S
    taps: tuple[int, ...] = (2, 4, 8, 12)
    regions: Literal['deformable', 'plain'] = 'deformable'
    compat: Compat = 'released'
    cross_image: bool = False
    code_bits: int = 0

    def __post_init__(self) -> None:
        if not all(1 <= tap <= self.vit.depth for tap in self.taps):
            msg = f'taps must be blocks 1 to {self.vit.depth}, not {self.taps}'
            raise ValueError(msg)

    @property
    def channels(self) -> int:
        """Length of a region token inside the network."""
        return 2 * self.vit.width if self.taps else self.vit.width


class RecoveredBackbone(VisionTransformer):
    """The transformer and the distillation recovery module over its taps (section 3.2)."""

    def __init__(self, config: D2VPRConfig) -> None:
        super().__init__(config.vit, MultiConvAdapter)
        self.taps = config.taps
        if self.taps:
            self.lin = nn.Linear(len(self.taps) * config.vit.width, config.channels)
        self.up_norm = nn.LayerNorm(config.channels, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) to normalised tokens (B, 1 + N, channels)."""
        outputs = list(self.block_outputs(self.embed(images)))
        if self.taps:
            recovered = self.lin(torch.cat([outputs[tap - 1] for tap in self.taps], dim=-1))
        else:
            recovered = outputs[-1]
        return self.up_norm(recovered)  # type: ignore[no-any-return]


class DownTopFusion(nn.Module):
    """Small regions refine the medium ones, and these the global token (section 3.4)."""

    neighbours: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.small_to_medium = self._transform(channels)
        self.medium_to_global = self._transform(channels)
        indices = torch.tensor(_NEIGHBOURS, device='cpu')
        self.register_buffer('neighbours', indices, persistent=False)

    @staticmethod
    def _transform(channels: int) -> nn.Sequential:
        hidden = channels // 3
        return nn.Sequential(
            nn.Linear(channels, hidden),
            nn.LayerNorm(hidden),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(hidden, channels),
        )

    def forward(self, whole: Tensor, regions: Tensor) -> Tensor:
        """Return the refined global token (B, C) from (B, C) and the 13 regions (B, 13, C)."""
        medium, small = regions.tensor_split((len(MEDIUM_REGIONS),), dim=1)
        medium = medium + self.small_to_medium(small[:, self.neighbours].mean(2))
        return whole + self.medium_to_global(medium.mean(1))  # type: ignore[no-any-return]


class BoxEncoder(nn.Module):
    """Embedding of a region's centre and extent."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 6
        self.fc = nn.Sequential(nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, channels))

    def forward(self, boxes: Tensor) -> Tensor:
        """Map boxes (B, R, 4), fractions of the image, to (B, R, C)."""
        return self.fc(boxes)  # type: ignore[no-any-return]


class D2VPR(nn.Module):
    """The student network of D²-VPR; parameter names are those of the published files."""

    whole_image: Tensor

    def __init__(self, config: D2VPRConfig) -> None:
        super().__init__()
        channels = config.channels
        self.config = config
        self.backbone = RecoveredBackbone(config)
        self.aggregation = Aggregation()
        if config.regions == 'deformable':
            self.offset_generator = OffsetGenerator(channels, 2 * channels // 3)
            self.regions: DeformableRegions | PlainRegions = DeformableRegions(config.compat)
        else:
            self.regions = PlainRegions()
        self.topdown_fusion = DownTopFusion(channels)
        self.pos_encoder = BoxEncoder(channels)
        self.encoder = cross_image_encoder(channels) if config.cross_image else None
        self.descriptor_dim = 14 * channels
        self.hash_head: HashHead | None = None
        if config.code_bits:
            self.hash_head = HashHead(self.descriptor_dim, config.code_bits)
        whole = torch.tensor(WHOLE_IMAGE, device='cpu')
        self.register_buffer('whole_image', whole, persistent=False)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S), float32, ImageNet-normalised RGB."""
        tokens = self.backbone(images)
        whole = tokens[:, 0]
        regions, boxes = self._pool(tokens)
        boxes = torch.cat((self.whole_image.expand(boxes.shape[0], 1, 4), boxes), dim=1)
        refined = self.topdown_fusion(whole, regions)
        described = torch.cat((refined[:, None], regions), dim=1) + self.pos_encoder(boxes)
        if self.encoder is not None:
            described = self.encoder(described)
        descriptor = functional.normalize(described.flatten(1).float(), dim=-1)
        if self.hash_head is None:
            return ModelOutput(descriptor)
        logits = self.hash_head(descriptor)
        return ModelOutput(descriptor, sign_code(logits), logits)

    def _pool(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Return the 13 pooled regions (B, 13, C) and their boxes (B, 13, 4)."""
        if isinstance(self.regions, PlainRegions):
            features = tokens[:, 1:]
            weights = self.regions.weights(features.shape[1], features.device)
            boxes = self.regions.boxes.expand(tokens.shape[0], -1, -1)
            return self.aggregation(features, weights), boxes
        features = tokens_to_map(tokens)
        points = self.regions.deform(self.offset_generator(features, tokens[:, 0]))
        samples = self.regions.sample(features, points)
        return self.aggregation(samples, self.regions.weights), self.regions.boxes(points)


def _make(**options: Any) -> D2VPR:
    return D2VPR(D2VPRConfig(**options))


def _published(file: str, key: str, size: int) -> PublishedWeights:
    source = 'https://github.com/tony19980810/D2VPR'
    return PublishedWeights(file, source, 'not stated', size, page=drive_page(key))


MODELS = (
    ModelSpec(
        'd2vpr',
        _make,
        Preprocessing(224),
        weights=_published(
            'finetune_no_encoder.pth', '1uh4XZsmRBhPkGuBNTWtjNypoGBd2JWyy', 109_000_000
        ),
    ),
    ModelSpec(
        'd2vpr-encoder',
        _make,
        Preprocessing(224),
        options={'cross_image': True},
        weights=_published('finetune.pth', '1FwJY2hhuMLh4OJFTr7cMzRM7WrZ2Qb9a', 153_000_000),
        batch_dependent=True,
    ),
    ModelSpec(
        'd2vpr-encoder-distilled',
        _make,
        Preprocessing(224),
        options={'cross_image': True},
        weights=_published('distillation.pth', '1tcsn-U-v-jfRHr9-BIyIyCfezdse_iy_', 153_000_000),
        batch_dependent=True,
    ),
)
