# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks in a form that only runs, faster: folded, fused, packed on the CPU, graphs on GPUs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import fuse_conv_bn_eval

from vpr_ros.describe.folded_trunks import RunResNet, RunTrunk
from vpr_ros.models.mobile import MobileTrunk
from vpr_ros.models.pooling import OffsetGenerator
from vpr_ros.models.resnet import ResNetTrunk
from vpr_ros.models.vit import (
    ADAPTER_SCALE,
    Block,
    ConvUnit,
    MultiConvAdapter,
    PatchEmbed,
    tokens_to_map,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from vpr_ros.models import ModelOutput

Precision = Literal['fp32', 'bf16', 'fp16', 'int8']
_Activation = Literal['none', 'relu', 'gelu']
_DTYPES = {'fp32': torch.float32, 'bf16': torch.bfloat16, 'fp16': torch.float16}


def inference_form(
    net: nn.Module, precision: Precision = 'fp32', device: torch.device | str = 'cpu'
) -> nn.Module:
    """Return a network equal to ``net`` that runs faster and cannot be trained.

    Batch normalisation is folded into the convolutions before it, layer scales and the adapters'
    factor into the linear layers before them; 1×1 convolutions of an adapter become one linear
    layer. On the CPU linear layers keep their weights in oneDNN's layout, with activation and
    residual addition fused.

    Args:
        net: A network of `models.create` in evaluation mode on the CPU; it is not changed.
        precision: ``fp32`` agrees with the network within 1e-5. ``bf16`` multiplies in bfloat16
            and keeps the residual stream, norms, pooling and signs in float32; it pays where the
            processor has bfloat16 instructions. ``fp16`` is the same with float16, for GPUs.
        device: Where the result runs.
    """
    return _rewritten(copy.deepcopy(net).to(device), _DTYPES[precision])


def _rewritten(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    for kind, replacement in _REPLACEMENTS.items():
        if type(module) is kind:
            return replacement(module, dtype)
    for name, child in module.named_children():
        module.add_module(name, _rewritten(child, dtype))
    return module


class PackedLinear(nn.Module):
    """Linear layer with its weight in oneDNN's layout and the next operation fused in."""

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor,
        dtype: torch.dtype,
        activation: _Activation = 'none',
    ) -> None:
        super().__init__()
        self.activation = activation
        self.dtype = dtype
        self.packed = weight.device.type == 'cpu' and _packs(dtype)
        self.weight = weight.detach().to(dtype).contiguous()
        self.bias = bias.detach().to(dtype)
        if self.packed:
            self.weight = torch.ops.mkldnn._reorder_linear_weight(self.weight)  # noqa: SLF001

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs) in this layer's precision."""
        tokens = tokens.to(self.dtype)
        if self.packed:
            return cast(
                'Tensor',
                torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
                    tokens, self.weight, self.bias, self.activation, [], 'none'
                ),
            )
        result = functional.linear(tokens, self.weight, self.bias)
        if self.activation == 'none':
            return result
        return functional.gelu(result) if self.activation == 'gelu' else torch.relu(result)

    def added_to(self, residual: Tensor, tokens: Tensor) -> Tensor:
        """Return ``residual`` plus the mapped tokens, in the residual's precision."""
        if self.packed and residual.dtype == self.dtype:
            return cast(
                'Tensor',
                torch.ops.mkldnn._linear_pointwise.binary(  # noqa: SLF001
                    tokens, residual, self.weight, self.bias, 'add'
                ),
            )
        return residual + cast('Tensor', self(tokens))


def _packs(dtype: torch.dtype) -> bool:
    """Return whether oneDNN multiplies in a precision on this processor."""
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if dtype is torch.bfloat16:
        return bool(available and torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return bool(available)


def _packed(
    linear: nn.Linear,
    dtype: torch.dtype,
    activation: _Activation = 'none',
    scale: Tensor | None = None,
) -> PackedLinear:
    """Pack a linear layer whose output is multiplied by ``scale`` (outputs,) afterwards."""
    if scale is None:
        return PackedLinear(linear.weight, linear.bias, dtype, activation)
    return PackedLinear(linear.weight * scale[:, None], linear.bias * scale, dtype, activation)


class RunAdapter(nn.Module):
    """`MultiConvAdapter` with its normalisation folded and its 1×1 convolutions joined."""

    def __init__(
        self, adapter: MultiConvAdapter, dtype: torch.dtype, scale: Tensor | None = None
    ) -> None:
        super().__init__()
        one = _folded(adapter.branch1)
        three, five = _folded(adapter.branch2[1]), _folded(adapter.branch3[1])
        reductions = [_folded(adapter.branch2[0]), _folded(adapter.branch3[0])]
        joined = [one, *reductions]
        self.enter = _packed(adapter.D_fc1, dtype, 'relu')
        self.pointwise = PackedLinear(
            torch.cat([conv.weight.flatten(1) for conv in joined]),
            torch.cat([cast('Tensor', conv.bias) for conv in joined]),
            dtype,
            'relu',
        )
        self.wide = one.out_channels
        self.reduced = reductions[0].out_channels
        self.spatial = _joined_convolutions(three, five, dtype)
        self.leave = _packed(adapter.D_fc2, dtype, scale=scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, 1 + N, D), class token first and N a square number, to the same shape."""
        return self.leave(self._mixed(tokens))  # type: ignore[no-any-return]

    def added_to(self, residual: Tensor, tokens: Tensor) -> Tensor:
        """Return ``residual`` plus the adapted tokens."""
        return self.leave.added_to(residual, self._mixed(tokens))

    def _mixed(self, tokens: Tensor) -> Tensor:
        hidden = self.enter(tokens)
        pointwise = self.pointwise(hidden)
        spatial = torch.relu(self.spatial(tokens_to_map(pointwise[..., self.wide :])))
        hidden[:, :1] *= 2  # the class token has no convolutions, only their skip connection
        hidden[:, 1:, : self.wide] += pointwise[:, 1:, : self.wide]
        hidden[:, 1:, self.wide :] += spatial.permute(0, 2, 3, 1).flatten(1, 2)
        return hidden  # type: ignore[no-any-return]


def _folded(unit: nn.Module) -> nn.Conv2d:
    unit = cast('ConvUnit', unit)
    return fuse_conv_bn_eval(unit.conv, unit.bn)


def _joined_convolutions(three: nn.Conv2d, five: nn.Conv2d, dtype: torch.dtype) -> nn.Conv2d:
    """Return one grouped 5×5 convolution that does a 3×3 and a 5×5 one side by side."""
    inputs, outputs = 2 * three.in_channels, 2 * three.out_channels
    device = three.weight.device
    joined = nn.Conv2d(inputs, outputs, 5, padding=2, groups=2, device=device, dtype=dtype)
    weights = (functional.pad(three.weight, (1, 1, 1, 1)), five.weight)
    joined.weight.data = torch.cat(weights).detach().to(dtype)
    biases = (cast('Tensor', three.bias), cast('Tensor', five.bias))
    joined.bias = nn.Parameter(torch.cat(biases).detach().to(dtype))
    return joined.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attend with scaled queries, all (B, heads, T, D / heads)."""
    if query.dtype == torch.float32 or query.device.type != 'cpu':
        return functional.scaled_dot_product_attention(query, key, value, scale=1.0)
    # There torch's fused kernel for bfloat16 takes twice as long as its parts (2.13, Zen 4).
    return torch.softmax(query @ key.transpose(-2, -1), dim=-1) @ value


class RunBlock(nn.Module):
    """`vit.Block` with layer scales folded in and additions fused."""

    def __init__(self, block: Block, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = block.attn.heads
        self.norm1, self.norm2 = block.norm1, block.norm2
        width = block.attn.proj.in_features
        scale = torch.ones(3 * width, device=block.ls1.gamma.device)
        scale[:width] = (width // self.heads) ** -0.5  # queries carry the scale of the products
        self.qkv = _packed(block.attn.qkv, dtype, scale=scale)
        self.proj = _packed(block.attn.proj, dtype, scale=block.ls1.gamma)
        self.fc1 = _packed(block.mlp.fc1, dtype, 'gelu')
        self.fc2 = _packed(block.mlp.fc2, dtype, scale=block.ls2.gamma)
        self.adapter: RunAdapter | None = None
        if block.adapter is not None:
            adapter = cast('MultiConvAdapter', block.adapter)
            self.adapter = RunAdapter(adapter, dtype, ADAPTER_SCALE * block.ls2.gamma)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, 1 + N, D) to the same shape."""
        qkv = self.qkv(self.norm1(tokens)).unflatten(-1, (3, self.heads, -1))
        mixed = _attention(*qkv.permute(2, 0, 3, 1, 4))
        tokens = self.proj.added_to(tokens, mixed.transpose(1, 2).flatten(2))
        normed = self.norm2(tokens)
        tokens = self.fc2.added_to(tokens, self.fc1(normed))
        return tokens if self.adapter is None else self.adapter.added_to(tokens, normed)


class RunGenerator(nn.Module):
    """`pooling.OffsetGenerator` as linear layers over positions."""

    def __init__(self, generator: OffsetGenerator, dtype: torch.dtype) -> None:
        super().__init__()
        weight, bias = generator[0].parameters()
        local, shared = weight.flatten(1).chunk(2, dim=1)
        self.local = PackedLinear(local, torch.zeros_like(bias), dtype)
        self.shared = PackedLinear(shared, bias, dtype)
        weight, bias = generator[2].parameters()
        self.output = PackedLinear(weight.flatten(1), bias, dtype)

    def forward(self, features: Tensor, context: Tensor) -> Tensor:
        """Map features (B, C, H, W) and the class token (B, C) to (B, 4, H, W)."""
        hidden = self.local(features.permute(0, 2, 3, 1)) + self.shared(context)[:, None, None]
        return self.output(torch.relu(hidden)).float().permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class RunPatchEmbed(nn.Module):
    """`vit.PatchEmbed` as a linear layer over unfolded patches."""

    def __init__(self, embed: PatchEmbed, dtype: torch.dtype) -> None:
        super().__init__()
        self.patch = embed.proj.kernel_size[0]
        weight, bias = embed.proj.weight.flatten(1), cast('Tensor', embed.proj.bias)
        self.linear = PackedLinear(weight, bias, dtype)

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, 3, H, W) to (B, width, H / patch, W / patch)."""
        batch, _, height, width = images.shape
        rows, columns = height // self.patch, width // self.patch
        cells = images.reshape(batch, 3, rows, self.patch, columns, self.patch)
        patches = cells.permute(0, 2, 4, 1, 3, 5).flatten(3)
        return self.linear(patches).float().permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class RunLinear(nn.Module):
    """A linear layer outside the blocks; returns float32."""

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.linear = _packed(linear, dtype)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs)."""
        return self.linear(tokens).float()  # type: ignore[no-any-return]


_REPLACEMENTS: dict[type[nn.Module], Callable[..., nn.Module]] = {
    Block: RunBlock,
    MultiConvAdapter: RunAdapter,
    OffsetGenerator: RunGenerator,
    PatchEmbed: RunPatchEmbed,
    MobileTrunk: RunTrunk,
    ResNetTrunk: RunResNet,
    nn.Linear: RunLinear,
}


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
            with torch.cuda.stream(side):  # objects made at first use must not be captured
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
