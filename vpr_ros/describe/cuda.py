# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A network on a GPU, replayed as CUDA graphs: hundreds of small kernels for one launch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from vpr_ros.describe.optimise import inference_form

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vpr_ros.describe.optimise import Precision
    from vpr_ros.models import ModelOutput

_WARM_UP = 3


class CudaNetwork:
    """A network's inference form on a GPU, with one CUDA graph per power of two of images.

    Args:
        net: The network; it stays where it is.
        device: The GPU.
        precision: See `optimise.inference_form`; TF32 is never used.
    """

    def __init__(self, net: nn.Module, device: torch.device, precision: Precision) -> None:
        self._net = inference_form(net, precision, device)
        self._graphs: dict[int, _Graph] = {}

    def __call__(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S) on the GPU; the result is on the CPU."""
        size = graph_size(len(images))
        with torch.cuda.device(images.device):
            if size not in self._graphs:
                self._graphs[size] = _Graph(self._net, images.new_zeros(size, *images.shape[1:]))
            return self._graphs[size].replay(images)


def graph_size(count: int) -> int:
    """Return the least power of two that is not below ``count``: few graphs serve all batches."""
    return 1 << (count - 1).bit_length()


class _Graph:
    def __init__(self, net: nn.Module, images: Tensor) -> None:
        self._images = images
        self._graph = torch.cuda.CUDAGraph()
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        # float32 is to mean float32; cuDNN's default would round the convolutions' inputs.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            with torch.cuda.stream(side):  # what is made at first use must not be captured
                for _ in range(_WARM_UP):
                    net(images)
            torch.cuda.current_stream().wait_stream(side)
            with torch.cuda.graph(self._graph):
                self._output: ModelOutput = net(images)

    def replay(self, images: Tensor) -> ModelOutput:
        count = len(images)
        self._images[:count].copy_(images)
        self._graph.replay()
        return self._output.map(lambda values: values[:count].cpu())
