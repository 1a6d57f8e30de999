# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Output of a network: descriptors and codes, and the head that makes codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


class ModelOutput(NamedTuple):
    """Descriptors of a batch.

    Attributes:
        descriptor: (B, D) float32, unit norm.
        code: (B, bits) of -1 and +1, or None where the network has no hash branch. In training
            the gradient passes through the sign unchanged.
        logits: (B, bits), the values whose signs make the code, or None.
    """

    descriptor: Tensor
    code: Tensor | None = None
    logits: Tensor | None = None

    def map(self, function: Callable[[Tensor], Tensor]) -> ModelOutput:
        """Return what a function makes of every tensor."""
        descriptor, *others = self
        return ModelOutput(
            function(descriptor), *(v if v is None else function(v) for v in others)
        )

    @staticmethod
    def joined(outputs: Sequence[ModelOutput]) -> ModelOutput:
        """Return the outputs of consecutive batches of one network as one."""
        columns = zip(*outputs, strict=True)
        return ModelOutput._make(None if c[0] is None else torch.cat(c) for c in columns)


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
