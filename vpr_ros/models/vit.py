# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The vision transformer of DINOv2 (arXiv:2304.07193) and the adapters in and beside its blocks.

Parameters have the published names.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ModelError
from vpr_ros.models.model_spec import ModelSpec, Preprocessing, PublishedWeights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class ConvUnit(nn.Module):
    """Convolution that keeps the map's size, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, outputs, H, W)."""
        return torch.relu(self.bn(self.conv(features)))


class MultiConvAdapter(nn.Module):
    """Bottleneck whose patch tokens pass parallel 1×1, 3×3 and 5×5 convolutions.

    The class token passes only the linear layers; the convolutions have a skip connection, the
    adapter as a whole has none. Widths are fixed fractions of ``width``, as published for
    384, 768 and 1024.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = width // 2
        wide, narrow, reduced = inner // 2, inner // 4, inner // 16
        self.D_fc1 = nn.Linear(width, inner)
        self.branch1 = ConvUnit(inner, wide, 1)
        self.branch2 = nn.Sequential(ConvUnit(inner, reduced, 1), ConvUnit(reduced, narrow, 3))
        self.branch3 = nn.Sequential(ConvUnit(inner, reduced, 1), ConvUnit(reduced, narrow, 5))
        self.D_fc2 = nn.Linear(inner, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, 1 + N, D), class token first and N a square number, to the same shape."""
        hidden = torch.relu(self.D_fc1(tokens))
        patches = tokens_to_map(hidden)
        branches = (self.branch1(patches), self.branch2(patches), self.branch3(patches))
        mixed = torch.cat(branches, dim=1).flatten(2).transpose(1, 2)
        return self.D_fc2(hidden + torch.cat((hidden[:, :1], mixed), dim=1))  # type: ignore[no-any-return]


_GRID_OFFSET = 0.1  # DINOv2 resamples to (grid + 0.1) / native; its weights were trained so
_MOST = dict(width=8192, depth=128, heads=128, patch=64, native_grid=256, registers=64)  # noqa: C408
"""A file may ask for any network; what is larger than these is none that anybody trained."""
ADAPTER_SCALE = 0.2  # weight of an in-block adapter beside the MLP (CricaVPR, section 3)


@dataclass(frozen=True)
class ViTConfig:
    """Size of a vision transformer.

    Attributes:
        width: Length of a token.
        depth: Number of blocks.
        heads: Attention heads; divides ``width``.
        patch: Side of the pixels behind one token.
        native_grid: Side of the token grid the positional embedding is stored for.
        registers: Number of learned tokens between the class token and the patches.

    Raises:
        ValueError: A value is out of range.
    """

    width: int
    depth: int
    heads: int
    patch: int = 14
    native_grid: int = 37
    registers: int = 0

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            least = 0 if name == 'registers' else 1
            if not least <= getattr(self, name) <= most:
                msg = f'vit.{name} must be {least} to {most}, not {getattr(self, name)}'
                raise ValueError(msg)
        if self.width % self.heads:
            msg = f'vit.width {self.width} is no multiple of its {self.heads} heads'
            raise ValueError(msg)


VIT_S = ViTConfig(width=384, depth=12, heads=6)
VIT_B = ViTConfig(width=768, depth=12, heads=12)
VIT_B_REGISTERS = ViTConfig(width=768, depth=12, heads=12, registers=4)
VIT_L = ViTConfig(width=1024, depth=24, heads=16)


def tokens_to_map(tokens: Tensor) -> Tensor:
    """Return the patch tokens of (B, 1 + N, D) as a (B, D, H, W) view, row 0 the image's top."""
    batch, count, width = tokens.shape
    side = math.isqrt(count - 1)
    return tokens[:, 1:].reshape(batch, side, side, width).permute(0, 3, 1, 2)


class PatchEmbed(nn.Module):
    """One linear map per patch."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, patch, stride=patch)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, S, S) to (B, width, S / patch, S / patch)."""
        return self.proj(images)  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D) to the same shape."""
        query, key, value = (
            self.qkv(tokens).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        return self.proj(mixed.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Mlp(nn.Module):
    """Two linear layers around a GELU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D) to the same shape."""
        return self.fc2(functional.gelu(self.fc1(tokens)))  # type: ignore[no-any-return]


class LayerScale(nn.Module):
    """Learned factor per channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """Scale tokens (B, T, D)."""
        return tokens * self.gamma


class Block(nn.Module):
    """Transformer block; an adapter, where there is one, works beside the MLP."""

    def __init__(self, width: int, heads: int, adapter: nn.Module | None = None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Mlp(width)
        self.ls2 = LayerScale(width)
        self.adapter = adapter

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, 1 + N, D) to the same shape."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        normed = self.norm2(tokens)
        change = self.mlp(normed)
        if self.adapter is not None:
            change = change + ADAPTER_SCALE * self.adapter(normed)
        return tokens + self.ls2(change)  # type: ignore[no-any-return]


class VisionTransformer(nn.Module):
    """Embedding and blocks; subclasses use the blocks' outputs.

    Args:
        config: Size of the network.
        make_adapter: Called with the width once per block where blocks carry an adapter.
        rectangular: Whether what comes after the blocks takes images that are no squares.
    """

    def __init__(
        self,
        config: ViTConfig,
        make_adapter: Callable[[int], nn.Module] | None = None,
        *,
        rectangular: bool = False,
    ) -> None:
        super().__init__()
        width = config.width
        self.config = config
        self.rectangular = rectangular
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + config.native_grid**2, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))  # unused here, kept in every file
        if config.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, config.registers, width))
        self.patch_embed = PatchEmbed(width, config.patch)
        self.blocks = nn.ModuleList(
            Block(width, config.heads, make_adapter(width) if make_adapter else None)
            for _ in range(config.depth)
        )
        self._positions: tuple[object, Tensor] | None = None

    def embed(self, images: Tensor) -> Tensor:
        """Return the tokens (B, 1 + registers + N, D) that enter the first block.

        Raises:
            ModelError: The images are not (B, 3, H, W) with H and W multiples of the patch size,
                and equal unless the network is `rectangular`.
        """
        patch = self.config.patch
        form = '(B, 3, H, W)' if self.rectangular else 'square images (B, 3, S, S)'
        square = images.shape[-1] == images.shape[-2]
        if images.ndim != 4 or images.shape[1] != 3 or not (square or self.rectangular):
            msg = f'the network takes {form}, not {tuple(images.shape)}'
            raise ModelError(msg)
        height, width = int(images.shape[2]), int(images.shape[3])
        if height % patch or width % patch or not height or not width:
            side = f'{height}' if square else f'{height} and {width}'
            msg = f'the image side must be a multiple of {patch} pixels, not {side}'
            raise ModelError(msg)
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        tokens = torch.cat((self.cls_token.expand(images.shape[0], -1, -1), patches), dim=1)
        tokens = tokens + self.positions(height // patch, width // patch)
        if not self.config.registers:
            return tokens
        registers = self.register_tokens.expand(images.shape[0], -1, -1)
        return torch.cat((tokens[:, :1], registers, tokens[:, 1:]), dim=1)

    def block_outputs(self, tokens: Tensor) -> Iterator[Tensor]:
        """Yield the tokens (B, 1 + N, D) after each block."""
        for block in self.blocks:
            tokens = block(tokens)
            yield tokens

    def positions(self, rows: int, columns: int) -> Tensor:
        """Return the positional embedding (1, 1 + rows · columns, D), resampled once per grid.

        It is kept until the parameter changes; where it is being trained it is always resampled.
        """
        source = self.pos_embed
        if torch.is_grad_enabled() and source.requires_grad:
            return self._resample_positions(rows, columns)
        version = None if source.is_inference() else source._version  # noqa: SLF001
        key = (rows, columns, source.data_ptr(), version, source.device, source.dtype)
        if self._positions is None or self._positions[0] != key:
            self._positions = key, self._resample_positions(rows, columns)
        return self._positions[1]

    def _resample_positions(self, rows: int, columns: int) -> Tensor:
        native = self.config.native_grid
        if rows == columns == native:
            return self.pos_embed
        patches = functional.interpolate(
            tokens_to_map(self.pos_embed.float()),
            scale_factor=((rows + _GRID_OFFSET) / native, (columns + _GRID_OFFSET) / native),
            mode='bicubic',
        )
        patches = patches.flatten(2).transpose(1, 2).to(self.pos_embed.dtype)
        return torch.cat((self.pos_embed[:, :1], patches), dim=1)


class NormedTransformer(VisionTransformer):
    """The transformer with the norm behind its last block that published files have."""

    def __init__(
        self,
        config: ViTConfig,
        make_adapter: Callable[[int], nn.Module] | None = None,
        *,
        rectangular: bool = False,
    ) -> None:
        super().__init__(config, make_adapter, rectangular=rectangular)
        self.norm = nn.LayerNorm(config.width, eps=1e-6)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to normalised tokens (B, 1 + registers + N, D)."""
        *_, last = self.block_outputs(self.embed(images))
        return self.norm(last)  # type: ignore[no-any-return]

    def patch_map(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to patch tokens (B, D, rows, columns), not normalised."""
        *_, last = self.block_outputs(self.embed(images))
        rows, columns = (int(side) // self.config.patch for side in images.shape[2:])
        patches = last[:, -rows * columns :].transpose(1, 2)
        return patches.reshape(*patches.shape[:2], rows, columns)


def _dinov2(**options: Any) -> NormedTransformer:
    return NormedTransformer(ViTConfig(**options))


def _backbone(name: str, config: ViTConfig, size: int, sha256: str) -> ModelSpec:
    folder = name.replace('-', '_')
    file = f'{folder}_pretrain.pth'
    url = f'https://dl.fbaipublicfiles.com/dinov2/{folder}/{file}'
    source = 'https://github.com/facebookresearch/dinov2'
    weights = PublishedWeights(file, source, 'Apache-2.0', size, sha256, (url,))
    options = asdict(config)
    return ModelSpec(name, _dinov2, Preprocessing(518), options, weights, backbone=True)


# Independent users of the files agree on the digests.
BACKBONES = (
    _backbone(
        'dinov2-vits14',
        VIT_S,
        88_283_115,
        'b938bf1bc15cd2ec0feacfe3a1bb553fe8ea9ca46a7e1d8d00217f29aef60cd9',
    ),
    _backbone(
        'dinov2-vitb14',
        VIT_B,
        346_378_731,
        '0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73',
    ),
    _backbone(
        'dinov2-vitl14',
        VIT_L,
        1_217_586_395,
        'd5383ea8f4877b2472eb973e0fd72d557c7da5d3611bd527ceeb1d7162cbf428',
    ),
)
