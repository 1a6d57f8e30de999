# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images to descriptions, whatever the model, the device and the size of the images."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING

import numpy as np
import torch

from vpr_ros import models
from vpr_ros.describe.optimise import inference_form
from vpr_ros.describe.preprocess import preprocess, preprocessing_id
from vpr_ros.describe.runtime import choose_device, configure_threads
from vpr_ros.errors import ModelError
from vpr_ros.types import DEFAULT_MODEL, Description, ModelInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from vpr_ros.describe.optimise import Precision

_log = logging.getLogger(__name__)

_SEED = 0
_CUDA_BATCH = 32


class Describer:
    """Describes images with one network; keep one and use it from one thread at a time.

    On the CPU the network runs in its inference form, see `optimise.inference_form`, and images
    pass one by one: batches gain little there, and so a description is exactly independent of
    what else is described with it. On a GPU they pass in batches; descriptors then agree with
    those of single images within 1e-5 in float32. When the GPU runs out of memory or is lost, the
    work goes on on the CPU.

    Args:
        model: Registry name, see `models.names`.
        device: ``auto`` (CUDA where it works, else CPU), ``cpu``, ``cuda`` or ``cuda:N``.
        weights: A weights file; None for those bundled or fetched, or for seeded random ones
            where the model allows it.
        threads: Threads on the CPU; None for all processors of this process.
        precision: ``fp32``, or ``bf16`` to multiply in bfloat16: faster on GPUs and on processors
            with bfloat16 instructions, at a cosine above 0.999 to float32. Keep to one of them
            for a map and its queries where a few flipped code bits matter.

    Raises:
        ModelError: The model is unknown, its weights are missing, damaged or of another network,
            or its descriptors would depend on the batch.
        DeviceError: The device is unknown or absent.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        device: str = 'auto',
        weights: str | Path | None = None,
        threads: int | None = None,
        precision: Precision = 'fp32',
    ) -> None:
        configure_threads(threads)
        entry = models.spec(model)
        if entry.batch_dependent:
            msg = (
                f'the descriptors of {model} depend on the other images of the batch, which makes '
                'maps and queries incomparable; use a model without cross-image encoder'
            )
            raise ModelError(msg)
        self.device = choose_device(device)
        self._size = entry.input_size
        self._net, weights_id = load_network(entry, weights)
        self._precision = precision
        self._placed = self._place()
        probe = self._forward(torch.zeros(1, 3, self._size, self._size))
        self.model_info = ModelInfo(
            name=model,
            weights_id=weights_id,
            descriptor_dim=probe.descriptor.shape[1],
            code_bits=0 if probe.code is None else probe.code.shape[1],
            preprocessing=preprocessing_id(self._size),
            trained=not weights_id.startswith('untrained'),
        )

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Describe RGB images, each (H, W, 3) uint8 of any size, in their order.

        Raises:
            ImageError: An image is empty, not uint8 or not (H, W, 3).
        """
        descriptions: list[Description] = []
        while len(descriptions) < len(images):
            batch = 1 if self.device.type == 'cpu' else _CUDA_BATCH
            chunk = images[len(descriptions) : len(descriptions) + batch]
            output = self._forward(preprocess(chunk, self._size))
            descriptions += _descriptions(output)
        return descriptions

    def _place(self) -> nn.Module:
        if self.device.type == 'cpu':
            return inference_form(self._net, self._precision)
        return copy.deepcopy(self._net).to(self.device)  # the CPU keeps its own, to go on with

    def _forward(self, batch: Tensor) -> models.ModelOutput:
        if self.device.type != 'cpu':
            try:
                return self._run(batch)
            except RuntimeError as error:  # out of memory, or a GPU that is lost
                _log.warning('the GPU failed (%s); going on on the CPU', error)
                self.device = torch.device('cpu')
                self._placed = self._place()
        return _joined([self._run(image[None]) for image in batch])

    def _run(self, batch: Tensor) -> models.ModelOutput:
        # The inference form of the CPU has its precision built in.
        autocast = self.device.type != 'cpu' and self._precision == 'bf16'
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, torch.bfloat16, enabled=autocast),
        ):
            output: models.ModelOutput = self._placed(batch.to(self.device))
            return _joined([output])


def load_network(
    entry: models.ModelSpec, weights: str | Path | None = None
) -> tuple[nn.Module, str]:
    """Return a network in evaluation mode with its weights, and their identity.

    Raises:
        ModelError: The weights are missing, damaged or of another network.
    """
    if entry.weightless:
        if weights is not None:
            msg = f'{entry.name} is a formula without weights: leave {weights} out'
            raise ModelError(msg)
        return models.create(entry.name), 'none'
    path = models.find_weights(entry.name) if weights is None else weights
    if path is not None:
        net = models.build(entry.name)
        models.load_published(net, models.load_weights(path))
        return net, models.fingerprint(net)
    if not entry.untrained:
        msg = (
            f'the weights of {entry.name} are not on this machine: run `vpr weights fetch '
            f'{entry.name}`, or pass a file of them as weights'
        )
        raise ModelError(msg)
    _log.warning(
        '%s has no trained weights yet: its random weights tell places apart poorly', entry.name
    )
    return models.create(entry.name, seed=_SEED), f'untrained-seed-{_SEED}'


def _joined(outputs: list[models.ModelOutput]) -> models.ModelOutput:
    """Return the outputs of consecutive batches as one, on the CPU."""

    def join(values: tuple[Tensor | None, ...]) -> Tensor | None:
        tensors = [value.cpu() for value in values if value is not None]
        return torch.cat(tensors) if tensors else None

    descriptors, codes, logits = zip(*outputs, strict=True)
    return models.ModelOutput(torch.cat([d.cpu() for d in descriptors]), join(codes), join(logits))


def _descriptions(output: models.ModelOutput) -> list[Description]:
    descriptors = output.descriptor.numpy()
    if output.code is None:
        return [Description(descriptor) for descriptor in descriptors]
    codes = np.packbits(output.code.numpy() > 0, axis=1)
    return [Description(*pair) for pair in zip(descriptors, codes, strict=True)]
