# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Describers from before the networks: formulas without weights, at a millisecond an image.

They look at where things are in the picture, so they want a map made from nearly the same
viewpoint; a network has to be better than these.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.errors import ModelError
from vpr_ros.models.model_spec import ModelOutput, ModelSpec, Preprocessing

# ITU-R BT.601 luma, and the ImageNet normalisation that it undoes.
_GAIN = (0.299 * 0.229, 0.587 * 0.224, 0.114 * 0.225)
_OFFSET = 0.299 * 0.485 + 0.587 * 0.456 + 0.114 * 0.406

_GREY_LEVEL = 1 / 255
_BLANK = 1e-3
"""Added to every feature: far below those of a picture, far above the rounding of a blank one."""


class PatchNorm(nn.Module):
    """Small grey picture in units of its local contrast (Milford & Wyeth, ICRA 2012, SeqSLAM).

    Every pixel loses the mean of the square window around it and is divided by the standard
    deviation there, so that gain and offset of the light cancel wherever they vary slowly.

    Args:
        width: Width of the small picture, pixels.
        height: Height of the small picture, pixels.
        window: Side of the square window in pixels of the small picture, odd.
    """

    def __init__(self, width: int = 64, height: int = 32, window: int = 11) -> None:
        super().__init__()
        if min(width, height) < 1 or window < 3 or window % 2 == 0:
            msg = f'a picture of {width}x{height} has no windows of {window} (odd, at least 3)'
            raise ValueError(msg)
        self.size = (height, width)
        self.window = window

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB."""
        grey = _resized(_grey(images), self.size)
        grey = grey - grey.mean((2, 3), keepdim=True)  # keeps rounding out of the variance
        mean = self._local_mean(grey)
        centred = grey - mean
        # Not of the centred pixels: that would be the spread about many means.
        variance = self._local_mean(grey.square()) - mean.square()
        return _described(centred / (variance.clamp(min=0).sqrt() + _GREY_LEVEL))

    def _local_mean(self, values: Tensor) -> Tensor:
        reach = self.window // 2
        return functional.avg_pool2d(values, self.window, 1, reach, count_include_pad=False)


class Hog(nn.Module):
    """Histograms of oriented gradients (Dalal & Triggs, CVPR 2005, section 6).

    Square-root gamma, centred differences, unsigned orientations shared between the two nearest
    bins and the nearest cells, and blocks of 2x2 cells normalised by L2-Hys. Ours is the last
    step: each entry of a block loses its mean over the blocks of the same picture. Sky above and
    street below give all pictures much the same histogram; the rest distinguishes them.

    Args:
        cells: Cells along either side of the picture.
        cell: Side of a cell in pixels.
        bins: Orientations over half a turn.
    """

    def __init__(self, cells: int = 8, cell: int = 16, bins: int = 9) -> None:
        super().__init__()
        if cells < 3 or cell < 2 or bins < 2:
            msg = f'{cells} cells a side (3) of {cell} pixels (2) and {bins} bins (2) are too few'
            raise ValueError(msg)
        self.cells = cells
        self.side = cells * cell
        self.bins = bins

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), float32, ImageNet-normalised RGB."""
        grey = _resized(_grey(images), (self.side, self.side))
        # One grey level more, or the root would make much of the noise of black.
        blocks = _blocks(self.histograms((grey + _GREY_LEVEL).sqrt()))
        return _described(blocks - blocks.mean((2, 3), keepdim=True))

    def histograms(self, grey: Tensor) -> Tensor:
        """Return the mean gradient by orientation, (B, bins, cells, cells), of (B, 1, S, S).

        Bin k is centred on (k + 1/2) / bins of half a turn: the direction of the gradient, from
        x towards y.
        """
        padded = functional.pad(grey, (1, 1, 1, 1), mode='replicate')
        dx = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
        dy = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
        position = torch.atan2(dy, dx) * (self.bins / math.pi) - 0.5
        centres = torch.arange(self.bins, device=grey.device)[:, None, None]
        away = (position - centres) % self.bins
        share = (1 - torch.minimum(away, self.bins - away)).clamp(min=0)
        # Bilinear with antialiasing weighs pixels by a triangle two cells wide.
        return _resized(share * torch.hypot(dx, dy), (self.cells, self.cells))


def _blocks(cells: Tensor) -> Tensor:
    """Return every block of 2x2 cells, normalised by L2-Hys: (B, 4 C, H - 1, W - 1)."""
    above, below = cells[..., :-1, :], cells[..., 1:, :]
    corners = [row[..., part] for row in (above, below) for part in (slice(-1), slice(1, None))]
    blocks = torch.cat(corners, dim=1)
    blocks = blocks / (blocks.square().sum(1, keepdim=True) + _GREY_LEVEL**2).sqrt()
    return functional.normalize(blocks.clamp(max=0.2), eps=_BLANK)


def _grey(images: Tensor) -> Tensor:
    """Return the brightness, 0 to 1, of ImageNet-normalised images."""
    if images.ndim != 4 or images.shape[1] != 3 or not images.numel():
        msg = f'images have the shape (B, 3, H, W), not {tuple(images.shape)}'
        raise ModelError(msg)
    red, green, blue = images.float().unbind(1)
    grey: Tensor = red * _GAIN[0] + green * _GAIN[1] + blue * _GAIN[2] + _OFFSET
    return grey[:, None].clamp(min=0)


def _resized(values: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(values, size=size, mode='bilinear', antialias=True)


def _described(features: Tensor) -> ModelOutput:
    """Return the features as descriptors; a blank picture, without any, has equal entries."""
    return ModelOutput(functional.normalize(features.flatten(1) + _BLANK, dim=1))


MODELS = (
    ModelSpec('hog', Hog, Preprocessing(128), weightless=True),
    ModelSpec('patchnorm', PatchNorm, Preprocessing(128), weightless=True),
)
