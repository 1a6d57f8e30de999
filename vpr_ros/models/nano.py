# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our narrow variants of D²-VPR for CPUs: an EfficientNet-Lite trunk and heads in closed form.

`vpr train fit` finds the heads without gradients. The parts of D²-VPR (arXiv:2511.12528) between
trunk and heads start as no change at all, so that training goes on from the closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

from vpr_ros.errors import ModelError
from vpr_ros.models.mobile import MobileTrunk
from vpr_ros.models.model_spec import HashHead, ModelOutput, ModelSpec, Preprocessing, sign_code
from vpr_ros.models.pooling import DeformableRegions, OffsetGenerator, grid_regions
from vpr_ros.models.vit import Block, MultiConvAdapter, tokens_to_map

if TYPE_CHECKING:
    from torch import Tensor

    from vpr_ros.models.mobile import TrunkKind

STRIDE = 16
_TAPS = {'lite0': (11, 12), 'lite1': (15, 16)}
"""The last block of 112 channels, and the first of 192, which keeps the grid of the former: its
features tell places apart best, but its own stride of 2 would leave a quarter of the positions."""
_MIDDLE, _LAST = 112, 192
_CENTRES, _WORD = 32, 64
_HEADS = 3
_MOST_GRID, _MOST_DEPTH = 64, 64  # a file may ask for any network


@dataclass(frozen=True)
class NanoConfig:
    """Configuration; the defaults are d2vpr-nano.

    Attributes:
        trunk: Which EfficientNet-Lite.
        grid: Positions along either side: the input's side over 16.
        region_dim: Length of the descriptor's part of the nine regions.
        whole_dim: Length of its part of the whole image.
        vlad_dim: Length of its part of VLAD; 0 leaves that out.
        depth: Transformer blocks of the parts of D²-VPR; 0 leaves these parts out.
        code_bits: Bits of the hash head.
    """

    trunk: TrunkKind = 'lite1'
    grid: int = 14
    region_dim: int = 704
    whole_dim: int = 128
    vlad_dim: int = 192
    depth: int = 0
    code_bits: int = 512

    def __post_init__(self) -> None:
        if not 3 <= self.grid <= _MOST_GRID or not 0 <= self.depth <= _MOST_DEPTH:
            msg = f'grid {self.grid} must be 3 to {_MOST_GRID}, depth 0 to {_MOST_DEPTH}'
            raise ValueError(msg)

    @property
    def descriptor_dim(self) -> int:
        """Length of the descriptor."""
        return self.region_dim + self.whole_dim + self.vlad_dim


class Refinement(nn.Module):
    """The parts of D²-VPR: adapted blocks, recovery, deformable regions, top-down fusion.

    At first, see `registry.initial_state`, attention, MLPs, adapters and fusion add nothing, the
    recovery module passes the last tap, and the regions are undeformed.
    """

    def __init__(self, grid: int, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            Block(_LAST, _HEADS, MultiConvAdapter(_LAST)) for _ in range(depth)
        )
        self.lin = nn.Linear(depth * _LAST, _LAST)
        self.offset_generator = OffsetGenerator(_LAST, 2 * _LAST // 3)
        self.regions = DeformableRegions('paper', grid_regions(grid))
        hidden = _LAST // 3
        self.topdown_fusion = nn.Sequential(
            nn.Linear(_LAST, hidden), nn.LayerNorm(hidden), nn.GELU(), nn.Linear(hidden, _LAST)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nine regions (B, 9, C) and the whole (B, C) of features (B, C, G, G)."""
        patches = features.flatten(2).transpose(1, 2)
        tokens = torch.cat((patches.mean(1, keepdim=True), patches), dim=1)
        outputs = []
        for block in self.blocks:
            tokens = block(tokens)
            outputs.append(tokens)
        recovered = self.lin(torch.cat(outputs, dim=-1))
        refined, whole = tokens_to_map(recovered), recovered[:, 0]
        points = self.regions.deform(self.offset_generator(refined, whole))
        cells = self.regions.weights @ self.regions.sample(refined, points)
        return cells, whole + self.topdown_fusion(cells.mean(1))


class PlainMeans(nn.Module):
    """The means of the nine regions and of the whole image."""

    weights: Tensor

    def __init__(self, grid: int) -> None:
        super().__init__()
        regions = DeformableRegions('paper', grid_regions(grid))
        positions = (regions.base * (grid - 1)).round().long()
        flat = functional.one_hot(positions[:, 1] * grid + positions[:, 0], grid**2)
        self.register_buffer('weights', regions.weights @ flat.float(), persistent=False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nine regions (B, 9, C) and the whole (B, C) of features (B, C, G, G)."""
        patches = features.flatten(2).transpose(1, 2)
        return self.weights @ patches, patches.mean(1)


class HardVlad(nn.Module):
    """Sums of the positions' differences to the nearest of some centres.

    VLAD (Jégou et al., CVPR 2010), each centre's sum of unit norm (Arandjelović and Zisserman,
    All about VLAD, CVPR 2013). Positions are standardised, of unit norm and projected first.
    """

    def __init__(self, width: int = _MIDDLE, length: int = _WORD, centres: int = _CENTRES) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(width))
        self.scale = nn.Parameter(torch.ones(width))
        self.projection = nn.Parameter(torch.zeros(width, length))
        self.centres = nn.Parameter(torch.zeros(centres, length))

    def project(self, features: Tensor) -> Tensor:
        """Return what is compared with the centres, (B, N, length), of features (B, C, G, G)."""
        positions = (features.flatten(2).transpose(1, 2) - self.mean) * self.scale
        return functional.normalize(positions, dim=-1) @ self.projection

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, C, G, G) to (B, centres · length)."""
        positions, centres = self.project(features), self.centres
        likeness = 2 * positions @ centres.T - centres.square().sum(1)
        member = functional.one_hot(likeness.argmax(-1), len(centres)).to(positions)
        sums = member.transpose(1, 2) @ positions - member.sum(1)[..., None] * centres
        return functional.normalize(sums, dim=-1).flatten(1)


class Nano(nn.Module):
    """Descriptor and code from groups of features, each shortened on its own.

    The groups are the nine regions less the image's mean, each channel scaled to one spread, the
    mean less that of photographs, and VLAD. Each is of unit norm, before and after its
    projection, and has its share.
    """

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.trunk = MobileTrunk(config.trunk, _TAPS[config.trunk], STRIDE)
        self.refinement = (
            Refinement(config.grid, config.depth) if config.depth else PlainMeans(config.grid)
        )
        self.mean = nn.Parameter(torch.zeros(_LAST))
        self.scale = nn.Parameter(torch.ones(_LAST))
        self.heads = nn.ModuleDict(
            {
                'regions': nn.Linear(9 * _LAST, config.region_dim),
                'whole': nn.Linear(_LAST, config.whole_dim),
            }
        )
        self.vlad = HardVlad() if config.vlad_dim else None
        if config.vlad_dim:
            self.heads['vlad'] = nn.Linear(_CENTRES * _WORD, config.vlad_dim)
        self.shares = nn.Parameter(torch.ones(len(self.heads)))
        self.hash_head = HashHead(config.descriptor_dim, config.code_bits)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return regions (B, 9, 192), whole (B, 192) and VLAD's positions (B, 112, G, G).

        Raises:
            ModelError: The images are not (B, 3, S, S) with S the grid's side times 16.
        """
        side = STRIDE * self.config.grid
        if images.shape[1:] != (3, side, side):
            msg = f'the network takes images (B, 3, {side}, {side}), not {tuple(images.shape)}'
            raise ModelError(msg)
        middle, last = self.trunk(images)
        return (*self.refinement(last), middle)

    def groups(self, cells: Tensor, whole: Tensor, middle: Tensor) -> dict[str, Tensor]:
        """Return the groups of features (B, D) by the names of their heads, of unit norm."""
        found = {
            'regions': ((cells - whole[:, None]) * self.scale).flatten(1),
            'whole': whole - self.mean,
        }
        if self.vlad is not None:
            found['vlad'] = self.vlad(middle)
        return {name: functional.normalize(group, dim=-1) for name, group in found.items()}

    def join(self, groups: dict[str, Tensor]) -> Tensor:
        """Return the descriptors (B, D) of groups."""
        parts = [
            share * functional.normalize(self.heads[name](group), dim=-1)
            for share, (name, group) in zip(self.shares, groups.items(), strict=True)
        ]
        return functional.normalize(torch.cat(parts, dim=-1).float(), dim=-1)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S), float32, ImageNet-normalised RGB, S the grid times 16."""
        descriptor = self.join(self.groups(*self.features(images)))
        logits = self.hash_head(descriptor)
        return ModelOutput(descriptor, sign_code(logits), logits)


def _make(**options: Any) -> Nano:
    return Nano(NanoConfig(**options))


MODELS = (
    ModelSpec('d2vpr-nano', _make, Preprocessing(224), untrained=True),
    ModelSpec(
        'd2vpr-pico',
        _make,
        Preprocessing(160),
        options={
            'trunk': 'lite0',
            'grid': 10,
            'region_dim': 368,
            'whole_dim': 144,
            'vlad_dim': 0,
        },
        untrained=True,
    ),
)
