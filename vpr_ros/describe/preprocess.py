# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prepares pixels for the networks: a square resize and ImageNet normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from vpr_ros.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


def preprocessing_id(size: int) -> str:
    """Return the canonical description of `preprocess`; stored with every map."""
    return (
        f'rgb8 resize={size}x{size} bilinear antialias=yes rounding=uint8 keep_aspect=no '
        f'mean={",".join(map(str, MEAN))} std={",".join(map(str, STD))}'
    )


def preprocess(
    images: Sequence[NDArray[np.uint8]], size: int, device: torch.device | str = 'cpu'
) -> Tensor:
    """Resize images to a square, without keeping their aspect, and normalise them.

    The resize is bilinear with antialiasing, as in the published evaluations. On the CPU it works
    on whole numbers and rounds to uint8, as Pillow does: the result is the same on every
    processor, within one grey level of the resize in floating point, and many times faster.
    Elsewhere it works in floating point and rounds, so devices agree within one grey level.

    Args:
        images: RGB, (H, W, 3) uint8, each of any size.
        size: Side of the square in pixels.
        device: Where to compute.

    Returns:
        (B, 3, size, size) float32 in channels-last layout, on the device.

    Raises:
        ImageError: An image is empty, not uint8 or not (H, W, 3).
    """
    device = torch.device(device)
    resized = resize(images, size, device)
    mean = torch.tensor(MEAN, device=device).mul_(255)[:, None, None]
    std = torch.tensor(STD, device=device).mul_(255)[:, None, None]
    return resized.float().sub_(mean).div_(std)


def resize(
    images: Sequence[NDArray[np.uint8]], size: int, device: torch.device | str = 'cpu'
) -> Tensor:
    """Do the first half of `preprocess`: (B, 3, size, size) uint8, and the same errors."""
    device = torch.device(device)
    return torch.cat([_resize(_pixels(image), size, device) for image in images])


def normalised(images: Tensor) -> Tensor:
    """Do the second half of `preprocess` for images (B, 3, S, S) between 0 and 1."""
    mean = torch.tensor(MEAN, device=images.device)[:, None, None]
    std = torch.tensor(STD, device=images.device)[:, None, None]
    return (images - mean) / std


def _pixels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = image.dtype if isinstance(image, np.ndarray) else type(image).__name__
        msg = f'an image to describe must be a uint8 array, not {kind}'
        raise ImageError(msg)
    if image.ndim != 3 or image.shape[2] != 3 or not image.size:
        msg = f'an image to describe must have the shape (H, W, 3), not {image.shape}'
        raise ImageError(msg)
    # torch takes neither negative strides nor read-only memory.
    return np.require(image, requirements=('C', 'W'))


def _resize(image: NDArray[np.uint8], size: int, device: torch.device) -> Tensor:
    planes = torch.from_numpy(image).to(device).permute(2, 0, 1)[None]
    if device.type == 'cpu':
        return functional.interpolate(planes, size=(size, size), mode='bilinear', antialias=True)
    return _resize_in_floating_point(planes, size)


def _resize_in_floating_point(planes: Tensor, size: int) -> Tensor:
    """Resize (1, 3, H, W) uint8 where torch has no kernel for whole numbers."""
    exact = functional.interpolate(
        planes.float(), size=(size, size), mode='bilinear', antialias=True
    )
    return exact.round_().clamp_(0, 255)
