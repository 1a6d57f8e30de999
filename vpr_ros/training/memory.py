# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Memory and time of a training step, for each way of tuning that SelaVPR++ compares."""

from __future__ import annotations

import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import torch

from vpr_ros import models
from vpr_ros.training.losses import MultiSimilarity
from vpr_ros.training.recipe import MetricLoss
from vpr_ros.training.trainable_network import freeze, training_modes

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from torch import Tensor, nn

    Precision = Literal['32', 'bf16-mixed', '16-mixed']

_ADAM_STATES = 2  # mean and variance of every gradient
_DTYPES = {'bf16-mixed': torch.bfloat16, '16-mixed': torch.float16}
_HEAD = ('aggregation', 'linear1', 'linear2')
_LAST_BLOCKS = 4


@dataclass(frozen=True)
class TuningMode:
    """A choice of the parameters to train.

    Attributes:
        name: In the paper.
        trainable: Dotted prefixes of trained weights; empty for all.
        options: Of a SelaVPR++ network.
    """

    name: str
    trainable: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StepCost:
    """Bytes that a step keeps, and its time.

    Attributes:
        weights: All of them.
        trained: Those that are trained.
        gradients: And the state of Adam.
        activations: Tensors kept from the forward pass for the backward pass, and with mixed
            precision the weights in half precision.
        peak: Largest memory taken at once, as the GPU's allocator says; 0 on a CPU.
        seconds: Median time of a step, Adam's included.
    """

    weights: int
    trained: int
    gradients: int
    activations: int
    peak: int
    seconds: float

    @property
    def total(self) -> int:
        """Bytes of everything."""
        return self.weights + self.gradients + self.activations


def tuning_modes(depth: int) -> tuple[TuningMode, ...]:
    """Return the ways of tables VI, VII and IX, for a transformer of so many blocks."""
    plain, in_block = {'adapters': 'none'}, {'adapters': 'in-block', 'adapter': 'vanilla'}
    last = tuple(f'backbone.blocks.{i}' for i in range(max(0, depth - _LAST_BLOCKS), depth))
    within = ('backbone.blocks.*.adapter1', 'backbone.blocks.*.adapter2')
    beside = ('backbone.adapters', *_HEAD)
    return (
        TuningMode('freezing', _HEAD, plain),
        TuningMode('full tuning', (), plain),
        TuningMode('partial tuning', (*last, *_HEAD), plain),
        TuningMode('SelaVPR-global', (*within, *_HEAD), in_block),
        TuningMode('MemEfficient-vanilla', beside, {'adapter': 'vanilla'}),
        TuningMode('MemEfficient-MCA', beside),
    )


def measure(
    mode: TuningMode,
    net: nn.Module,
    batch: int,
    size: int,
    precision: Precision = '32',
    steps: int = 1,
) -> StepCost:
    """Run steps and measure.

    Args:
        mode: The weights to train.
        net: Network of `network`, on its device.
        batch: Images, two of each place.
        size: Side of the images in pixels.
        precision: See `recipe.RunRecipe`.
        steps: Whose time is taken; one before them counts what they keep.
    """
    freeze(net, mode.trainable)
    training_modes(net)
    parameters = list(net.parameters())
    device = parameters[0].device
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    optimiser = torch.optim.Adam(trained, lr=0.0)
    images = torch.rand(batch, 3, size, size, device=device)
    places = torch.arange(batch, device=device) // 2
    loss_of = MultiSimilarity(MetricLoss())
    cuda = device.type == 'cuda'
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)

    def step(counted: AbstractContextManager[Any]) -> float:
        start = time.perf_counter()
        optimiser.zero_grad()
        dtype = _DTYPES.get(precision, torch.bfloat16)
        with counted, torch.autocast(device.type, dtype, enabled=precision in _DTYPES):
            descriptors = net(images).descriptor
        with torch.autocast(device.type, enabled=False):
            loss, _ = loss_of(descriptors, places)
        loss.backward()
        optimiser.step()
        if cuda:
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    saved = SavedTensors(net)
    step(saved)
    seconds = statistics.median(step(nullcontext()) for _ in range(steps))
    size_of_trained = sum(map(_bytes, trained))
    gradients = sum(_bytes(p.grad) for p in trained if p.grad is not None)
    return StepCost(
        weights=sum(map(_bytes, parameters)),
        trained=size_of_trained,
        gradients=gradients + _ADAM_STATES * size_of_trained,
        activations=saved.bytes,
        peak=torch.cuda.max_memory_allocated(device) if cuda else 0,
        seconds=seconds,
    )


def network(mode: TuningMode, model: str, device: torch.device, **options: Any) -> nn.Module:
    """Return the float branch of a SelaVPR++ network, adapted as the mode says."""
    chosen = {'branches': 'float', **mode.options, **options}
    return models.create(model, **chosen).to(device)


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
