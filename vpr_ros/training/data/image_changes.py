# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Random changes of images: another viewpoint, other light, weather and night, another camera.

Light is added and multiplied in a linear space, which the square of the pixel values
approximates: close enough to the sRGB curve, and many times faster than a power.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Generator, Tensor


def uniform(generator: Generator, low: float, high: float, *shape: int) -> Tensor:
    """Return numbers between low and high."""
    return torch.rand(shape, generator=generator) * (high - low) + low


def some(generator: Generator, count: int, share: float) -> Tensor:
    """Return the indices of the chosen of `count` images, each with this probability."""
    chances = torch.rand(count, generator=generator)
    return (chances < share).nonzero()[:, 0]


def per_image(values: Tensor) -> Tensor:
    """Shape (B,) values to go with (B, C, H, W) images."""
    return values[:, None, None, None]


def look_from_elsewhere(
    images: Tensor,
    generator: Generator,
    *,
    shift: float,
    zoom: float,
    turn: float,
    tilt: float,
) -> Tensor:
    """Warp every image by a random homography; the uncovered border is filled by mirroring.

    Args:
        images: (B, 3, H, W).
        generator: Of the random numbers.
        shift: Largest shift in each direction, share of the side.
        zoom: Largest change of size, e.g. 0.2 for 1/1.2 to 1.2; and half as much of the aspect.
        turn: Largest rotation, radians.
        tilt: Largest change of size from the centre to an edge, share.
    """
    count = len(images)

    def symmetric(largest: float) -> Tensor:
        return uniform(generator, -largest, largest, count)

    angle = symmetric(turn)
    size = torch.log1p(torch.tensor(zoom)).item()
    scale, aspect = torch.exp(symmetric(size)), torch.exp(symmetric(size / 2) / 2)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    # From output to input coordinates, of which [-1, 1] is the image.
    homography = torch.stack(
        [
            torch.stack([cos * aspect, -sin * aspect, 2 * symmetric(shift)], 1),
            torch.stack([sin / aspect, cos / aspect, 2 * symmetric(shift)], 1),
            torch.stack([symmetric(tilt), symmetric(tilt), torch.ones_like(angle)], 1),
        ],
        1,
    ).to(images)
    height, width = images.shape[2:]
    ys = ((torch.arange(height).to(images) + 0.5) / height * 2 - 1)[:, None].expand(height, width)
    xs = ((torch.arange(width).to(images) + 0.5) / width * 2 - 1).expand(height, width)
    points = torch.stack([xs, ys, torch.ones_like(xs)]).reshape(3, -1)
    mapped = homography @ points
    grid = (mapped[:, :2] / mapped[:, 2:]).transpose(1, 2).reshape(count, height, width, 2)
    return functional.grid_sample(
        images, grid, mode='bilinear', padding_mode='reflection', align_corners=False
    )


_BLOCK = 8
_SPARE = 32
"""Pixels by which the sheet of noise is larger than the images."""


def blur(images: Tensor, generator: Generator, *, size: float) -> Tensor:
    """See fewer pixels: each image is made smaller, by its own factor each way, and large again.

    Args:
        images: (B, 3, H, W).
        generator: Of the random numbers.
        size: Largest size of a pixel, share of the side of the image.
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
    """Lose the same details as JPEG: cosines of 8x8 blocks, rounded the more the finer they are.

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
    grey = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
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


_LUMA = (0.299, 0.587, 0.114)
_SODIUM, _LED = (1.0, 0.72, 0.38), (0.88, 0.95, 1.0)
_MOON = (0.65, 0.8, 1.0)
_COARSE = 4
"""Cells to the side of a field of shade."""
_LAMPS, _LIT = 4, 0.7
"""Lamps in a picture at most, and the share of them that is lit."""
_HIGHEST_GAIN = 8.0
_DARKEST = 1e-3
"""Below this nothing is told apart, and logarithms get long."""


def expose(
    images: Tensor,
    generator: Generator,
    *,
    gamma: float,
    gain: float,
    balance: float,
    shade: float,
) -> Tensor:
    """Change contrast, brightness, colour of the light and where it falls.

    Args:
        images: (B, 3, H, W) in [0, 1].
        generator: Of the random numbers.
        gamma: Largest logarithm of the exponent.
        gain: Largest logarithm of the brightness.
        balance: Largest logarithm of the gain of a colour.
        shade: Largest logarithm of the gain of a part of the image, over a smooth field.
    """
    count, _, height, width = images.shape
    exponent = torch.exp(uniform(generator, -gamma, gamma, count)).to(images)
    whole = uniform(generator, -gain, gain, count, 1, 1, 1)
    colour = uniform(generator, -balance, balance, count, 3, 1, 1)
    depth = shade * uniform(generator, 0, 1, count, 1, 1, 1)
    coarse = depth * uniform(generator, -1, 1, count, 1, _COARSE, _COARSE)
    field = _bumps(height).to(images) @ coarse.to(images) @ _bumps(width).T.to(images)
    # In the logarithm all of it is sums, and only one exponential is left.
    logarithm = images.clamp_min(_DARKEST).log_().mul_(per_image(exponent))
    return logarithm.add_(field).add_((whole + colour).to(images)).exp_().clamp_(0, 1)


@lru_cache(maxsize=4)
def _bumps(size: int) -> Tensor:
    """Return (size, cells) smooth weights of the cells of a field, which add up to one."""
    at = torch.linspace(0, 1, size)[:, None] - torch.linspace(0, 1, _COARSE)
    weights = torch.exp(-((at * _COARSE / 0.8) ** 2) / 2)
    return weights / weights.sum(1, keepdim=True)


def haze(images: Tensor, generator: Generator, *, density: float) -> Tensor:
    """Take contrast away, most at the top, where things are far.

    Args:
        images: (B, 3, H, W) in [0, 1].
        generator: Of the random numbers.
        density: Largest share of airlight.
    """
    count, _, height, _ = images.shape
    airlight = uniform(generator, 0.35, 0.85, count, 1, 1, 1)
    airlight = (airlight + uniform(generator, -0.05, 0.05, count, 3, 1, 1)).to(images)
    near = uniform(generator, 0.2, 0.8, count, 1, 1, 1)
    down = torch.linspace(0, 1, height)[:, None].to(near.device)
    share = uniform(generator, 0.2, 1, count, 1, 1, 1) * density * (1 - down * (1 - near))
    return torch.lerp(images, airlight, share.to(images)).clamp_(0, 1)


def fall_night(images: Tensor, generator: Generator, *, depth: float) -> Tensor:
    """Turn day into night: a black sky, pools of lamplight, lamps with halos, a grainy sensor.

    Args:
        images: (B, 3, H, W) in [0, 1].
        generator: Of the random numbers.
        depth: 0 leaves the day, 1 leaves only the light of the lamps.
    """
    count, _, height, _ = images.shape
    y = torch.linspace(0, 1, height)[:, None].to(images)
    # Bright areas high up are sky, and give no light by night.
    luma = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
    ground = 1 - (luma - 0.35).mul_(4).clamp_(0, 1) * (1.3 - 1.6 * y).clamp_(0, 1)
    light, glow = _lamps(generator, images)
    night = light.mul_(images).mul_(images).mul_(ground)
    # The camera answers the dark with gain.
    brightness = uniform(generator, 0.02, 0.1, count).to(images)
    gain = (brightness / night.mean((1, 2, 3)).clamp_min(1e-4)).clamp_max(_HIGHEST_GAIN)
    night = night.mul_(per_image(gain)).add_(glow).clamp_(0, 1).sqrt_()
    # With gain comes the noise of few photons.
    night = grain(night, generator, sigma=0.08)
    return torch.lerp(images, night, depth)


def _lamps(generator: Generator, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the light of moon and lamps on things, and lamps with halos; each (B, 3, H, W)."""
    count, _, height, width = images.shape

    def draw(low: float, high: float) -> Tensor:
        return uniform(generator, low, high, count, _LAMPS)

    colour = torch.lerp(
        torch.tensor(_SODIUM), torch.tensor(_LED), uniform(generator, 0, 1, count, _LAMPS, 1)
    )
    lit = (draw(0, 1) < _LIT) * draw(0.15, 1.0)
    colour = (colour * lit[..., None]).transpose(1, 2)
    x, y, reach, size = draw(-1, 1), draw(-0.9, 0.1), draw(0.25, 0.8), draw(0.008, 0.03)

    def shine(x: Tensor, y: Tensor, wide: Tensor, high: Tensor) -> Tensor:
        """Return (B, 3, H, W) the sum of Gaussians in an image that spans [-1, 1]."""
        across = _gaussian(x, wide, width).to(images)
        down = _gaussian(y, high, height).to(images)
        # As one product of matrices: the sum over the lamps.
        return (colour.to(images)[:, :, None] * down.transpose(1, 2)[:, None]) @ across[:, None]

    moon = uniform(generator, 0.01, 0.06, count, 1, 1, 1) * torch.tensor(_MOON)[:, None, None]
    # The light falls around the point below the lamp.
    light = shine(x, y + reach, reach * 1.3, reach).add_(moon.to(images))
    glow = shine(x, y, size, size).mul_(1.5).add_(shine(x, y, size * 5, size * 5), alpha=0.12)
    return light, glow


def _gaussian(centre: Tensor, sigma: Tensor, size: int) -> Tensor:
    """Return (B, L, size) bells over [-1, 1]."""
    at = torch.linspace(-1, 1, size)
    return torch.exp(-(((at - centre[..., None]) / sigma[..., None]) ** 2) / 2)
