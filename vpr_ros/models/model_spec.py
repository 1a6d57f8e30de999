# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A model: its registration, the output of its network, and the head that makes codes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


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
        """Return the outputs with a function applied to every tensor."""
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


@dataclass(frozen=True)
class PublishedWeights:
    """A file of weights as its authors publish it.

    Attributes:
        file: The authors' file name.
        source: The authors' page.
        licence: SPDX identifier, or a description.
        size: About how many bytes.
        sha256: Hex digest; always known where there are ``urls``.
        urls: Where it can be downloaded, the same bytes everywhere; empty where only a browser
            can download it.
        page: The page to open in a browser where there are no ``urls``.
        rename: Maps a key of the file to the network's key; None where they are equal.
    """

    file: str
    source: str
    licence: str
    size: int
    sha256: str = ''
    urls: tuple[str, ...] = ()
    page: str = ''
    rename: Callable[[str], str] | None = None


@dataclass(frozen=True)
class ModelSpec:
    """One model.

    Attributes:
        name: The name users give.
        make: Makes the network from fields of its configuration.
        input_size: Side in pixels of the square input that it is meant for.
        options: Fields in which the model differs from its configuration's defaults.
        weights: The published weights; None where there are none.
        batch_dependent: True where a descriptor depends on the other images of its batch.
        untrained: True where seeded random weights stand in until weights are found.
        weightless: True for a formula: there is nothing to load and nothing to train.
        backbone: True for a network that describes no images: training starts from its weights.
    """

    name: str
    make: Callable[..., nn.Module]
    input_size: int
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: PublishedWeights | None = None
    batch_dependent: bool = False
    untrained: bool = False
    weightless: bool = False
    backbone: bool = False
