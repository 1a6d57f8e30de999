# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random numbers for images of a batch, each with its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Generator, Tensor


def uniform(generator: Generator, low: float, high: float, *shape: int) -> Tensor:
    """Return numbers between low and high."""
    return torch.rand(shape, generator=generator) * (high - low) + low


def some(generator: Generator, count: int, share: float) -> Tensor:
    """Return the indices of the chosen of `count` images, each with this probability."""
    chances = torch.rand(count, generator=generator)
    return (chances < share).nonzero()[:, 0]


def per_image(values: Tensor) -> Tensor:
    """Shape (B,) values to go with (B, C, H, W) images."""
    return values[:, None, None, None]
