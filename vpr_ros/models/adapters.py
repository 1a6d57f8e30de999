# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The MultiConv adapter, used inside blocks (D²-VPR, CricaVPR) and as side network (SelaVPR++)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vpr_ros.models.vit import tokens_to_map


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
