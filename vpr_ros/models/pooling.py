# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Regions of an image and their pooling: GeM, and the deformable regions of D²-VPR."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

Compat = Literal['released', 'paper']

_CUT_GRID = 16  # positions a side that plain regions are cut from
_MAX_SHIFT = 0.25  # of the region's size
_EDGES_MEDIUM = (0.0, 0.5, 1.0)
_EDGES_SMALL = (0.0, 5 / 16, 11 / 16, 1.0)


class L2Norm(nn.Module):
    """Unit norm over the last axis."""

    def forward(self, features: Tensor) -> Tensor:
        """Normalise (..., C)."""
        return functional.normalize(features, dim=-1)


class GeM(nn.Module):
    """Generalised mean over positions with a learned exponent (arXiv:1711.02512)."""

    def __init__(self, eps: float = 1e-6) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.full((1,), 3.0))
        self.eps = eps

    def forward(self, features: Tensor, weights: Tensor | None = None) -> Tensor:
        """Pool positions, in float32 whatever the surrounding precision.

        Args:
            features: (B, N, C).
            weights: (R, N) whose rows sum to one, the mean over each of R regions; None for one
                region of all positions.

        Returns:
            (B, R, C), or (B, C) without weights.
        """
        with torch.autocast(features.device.type, enabled=False):
            powers = features.float().clamp(min=self.eps).pow(self.p)
            mean = powers.mean(1) if weights is None else weights @ powers
            return mean.pow(1 / self.p)


class Aggregation(nn.Sequential):
    """Unit norm per position, then GeM (entry 1, as in the published files)."""

    def __init__(self) -> None:
        super().__init__(L2Norm(), GeM())

    def forward(self, features: Tensor, weights: Tensor | None = None) -> Tensor:
        """Pool features (B, N, C) to (B, R, C) or (B, C); see `GeM.forward`."""
        norm, gem = self
        return gem(norm(features), weights)  # type: ignore[no-any-return]


class Region(NamedTuple):
    """A rectangle in fractions of the image and the grid it is sampled with."""

    left: float
    top: float
    right: float
    bottom: float
    rows: int
    columns: int

    def points(self) -> Tensor:
        """Return the sampling grid (rows · columns, 2) as x, y; the borders are on it."""
        y = torch.linspace(self.top, self.bottom, self.rows, device='cpu')
        x = torch.linspace(self.left, self.right, self.columns, device='cpu')
        return torch.stack(torch.meshgrid(x, y, indexing='xy'), dim=-1).flatten(0, 1)


def _tiles(edges: tuple[float, ...]) -> list[Region]:
    spans = list(itertools.pairwise(edges))
    return [
        Region(left, top, right, bottom, round(16 * (bottom - top)), round(16 * (right - left)))
        for top, bottom in spans
        for left, right in spans
    ]


MEDIUM_REGIONS = _tiles(_EDGES_MEDIUM)
SMALL_REGIONS = _tiles(_EDGES_SMALL)
REGIONS = [*MEDIUM_REGIONS, *SMALL_REGIONS]


def grid_regions(grid: int, number: int = 3) -> list[Region]:
    """Return as many rows as columns of regions, sampled at the positions of a square grid.

    Where the grid's side is no multiple of the number, neighbours share a row or column, as in
    adaptive average pooling.
    """
    starts = [i * grid // number for i in range(number)]
    ends = [-(-(i + 1) * grid // number) for i in range(number)]
    spans = list(zip(starts, ends, strict=True))
    last = grid - 1
    return [
        Region(
            left / last,
            top / last,
            (right - 1) / last,
            (bottom - 1) / last,
            bottom - top,
            right - left,
        )
        for top, bottom in spans
        for left, right in spans
    ]


WHOLE_IMAGE = (0.5, 0.5, 1.0, 1.0)  # centre x, y, width, height


class OffsetGenerator(nn.Sequential):
    """Four deformation channels at every position: shift x, y and raw scale x, y."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__(nn.Conv2d(2 * channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, 4, 1))

    def forward(self, features: Tensor, context: Tensor) -> Tensor:  # type: ignore[override]
        """Map features (B, C, H, W) and the class token (B, C) to (B, 4, H, W).

        Published as a convolution over both, concatenated; the class token is the same
        everywhere, so its half of the product is computed once per image.
        """
        weight, bias = self[0].parameters()
        local, shared = torch.split(weight, features.shape[1], dim=1)
        common = functional.linear(context, shared.flatten(1), bias)[:, :, None, None]
        return self[2](torch.relu(functional.conv2d(features, local) + common))  # type: ignore[no-any-return]


class DeformableRegions(nn.Module):
    """Deformable regions, as the 13 of D²-VPR; all their points are sampled together.

    Args:
        compat: ``released`` looks the deformation up as the published code does: it passes
            fractions in [0, 1] where the sampler expects [-1, 1], so that only the lower right
            quadrant is read; ``paper`` looks it up at the point itself. Everything else is the
            released behaviour in both.
        regions: Before the deformation; the published ones have 512 points.
    """

    base: Tensor
    centre: Tensor
    size: Tensor
    weights: Tensor
    members: Tensor

    def __init__(
        self, compat: Compat = 'released', regions: Sequence[Region] = tuple(REGIONS)
    ) -> None:
        super().__init__()
        if compat not in ('released', 'paper'):
            msg = f"compat must be 'released' or 'paper', not {compat!r}"
            raise ValueError(msg)
        self.compat = compat
        points = [region.points() for region in regions]
        counts = torch.tensor([len(group) for group in points], device='cpu')
        owner = torch.repeat_interleave(torch.arange(len(regions), device='cpu'), counts)
        boxes = torch.tensor([region[:4] for region in regions], device='cpu')
        corners = boxes[owner]
        starts = counts.cumsum(0) - counts
        within = torch.arange(int(counts.max()), device='cpu').clamp(max=counts[:, None] - 1)
        constants = {
            'base': torch.cat(points),  # (P, 2) in [0, 1]
            'centre': (corners[:, :2] + corners[:, 2:]) / 2,  # (P, 2)
            'size': corners[:, 2:] - corners[:, :2],  # (P, 2)
            'weights': functional.one_hot(owner).T / counts[:, None],  # (R, P)
            'members': starts[:, None] + within,  # (R, most points), short ones padded
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    def deform(self, deformation: Tensor) -> Tensor:
        """Return the deformed points (B, P, 2) in [0, 1] for a generator map (B, 4, H, W)."""
        lookup = self.base if self.compat == 'released' else 2 * self.base - 1
        raw = _sample(deformation, lookup.expand(deformation.shape[0], -1, -1))
        shift = raw[..., :2].clamp(-_MAX_SHIFT, _MAX_SHIFT)
        scale = 0.5 + 1.5 * torch.sigmoid(raw[..., 2:])
        moved = self.centre + (self.base - self.centre) * scale + shift * self.size
        return moved.clamp(0, 1)

    def boxes(self, points: Tensor) -> Tensor:
        """Return centre x, y and width, height (B, R, 4) of deformed points (B, P, 2)."""
        grouped = points[:, self.members]
        extent = grouped.amax(2) - grouped.amin(2)
        return torch.cat((self.weights @ points, extent), dim=-1)

    def sample(self, features: Tensor, points: Tensor) -> Tensor:
        """Return the features (B, C, H, W) at points (B, P, 2) in [0, 1], as (B, P, C)."""
        return _sample(features, 2 * points - 1)


class PlainRegions(nn.Module):
    """The same regions undeformed: whole positions of a 16×16 map, as CricaVPR cuts them.

    The published cuts are counted in positions; on a larger map the last row and column of
    regions reach to the border.
    """

    boxes: Tensor

    def __init__(self) -> None:
        super().__init__()
        boxes = [
            ((r.left + r.right) / 2, (r.top + r.bottom) / 2, r.right - r.left, r.bottom - r.top)
            for r in REGIONS
        ]
        self.register_buffer('boxes', torch.tensor(boxes, device='cpu'), persistent=False)
        self._weights: Tensor | None = None

    def weights(self, positions: int, device: torch.device) -> Tensor:
        """Return the averaging matrix (R, positions) of the regions on a square map.

        Raises:
            ModelError: The map is so small that regions would be empty.
        """
        if self._weights is None or self._weights.shape[1] != positions:
            grid = math.isqrt(positions)
            if grid < _CUT_GRID:
                msg = (
                    f'undeformed regions are cut from {_CUT_GRID} rows of patches, and the image '
                    f'has {grid}: use larger images'
                )
                raise ModelError(msg)
            masks = torch.zeros(len(REGIONS), grid, grid, device='cpu')
            for mask, region in zip(masks, REGIONS, strict=True):
                top, left = round(_CUT_GRID * region.top), round(_CUT_GRID * region.left)
                bottom = None if region.bottom == 1 else round(_CUT_GRID * region.bottom)
                right = None if region.right == 1 else round(_CUT_GRID * region.right)
                mask[top:bottom, left:right] = 1
            flat = masks.flatten(1)
            self._weights = flat / flat.sum(1, keepdim=True)
        self._weights = self._weights.to(device)
        return self._weights


def _sample(features: Tensor, points: Tensor) -> Tensor:
    """Sample (B, C, H, W) bilinearly at (B, P, 2) in [-1, 1]; return (B, P, C)."""
    sampled = functional.grid_sample(
        features, points[:, None], mode='bilinear', padding_mode='border', align_corners=True
    )
    return sampled.squeeze(2).transpose(1, 2)


def cross_image_encoder(channels: int) -> nn.TransformerEncoder:
    """Return an encoder of regions (B, R, C) that takes the *batch* as its sequence.

    Each of the R regions attends to the same region of the other images, never to the other
    regions of its own image.
    """
    layer = nn.TransformerEncoderLayer(channels, 16, 2048, dropout=0.1, activation='gelu')
    return nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
