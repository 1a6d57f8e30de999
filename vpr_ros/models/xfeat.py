# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""XFeat, a small network of local features, for inference.

Potje, Cadar, Araujo, Martins and Nascimento, XFeat: Accelerated Features for Lightweight Image
Matching, CVPR 2024, section 3; arXiv:2404.19174. Batch normalisation is folded into the
convolutions by `scripts/convert_xfeat.py`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn
from torch.nn import functional

from vpr_ros.models.weights_file import load_published, load_weights

if TYPE_CHECKING:
    from torch import Tensor

CELL = 8
"""Pixels of a side of the square that one value of the feature map describes."""
STRIDE = 32
"""Sides of images are multiples of this."""
WEIGHTS = Path(__file__).parent / 'weights' / 'xfeat.safetensors'


class XFeatMaps(NamedTuple):
    """Dense results of a batch.

    Attributes:
        features: (B, 64, H / 8, W / 8) unit vectors.
        keypoints: (B, H, W) how probable it is that a pixel is a keypoint, among the pixels of
            its cell and none of them.
        reliability: (B, H / 8, W / 8) between 0 and 1.
    """

    features: Tensor
    keypoints: Tensor
    reliability: Tensor


class XFeatNetwork(nn.Module):
    """Maps grey images (B, 1, H, W), of mean 0 and deviation 1, to `XFeatMaps`.

    H and W are multiples of 32.
    """

    def __init__(self) -> None:
        super().__init__()
        self.block1 = _convolutions((1, 4), (4, 8, 2), (8, 8), (8, 24, 2))
        self.skip = nn.Sequential(nn.AvgPool2d(4), nn.Conv2d(1, 24, 1))
        self.block2 = _convolutions((24, 24), (24, 24))
        self.block3 = _convolutions((24, 64, 2), (64, 64), (64, 64, 1, 1))
        self.block4 = _convolutions((64, 64, 2), (64, 64), (64, 64))
        self.block5 = _convolutions((64, 128, 2), (128, 128), (128, 128), (128, 64, 1, 1))
        self.fusion = _convolutions((64, 64), (64, 64)).append(nn.Conv2d(64, 64, 1))
        self.reliability = _convolutions((64, 64, 1, 1), (64, 64, 1, 1)).append(
            nn.Conv2d(64, 1, 1)
        )
        # Keypoints are found on the pixels themselves, the 64 of a cell being its channels.
        self.keypoints = _convolutions(*[(CELL**2, 64, 1, 1)] * 3).append(
            nn.Conv2d(64, CELL**2 + 1, 1)
        )

    def forward(self, grey: Tensor) -> XFeatMaps:
        """Return features, keypoints and their reliability."""
        eighth = self.block3(self.block2(self.block1(grey) + self.skip(grey)))
        sixteenth = self.block4(eighth)
        levels = sixteenth, self.block5(sixteenth)
        size = eighth.shape[-2:]
        for level in levels:
            eighth = eighth + functional.interpolate(level, size, mode='bilinear')
        features = self.fusion(eighth)
        logits = self.keypoints(functional.pixel_unshuffle(grey, CELL))
        # Softmax in parts, which ONNX Runtime computes in a fifth of the time.
        shares = torch.exp(logits - logits.amax(1, keepdim=True))
        shares = shares / shares.sum(1, keepdim=True)
        return XFeatMaps(
            functional.normalize(features, dim=1),
            # The last channel stands for a cell without a keypoint.
            functional.pixel_shuffle(shares[:, :-1], CELL)[:, 0],
            torch.sigmoid(self.reliability(features))[:, 0],
        )


def load_xfeat() -> XFeatNetwork:
    """Return the network with its weights, for the CPU.

    Raises:
        ModelError: The file of weights is missing or damaged.
    """
    with torch.device('meta'):
        network = XFeatNetwork().eval()
    load_published(network, load_weights(WEIGHTS))
    return network.requires_grad_(requires_grad=False)


def _convolutions(*layers: tuple[int, ...]) -> nn.Sequential:
    """Return convolutions, each with a rectifier.

    Args:
        layers: Channels in and out, stride (1) and side of the kernel (3) of each.
    """
    modules: list[nn.Module] = []
    for inputs, outputs, *more in layers:
        stride, side = (*more, *(1, 3)[len(more) :])
        modules += [
            nn.Conv2d(inputs, outputs, side, stride, padding=side // 2),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*modules)
