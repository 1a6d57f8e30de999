# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Operations of a network, counted independently of device and backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

if TYPE_CHECKING:
    from torch import nn


def multiplications(net: nn.Module, size: int) -> int:
    """Return the multiply-accumulate operations for one image of a side of ``size`` pixels.

    All matrix products count, those of attention included, and nothing else: papers often give
    less, because common counters leave attention out.

    Args:
        net: A network of `models.create` on the CPU; the counter does not see into the fused
            operations of its inference form.
        size: Side of the square input in pixels.
    """
    counter = FlopCounterMode(display=False)
    # Only the plain form of attention consists of products that can be counted.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        net(torch.zeros(1, 3, size, size))
    return counter.get_total_flops() // 2
