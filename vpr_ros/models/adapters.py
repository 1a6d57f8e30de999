# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adapters that SelaVPR++ compares its own, `vit.MultiConvAdapter`, with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from vpr_ros.errors import ModelError
from vpr_ros.models.vit import ADAPTER_SCALE, Block

if TYPE_CHECKING:
    from torch import Tensor


class VanillaAdapter(nn.Module):
    """Bottleneck of two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.D_fc1 = nn.Linear(width, width // 2)
        self.D_fc2 = nn.Linear(width // 2, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D) to the same shape."""
        return self.D_fc2(functional.relu(self.D_fc1(tokens)))  # type: ignore[no-any-return]


class TokenAdapter(VanillaAdapter):
    """The same over the tokens of each channel, which binds it to one size of images.

    Args:
        count: Number T of tokens.
    """

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D) to the same shape.

        Raises:
            ModelError: There are more or fewer tokens.
        """
        if tokens.shape[1] != self.count:
            msg = (
                f'alternating adapters are for {self.count - 1} patches, not '
                f'{tokens.shape[1] - 1}: use images of the size they were trained with'
            )
            raise ModelError(msg)
        return super().forward(tokens.transpose(1, 2)).transpose(1, 2)


class GlobalAdaptationBlock(Block):
    """Block with one vanilla adapter behind the attention and one beside the MLP (SelaVPR)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.adapter1 = VanillaAdapter(width)
        self.adapter2 = VanillaAdapter(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, 1 + N, D) to the same shape."""
        attended = self.attn(self.norm1(tokens))
        tokens = tokens + self.ls1(attended + self.adapter1(attended))
        normed = self.norm2(tokens)
        change = self.mlp(normed) + ADAPTER_SCALE * self.adapter2(normed)
        return tokens + self.ls2(change)  # type: ignore[no-any-return]
