# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Another light: exposure, colour, shade, haze, and night.

Light is added and multiplied in a linear space, for which the square of the pixel values stands:
near enough to the sRGB curve, and many times faster than a power.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import torch

from vpr_ros.training.data.draws import per_image, uniform
from vpr_ros.training.data.sensor import grain

if TYPE_CHECKING:
    from torch import Generator, Tensor

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
        depth: 0 leaves the day, 1 leaves what the lamps show.
    """
    count, _, height, _ = images.shape
    y = torch.linspace(0, 1, height)[:, None].to(images)
    # What is bright and high up is sky, and gives no light by night.
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
