# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network whose descriptors are projected: shortened, or adapted to a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from vpr_ros.models.model_spec import HashHead, ModelOutput, sign_code

if TYPE_CHECKING:
    from torch import Tensor


class Components(nn.Module):
    """Directions of descriptors.

    Args:
        length: Of the descriptors.
        dim: Of the projected ones.
    """

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(length))
        self.directions = nn.Parameter(torch.zeros(dim, length))

    def forward(self, descriptors: Tensor) -> Tensor:
        """Map descriptors (B, length) to (B, dim) of unit norm, in float32."""
        centred = descriptors.float() - self.mean
        return functional.normalize(functional.linear(centred, self.directions), dim=-1)


class Projected(nn.Module):
    """A network and the projection of its descriptors.

    Args:
        net: The network.
        lengths: Of its descriptors, before and afterwards.
        bits: Of the codes of the projected descriptors; 0 where codes are those of the network.
    """

    def __init__(self, net: nn.Module, lengths: tuple[int, int], bits: int = 0) -> None:
        super().__init__()
        self.net = net
        self.projection = Components(*lengths)
        self.hash_head = HashHead(lengths[1], bits) if bits else None

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W) as the network takes them."""
        output: ModelOutput = self.net(images)
        descriptor = self.projection(output.descriptor)
        if self.hash_head is None:
            return output._replace(descriptor=descriptor)
        logits = self.hash_head(descriptor)
        return ModelOutput(descriptor, sign_code(logits), logits)
