# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trunk of residual networks (arXiv:1512.03385), with the stride in the 3x3 convolutions."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

_STAGES = 4
_MOST_BLOCKS, _MOST_WIDTH = 64, 512


@dataclass(frozen=True)
class ResNetConfig:
    """Size of a residual network.

    Attributes:
        blocks: Of each of the four stages; the maps halve at the start of the last three.
        bottleneck: Blocks of three convolutions with four times the width behind, else of two.
        width: Inside the blocks of the first stage; the next ones have twice as much each.

    Raises:
        ValueError: A value is out of range.
    """

    blocks: tuple[int, ...] = (3, 4, 6, 3)
    bottleneck: bool = True
    width: int = 64

    def __post_init__(self) -> None:
        fits = len(self.blocks) == _STAGES and all(1 <= n <= _MOST_BLOCKS for n in self.blocks)
        if not fits or not 1 <= self.width <= _MOST_WIDTH:
            msg = f'resnet has {_STAGES} stages of 1 to {_MOST_BLOCKS} blocks, not {self}'
            raise ValueError(msg)

    def channels(self, stage: int) -> int:
        """Return the channels behind a stage (1-based)."""
        return self.width * (4 if self.bottleneck else 1) << (stage - 1)


RESNET18 = ResNetConfig((2, 2, 2, 2), bottleneck=False)
RESNET50 = ResNetConfig()


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, or a 3x3 between two 1x1, beside a connection past them."""

    def __init__(self, inputs: int, width: int, stride: int, *, bottleneck: bool) -> None:
        super().__init__()
        outputs = 4 * width if bottleneck else width
        if bottleneck:
            self.conv1, self.bn1 = _unit(inputs, width, 1)
            self.conv2, self.bn2 = _unit(width, width, 3, stride)
            self.conv3, self.bn3 = _unit(width, outputs, 1)
        else:
            self.conv1, self.bn1 = _unit(inputs, width, 3, stride)
            self.conv2, self.bn2 = _unit(width, width, 3)
        changes = stride > 1 or inputs != outputs
        self.downsample = nn.Sequential(*_unit(inputs, outputs, 1, stride)) if changes else None

    def units(self) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Return the convolutions, each with its normalisation, in their order."""
        found = [(self.conv1, self.bn1), (self.conv2, self.bn2)]
        return [*found, (self.conv3, self.bn3)] if hasattr(self, 'conv3') else found

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        past = features if self.downsample is None else self.downsample(features)
        *before, (convolution, norm) = self.units()
        for conv, bn in before:
            features = torch.relu(bn(conv(features)))
        return torch.relu(norm(convolution(features)) + past)


def _unit(
    inputs: int, outputs: int, kernel: int, stride: int = 1
) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return convolution, nn.BatchNorm2d(outputs)


class ResNetTrunk(nn.Sequential):
    """A residual network without its classifier.

    Args:
        config: Size of the network.
        stages: How many of the four stages there are: three end at a stride of 16, four at 32.
        named: Whether the parts have names (``conv1``, ``layer1`` ...) in a state dict, or
            numbers: published files have the one or the other.
    """

    def __init__(
        self, config: ResNetConfig, stages: int = _STAGES, *, named: bool = False
    ) -> None:
        conv1 = nn.Conv2d(3, config.width, 7, 2, 3, bias=False)
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=conv1,
            bn1=nn.BatchNorm2d(config.width),
            relu=nn.ReLU(),
            maxpool=nn.MaxPool2d(3, 2, 1),
        )
        inputs = config.width
        for stage, count in enumerate(config.blocks[:stages], start=1):
            blocks = []
            for index in range(count):
                stride = 2 if stage > 1 and index == 0 else 1
                width = config.width << (stage - 1)
                blocks.append(ResidualBlock(inputs, width, stride, bottleneck=config.bottleneck))
                inputs = config.channels(stage)
            parts[f'layer{stage}'] = nn.Sequential(*blocks)
        if named:
            super().__init__(parts)
        else:
            super().__init__(*parts.values())
