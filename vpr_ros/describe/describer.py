# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describes images of any size with any model on any device."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from vpr_ros import models
from vpr_ros.describe.backend_choice import faster_network
from vpr_ros.describe.loading import (
    exported_network,
    info_of,
    load_described,
    load_network,
    model_info,
    resolve,
)
from vpr_ros.describe.onnx_extra import onnx_extra
from vpr_ros.describe.optimise import CudaNetwork, inference_form
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.describe.runtime import DeviceError, choose_device, configure_threads
from vpr_ros.errors import ImageError, ModelError
from vpr_ros.types import DEFAULT_MODEL, Description

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from vpr_ros.describe.onnx_export import OnnxNetwork
    from vpr_ros.describe.optimise import Precision

Backend = Literal['auto', 'torch', 'onnx']

PRECISIONS: dict[tuple[str, str], tuple[Precision, ...]] = {
    ('torch', 'cpu'): ('fp32', 'bf16'),
    ('torch', 'cuda'): ('fp32', 'bf16', 'fp16'),
    ('onnx', 'cpu'): ('fp32', 'int8'),
}
"""Precisions of each backend on each type of device."""

_log = logging.getLogger(__name__)

_CUDA_BATCH = 32


class Describer:
    """Describes images with one network; threads that share one take turns.

    On the CPU images pass one by one: batches gain little there, and so a description is exactly
    independent of the other images of the call. On a GPU they pass in batches; descriptors then
    agree with those of single images within 1e-5 in float32. When the GPU runs out of memory or
    is lost, the work goes on on the CPU.

    Args:
        model: Registered name, or a file, see `loading.resolve`.
        device: ``auto`` (CUDA where it works, else CPU), ``cpu``, ``cuda`` or ``cuda:N``.
        weights: A weights file; None for those bundled or fetched, or for seeded random ones
            where the model allows it. With the backend ``onnx`` it may be a file of `vpr export`.
        threads: Threads on the CPU; None for all processors of this process.
        precision: ``fp32``; ``bf16``, faster on GPUs and on processors with bfloat16
            instructions; ``fp16``, for GPUs; or ``int8``, by ONNX Runtime. All reach a cosine
            above 0.999 to float32. Use one precision for mapping and for querying where a few
            flipped code bits matter.
        backend: ``torch``; ``onnx`` for ONNX Runtime on the CPU: the network is exported when it
            is first used, and kept in the user's weights folder; or ``auto``: in float32 on the
            CPU the faster of the two, where ONNX Runtime is installed, else torch. Their
            descriptors agree within 1e-5.
        size: Side in pixels of the square input; 0 for that of the model. Some networks take one
            size only.

    Attributes:
        device: Where it computes.
        backend: ``torch`` or ``onnx``.

    Raises:
        ModelError: The model is unknown, its weights are missing, damaged or of another network,
            or its descriptors would depend on the batch.
        DeviceError: The device is unknown or absent, or lacks the precision or the backend.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        device: str = 'auto',
        weights: str | Path | None = None,
        threads: int | None = None,
        precision: Precision = 'fp32',
        backend: Backend = 'auto',
        size: int = 0,
    ) -> None:
        threads = configure_threads(threads)
        entry = resolve(model, weights, size)
        if entry.batch_dependent:
            msg = (
                f'the descriptors of {model} depend on the other images of the batch, which makes '
                'maps and queries incomparable; use a model without cross-image encoder'
            )
            raise ModelError(msg)
        # ONNX Runtime is here for the CPU; GPUs have torch.
        exported = backend == 'auto' and entry.onnx_file is not None
        on_cpu = device == 'auto' and (backend == 'onnx' or exported)
        self.device = choose_device('cpu' if on_cpu else device)
        choosing = backend == 'auto' and self.device.type == 'cpu'
        if backend == 'auto':
            backend = 'onnx' if choosing and (exported or precision == 'int8') else 'torch'
        self.backend = backend
        if backend == 'torch' and entry.onnx_file is not None:
            msg = (
                f'{entry.name} is computed by onnx on the CPU, not by torch on {self.device}: '
                'it is an ONNX file'
            )
            raise DeviceError(msg)
        possible = PRECISIONS.get((backend, self.device.type), ())
        if precision not in possible:
            offer = f'; use {" or ".join(possible)}' if possible else ''
            msg = f'{backend} does not compute in {precision} on {self.device}{offer}'
            raise DeviceError(msg)
        self._turn = threading.Lock()
        self._preprocessing = entry.preprocessing
        self._precision = precision
        self._net: nn.Module | None = None  # for the CPU to go on with
        self._run: Callable[[Tensor], models.ModelOutput]
        if entry.foreign:
            self._run, weights_id = _foreign_network(entry, backend, self.device, precision)
            black = np.zeros((*entry.preprocessing.shape, 3), np.uint8)
            self.model_info = model_info(entry, weights_id, self._outputs([black]))
            return
        if backend == 'onnx':
            network = _onnx_network(entry, threads, precision)
            self._run, self.model_info = network, network.info
            return
        net, weights_id = load_network(entry)
        if choosing and precision == 'fp32' and not entry.weightless:
            info = partial(info_of, net, entry, weights_id)
            faster = faster_network(net, entry, weights_id, info, threads)
            if faster is not None:
                self._run, self.model_info, self.backend = faster, faster.info, 'onnx'
                return
        if self.device.type == 'cpu':
            self._run = inference_form(net, precision)
        else:
            self._run, self._net = CudaNetwork(net, self.device, precision), net
        black = np.zeros((*entry.preprocessing.shape, 3), np.uint8)
        self.model_info = model_info(entry, weights_id, self._outputs([black]))

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Describe RGB images, each (H, W, 3) uint8 of any size, in their order.

        Raises:
            ImageError: An image is empty, not uint8 or not (H, W, 3), or the network fails on it.
        """
        descriptions: list[Description] = []
        with self._turn:
            while len(descriptions) < len(images):
                batch = 1 if self.device.type == 'cpu' else _CUDA_BATCH
                chunk = images[len(descriptions) : len(descriptions) + batch]
                descriptions += as_descriptions(self._outputs(chunk))
        return descriptions

    def _outputs(self, images: Sequence[NDArray[np.uint8]]) -> models.ModelOutput:
        with torch.inference_mode():
            if self._net is not None:
                try:
                    return self._run(preprocess(images, self._preprocessing, self.device))
                except RuntimeError as error:  # out of memory, or a GPU that is lost
                    _log.warning('the GPU failed (%s); going on on the CPU', error)
                    self.device = torch.device('cpu')
                    precision: Precision = 'bf16' if self._precision == 'bf16' else 'fp32'
                    self._run, self._net = inference_form(self._net, precision), None
            outputs = [self._run(preprocess([image], self._preprocessing)) for image in images]
            return models.ModelOutput.joined(outputs)


def _foreign_network(
    entry: models.ModelSpec, backend: Backend, device: torch.device, precision: Precision
) -> tuple[Callable[[Tensor], models.ModelOutput], str]:
    wanted = 'torch' if entry.onnx_file is None else 'onnx'
    if (backend, precision) != (wanted, 'fp32'):
        msg = f'{entry.name} is computed by {wanted} in fp32, not by {backend} in {precision}'
        raise DeviceError(msg)
    net, weights_id = load_network(entry)
    net.to(device)

    def run(images: Tensor) -> models.ModelOutput:
        output: models.ModelOutput = net(images.to(device))
        return output.map(lambda values: values.cpu())

    return run, weights_id


def _onnx_network(entry: models.ModelSpec, threads: int, precision: Precision) -> OnnxNetwork:
    if entry.onnx_file is None:
        with onnx_extra('the backend onnx'):
            from vpr_ros.describe import onnx_export as export  # noqa: PLC0415

        onnx_precision: export.OnnxPrecision = 'int8' if precision == 'int8' else 'fp32'
        net, info = load_described(entry)
        return export.cached_network(net, info, entry, onnx_precision, threads)
    network = exported_network(entry.onnx_file, threads)
    wanted = entry.name, entry.preprocessing.id, precision
    found = network.info.name, network.info.preprocessing, network.precision
    if found != wanted:
        msg = f'{entry.onnx_file} holds {" / ".join(found)}, not {" / ".join(wanted)}'
        raise ModelError(msg)
    return network


def as_descriptions(output: models.ModelOutput) -> list[Description]:
    """Return the descriptions of a batch whose output is on the CPU.

    Raises:
        ImageError: The network computes something else than numbers from an image.
    """
    descriptors = output.descriptor.numpy()
    if not np.isfinite(descriptors).all():
        msg = (
            'the network gives a descriptor of an image that is not finite; does it so often, its '
            'weights, or what their card says of its input, are damaged'
        )
        raise ImageError(msg)
    if output.code is None:
        return [Description(descriptor) for descriptor in descriptors]
    codes = np.packbits(output.code.numpy() > 0, axis=1)
    return [Description(*pair) for pair in zip(descriptors, codes, strict=True)]
