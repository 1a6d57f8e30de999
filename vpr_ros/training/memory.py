# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Memory of a training step, for each tuning mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from vpr_ros import models
from vpr_ros.training.losses import MultiSimilarity
from vpr_ros.training.recipe import MetricLoss
from vpr_ros.training.trainable_network import freeze, training_modes

if TYPE_CHECKING:
    from torch import Tensor, nn

_ADAM_STATES = 2  # mean and variance of every gradient


@dataclass(frozen=True)
class TuningMode:
    """A choice of the parameters to train.

    Attributes:
        name: Name in reports.
        model: Name in the registry.
        trainable: Dotted prefixes of trained weights; empty for all.
        options: Options of the model.
    """

    name: str
    model: str
    trainable: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """Bytes that a step keeps.

    Attributes:
        weights: All of them.
        trained: Those that are trained.
        gradients: And the state of Adam.
        activations: Tensors kept from the forward pass for the backward pass.
    """

    weights: int
    trained: int
    gradients: int
    activations: int

    @property
    def total(self) -> int:
        """Everything."""
        return self.weights + self.gradients + self.activations


_LAST = (*(f'backbone.blocks.{i}' for i in range(8, 12)), 'backbone.norm')
_ADAPTERS = tuple(f'backbone.blocks.{i}.adapter' for i in range(12))
_ALONE = {'cross_image': False}

WAYS = (
    TuningMode(
        'side adapters',
        'selavprpp-base',
        ('backbone.adapters', 'aggregation', 'linear1', 'linear2'),
        {'branches': 'float'},
    ),
    TuningMode('adapters in the blocks', 'cricavpr', _ADAPTERS, _ALONE),
    TuningMode('last 4 of 12 blocks', 'cricavpr', _LAST, _ALONE),
    TuningMode('everything', 'cricavpr', (), _ALONE),
)
"""On DINOv2 ViT-B/14: the training of SelaVPR++ and the ways it is compared with."""


def measure(way: TuningMode, batch: int, size: int) -> Kept:
    """Run one step's forward and backward pass in float32 and count.

    Args:
        way: The weights to train.
        batch: Images, two of each place.
        size: Side of the images in pixels.
    """
    net = models.create(way.model, **way.options)
    freeze(net, way.trainable)
    training_modes(net)
    images = torch.zeros(batch, 3, size, size)
    places = torch.arange(batch) // 2
    with SavedTensors(net) as saved:
        loss, _ = MultiSimilarity(MetricLoss())(net(images).descriptor, places)
    loss.backward()
    trained = sum(_bytes(p) for p in net.parameters() if p.requires_grad)
    gradients = sum(_bytes(p.grad) for p in net.parameters() if p.grad is not None)
    return Kept(
        weights=sum(_bytes(p) for p in net.parameters()),
        trained=trained,
        gradients=gradients + _ADAM_STATES * trained,
        activations=saved.bytes,
    )


class SavedTensors(torch.autograd.graph.saved_tensors_hooks):
    """Counts tensors saved for the backward pass, each once and without weights.

    Args:
        net: Whose weights do not count.
    """

    def __init__(self, net: nn.Module) -> None:
        self._weights = {p.untyped_storage().data_ptr() for p in net.parameters()}
        self._sizes: dict[int, int] = {}
        super().__init__(self._pack, lambda tensor: tensor)

    @property
    def bytes(self) -> int:
        """How much was saved."""
        return sum(self._sizes.values())

    def __enter__(self) -> SavedTensors:  # type: ignore[override]
        super().__enter__()
        return self

    def _pack(self, tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in self._weights:
            self._sizes[storage.data_ptr()] = storage.nbytes()
        return tensor


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()
