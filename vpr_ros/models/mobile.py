# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trunks of EfficientNet-Lite0 and Lite1 (arXiv:1905.11946, Lite variants).

Their convolutions come with ImageNet weights under the Apache licence, so that a small network
behind them starts from features instead of from pixels.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from torch import Tensor, nn

TrunkKind = Literal['lite0', 'lite1']

_BN_EPS = 1e-3
_EXPANSION = 6


class Stage(NamedTuple):
    """Consecutive blocks of one width; the first changes the resolution."""

    kernel: int
    stride: int
    width: int


_ENTRY_WIDTH = 32
_FIRST_WIDTH = 16
_STAGES = (
    Stage(3, 2, 24),
    Stage(5, 2, 40),
    Stage(3, 2, 80),
    Stage(5, 1, 112),
    Stage(5, 2, 192),
    Stage(3, 1, 320),
)
"""Those after the first block, as published."""
_BLOCKS: dict[TrunkKind, tuple[int, ...]] = {
    'lite0': (2, 2, 3, 3, 4, 1),
    'lite1': (3, 3, 4, 4, 5, 1),
}
"""Blocks of each stage."""


def _unit(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, dilation: int = 1, groups: int = 1
) -> list[nn.Module]:
    """Return padding, convolution and batch normalisation; maps halve as in TensorFlow.

    Its "same" padding of an even map at stride 2 puts the odd row and column behind.
    """
    total = dilation * (kernel - 1) + 1 - stride
    before = total // 2
    pad = (before, total - before) * 2
    lopsided = pad[0] != pad[1]
    convolution = nn.Conv2d(
        inputs,
        outputs,
        kernel,
        stride,
        padding=0 if lopsided else before,
        dilation=dilation,
        groups=groups,
        bias=False,
    )
    layers = [convolution, nn.BatchNorm2d(outputs, eps=_BN_EPS)]
    return [nn.ZeroPad2d(pad), *layers] if lopsided else layers


class InvertedBottleneck(nn.Module):
    """Widen, convolve each channel by itself, narrow; with a skip where shapes agree."""

    def __init__(
        self, inputs: int, stage: Stage, *, stride: int = 1, dilation: int = 1, expansion: int
    ) -> None:
        super().__init__()
        hidden = expansion * inputs
        widen = [*_unit(inputs, hidden), nn.ReLU6()] if expansion > 1 else []
        depthwise = _unit(hidden, hidden, stage.kernel, stride, dilation, groups=hidden)
        narrow = _unit(hidden, stage.width)
        self.layers = nn.Sequential(*widen, *depthwise, nn.ReLU6(), *narrow)
        self.skip = stride == 1 and inputs == stage.width

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H / stride, W / stride)."""
        change = self.layers(features)
        return features + change if self.skip else change  # type: ignore[no-any-return]


class MobileTrunk(nn.Module):
    """The first blocks of an EfficientNet-Lite.

    Args:
        kind: Which one.
        taps: Blocks (1-based, ascending) whose outputs are wanted; those after the last one are
            left out.
        output_stride: Where the published strides would pass it, convolutions are dilated
            instead, which keeps the weights meaningful at the finer resolution.
    """

    def __init__(
        self, kind: TrunkKind = 'lite0', taps: tuple[int, ...] = (16,), output_stride: int = 32
    ) -> None:
        super().__init__()
        self.kind, self.taps, self.output_stride = kind, taps, output_stride
        self.entry = nn.Sequential(*_unit(3, _ENTRY_WIDTH, 3, stride=2), nn.ReLU6())
        first = Stage(3, 1, _FIRST_WIDTH)
        layers = [InvertedBottleneck(_ENTRY_WIDTH, first, expansion=1)]
        width, reached, dilation = _FIRST_WIDTH, 2, 1
        for stage, count in zip(_STAGES, _BLOCKS[kind], strict=True):
            for index in range(count):
                stride, before = (stage.stride if index == 0 else 1), dilation
                if reached * stride > output_stride:
                    dilation, stride = dilation * stride, 1
                reached *= stride
                layers.append(
                    InvertedBottleneck(
                        width,
                        stage,
                        stride=stride,
                        # The first block of a stage reads the resolution before it.
                        dilation=before if index == 0 else dilation,
                        expansion=_EXPANSION,
                    )
                )
                width = stage.width
        self.blocks = nn.Sequential(*layers[: taps[-1]])

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 3, S, S) to the features (B, C, S', S') of each tapped block."""
        features = self.entry(images)
        tapped = []
        for number, block in enumerate(self.blocks, start=1):
            features = block(features)
            if number in self.taps:
                tapped.append(features)
        return tapped
