# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network whose descriptors are shortened by principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from vpr_ros.models.model_spec import ModelOutput


class Components(nn.Module):
    """Orthonormal directions of descriptors.

    Args:
        length: Of the descriptors.
        dim: Of the shortened ones.
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
    """A network and the projection of its descriptors; codes are those of the network.

    Args:
        net: The network.
        lengths: Of its descriptors, before and afterwards.
    """

    def __init__(self, net: nn.Module, lengths: tuple[int, int]) -> None:
        super().__init__()
        self.net = net
        self.projection = Components(*lengths)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W) as the network takes them."""
        output: ModelOutput = self.net(images)
        return output._replace(descriptor=self.projection(output.descriptor))
