# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Changes of the camera: blur, noise, compression, colours, and things that cover the view."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from vpr_ros.training.data.draws import uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor

_BLOCK = 8
_SPARE = 32
"""Pixels by which the sheet of noise is larger than the images."""
_GREY = (0.299, 0.587, 0.114)


def blur(images: Tensor, generator: Generator, *, size: float) -> Tensor:
    """See fewer pixels: each image is made smaller, by its own factor each way, and large again.

    Args:
        images: (B, 3, H, W).
        generator: Of the random numbers.
        size: Largest size of what is left of a pixel, share of the side of the image.
    """
    height, width = images.shape[2:]
    out = torch.empty_like(images)
    sizes = uniform(generator, 0, size, len(images), 2).clamp_min(1 / min(height, width))
    for i, (high, wide) in enumerate(sizes.tolist()):
        fewer = max(1, round(min(1 / high, height))), max(1, round(min(1 / wide, width)))
        small = functional.interpolate(images[i, None], fewer, mode='bilinear', antialias=True)
        out[i] = functional.interpolate(small, (height, width), mode='bilinear')[0]
    return out


def grain(images: Tensor, generator: Generator, *, sigma: float) -> Tensor:
    """Add sensor noise, of a standard deviation up to sigma.

    Normal numbers cost more than all else here: one sheet of them is made, and every image gets
    another cut of it.
    """
    height, width = images.shape[2:]
    sheet = torch.randn((3, height + _SPARE, width + _SPARE), generator=generator).to(images)
    out = images.clone()
    cuts = uniform(generator, 0, _SPARE + 1, len(images), 2).long().tolist()
    strengths = uniform(generator, 0, sigma, len(images)).tolist()
    for image, (y, x), strength in zip(out, cuts, strengths, strict=True):
        image.add_(sheet[:, y : y + height, x : x + width], alpha=strength)
    return out.clamp_(0, 1)


def compress(images: Tensor, generator: Generator, *, loss: float) -> Tensor:
    """Leave out what JPEG leaves out: cosines of 8x8 blocks, rounded the more the finer they are.

    Colours are rounded like brightness. Sides that 8 does not divide keep their last rows as they
    are.

    Args:
        images: (B, 3, H, W) in [0, 1].
        generator: Of the random numbers.
        loss: Largest step of the coarsest cosine, share of the range.
    """
    count, channels, height, width = images.shape
    rows, columns = height // _BLOCK, width // _BLOCK
    if not (rows and columns):
        return images
    basis = _cosines().to(images)
    finer = 1 + torch.arange(_BLOCK) / 2
    finer = (finer[:, None] + finer - 1).reshape(-1).to(images)
    coarsest = (uniform(generator, 0.2, 1, count, 1, 1) * loss).clamp_min(1e-6)
    steps = coarsest.to(images) * finer
    inner = images[..., : rows * _BLOCK, : columns * _BLOCK]
    split = inner.reshape(count, channels, rows, _BLOCK, columns, _BLOCK).transpose(3, 4)
    blocks = split.reshape(count, -1, _BLOCK * _BLOCK)
    cosines = (blocks @ basis.T).div_(steps).round_().mul_(steps)
    rounded = (cosines @ basis).reshape(split.shape).transpose(3, 4)
    out = images.clone()
    out[..., : rows * _BLOCK, : columns * _BLOCK] = rounded.reshape(inner.shape)
    return out.clamp_(0, 1)


@lru_cache(maxsize=1)
def _cosines() -> Tensor:
    """Return the (64, 64) orthonormal DCT-II of flattened blocks."""
    n = torch.arange(_BLOCK, dtype=torch.float64)
    basis = torch.cos(math.pi / _BLOCK * (n + 0.5) * n[:, None]) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    return torch.kron(basis, basis).float()


def fade(images: Tensor) -> Tensor:
    """Return the images without their colours."""
    grey = (images * images.new_tensor(_GREY)[:, None, None]).sum(1, keepdim=True)
    return grey.expand_as(images)


def cover(images: Tensor, generator: Generator, *, area: float) -> Tensor:
    """Put a block of one colour or of noise into each image, as a passer-by might stand there.

    Args:
        images: (B, 3, H, W).
        generator: Of the random numbers.
        area: Largest share of the image that is covered.
    """
    count, _, height, width = images.shape
    out = images.clone()
    share = uniform(generator, 0.1, 1, count) * area
    ratio = torch.exp(uniform(generator, -1, 1, count))
    wide = (torch.sqrt(share / ratio) * width).clamp(1, width).long().tolist()
    high = (torch.sqrt(share * ratio) * height).clamp(1, height).long().tolist()
    places = uniform(generator, 0, 1, count, 2).tolist()
    colours = uniform(generator, 0, 1, count, 3, 1, 1).to(images)
    rough = (uniform(generator, 0, 0.3, count) - 0.1).clamp_min(0).tolist()
    for i in range(count):
        w, h = wide[i], high[i]
        left, top = int(places[i][0] * (width - w + 1)), int(places[i][1] * (height - h + 1))
        texture = torch.randn(3, h, w, generator=generator)
        block = colours[i] + rough[i] * texture.to(images)
        out[i, :, top : top + h, left : left + w] = block.clamp_(0, 1)
    return out
