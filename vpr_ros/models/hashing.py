# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Binary codes: the sign of a linear map (SelaVPR++, arXiv:2502.16601)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def sign_code(logits: Tensor) -> Tensor:
    """Return +1 where ``logits`` (B, bits) is >= 0 and -1 elsewhere; its gradient is identity."""
    code = torch.where(logits >= 0, 1.0, -1.0)
    if torch.is_grad_enabled() and logits.requires_grad:
        return code + (logits - logits.detach())
    return code


class HashHead(nn.Module):
    """Linear map from a descriptor to the logits of its code."""

    def __init__(self, inputs: int, bits: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, bits)

    def forward(self, descriptor: Tensor) -> Tensor:
        """Map descriptors (B, inputs) to logits (B, bits), in float32 whatever surrounds it."""
        with torch.autocast(descriptor.device.type, enabled=False):
            return self.linear(descriptor.float())  # type: ignore[no-any-return]
