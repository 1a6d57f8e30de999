# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Convolutional trunks that only run: batch normalisation folded into the convolutions."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from vpr_ros.models.mobile import MobileTrunk

if TYPE_CHECKING:
    from torch import Tensor

    from vpr_ros.models.resnet import ResidualBlock, ResNetTrunk


class RunTrunk(MobileTrunk):
    """`mobile.MobileTrunk` with its normalisation folded, in float32 whatever the rest is in."""

    def __init__(self, trunk: MobileTrunk, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        del dtype
        self.taps = trunk.taps
        self.entry = cast('nn.Sequential', _without_normalisation(trunk.entry))
        self.blocks = cast('nn.Sequential', _without_normalisation(trunk.blocks))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _without_normalisation(module: nn.Module) -> nn.Module:
    """Fold every batch normalisation into the convolution before it in its sequence."""
    for name, child in module.named_children():
        module.add_module(name, _without_normalisation(child))
    if not isinstance(module, nn.Sequential):
        return module
    folded: list[nn.Module] = []
    for layer in module:
        if isinstance(layer, nn.BatchNorm2d):
            folded[-1] = fuse_conv_bn_eval(cast('nn.Conv2d', folded[-1]), layer)
        else:
            folded.append(layer)
    return nn.Sequential(*folded)


class RunResidualBlock(nn.Module):
    """`resnet.ResidualBlock` with its normalisation folded."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.convs = nn.ModuleList(fuse_conv_bn_eval(conv, bn) for conv, bn in block.units())
        self.downsample: nn.Module | None = None
        if block.downsample is not None:
            self.downsample = _without_normalisation(block.downsample)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        past = features if self.downsample is None else self.downsample(features)
        *before, last = self.convs
        for conv in before:
            features = conv(features).relu_()
        return last(features).add_(past).relu_()  # type: ignore[no-any-return]


class RunResNet(nn.Module):
    """`resnet.ResNetTrunk` with its normalisation folded; returns float32."""

    def __init__(self, trunk: ResNetTrunk, dtype: torch.dtype) -> None:
        conv, bn, relu, pool, *stages = trunk.children()
        stem = fuse_conv_bn_eval(cast('nn.Conv2d', conv), cast('nn.BatchNorm2d', bn))
        blocks = [RunResidualBlock(block) for stage in stages for block in stage.children()]  # type: ignore[arg-type]
        super().__init__()
        self.layers = nn.Sequential(stem, relu, pool, *blocks)
        self.dtype = dtype
        self.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to features (B, C, H', W')."""
        return self.layers(images.to(self.dtype)).float()  # type: ignore[no-any-return]
