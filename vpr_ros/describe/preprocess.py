# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Prepares pixels for the networks: resize and normalisation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from vpr_ros.errors import ImageError
from vpr_ros.models.model_spec import MEAN, STD, Preprocessing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor


def preprocess(
    images: Sequence[NDArray[np.uint8]],
    rule: Preprocessing | int,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """Resize images to the input of a network and normalise them.

    The resize is antialiased, as in the published evaluations. On the CPU it works
    on whole numbers and rounds to uint8, as Pillow does: the result is the same on every
    processor, within one grey level of the resize in floating point, and many times faster.
    Elsewhere it works in floating point and rounds, so devices agree within one grey level.

    Args:
        images: RGB, (H, W, 3) uint8, each of any size.
        rule: How; a number for a square of that side, which does not keep the aspect.
        device: Where to compute.

    Returns:
        (B, 3, height, width) float32 in channels-last layout, on the device.

    Raises:
        ImageError: An image is empty, not uint8 or not (H, W, 3).
    """
    device, rule = torch.device(device), Preprocessing.of(rule)
    resized = resize(images, rule, device)
    mean = torch.tensor(rule.mean, device=device).mul_(255)[:, None, None]
    std = torch.tensor(rule.std, device=device).mul_(255)[:, None, None]
    return resized.float().sub_(mean).div_(std)


def resize(
    images: Sequence[NDArray[np.uint8]],
    rule: Preprocessing | int,
    device: torch.device | str = 'cpu',
) -> Tensor:
    """Do the first half of `preprocess`: (B, 3, height, width) uint8, and the same errors."""
    device, rule = torch.device(device), Preprocessing.of(rule)
    return torch.cat([_resize(_pixels(image), rule, device) for image in images])


def normalised(
    images: Tensor,
    mean: tuple[float, float, float] = MEAN,
    std: tuple[float, float, float] = STD,
) -> Tensor:
    """Do the second half of `preprocess` for images (B, 3, H, W) between 0 and 1."""
    return (images - images.new_tensor(mean)[:, None, None]) / images.new_tensor(std)[
        :, None, None
    ]


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


def _resize(image: NDArray[np.uint8], rule: Preprocessing, device: torch.device) -> Tensor:
    if rule.fit == 'crop':
        image = _cut(image, rule.shape)
    planes = torch.from_numpy(image).to(device).permute(2, 0, 1)[None]
    if device.type == 'cpu':
        return _interpolated(planes, rule)
    return _resize_in_floating_point(planes, rule)


def _resize_in_floating_point(planes: Tensor, rule: Preprocessing) -> Tensor:
    """Resize (1, 3, H, W) uint8 where torch has no kernel for whole numbers."""
    return _interpolated(planes.float(), rule).round_().clamp_(0, 255)


def _interpolated(planes: Tensor, rule: Preprocessing) -> Tensor:
    """Resize (1, 3, H, W)."""
    return functional.interpolate(planes, size=rule.shape, mode=rule.interpolation, antialias=True)


def _cut(image: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the middle of an image (H, W, 3) that has the aspect of the input, nearly."""
    height, width = image.shape[:2]
    rows = min(height, max(1, round(width * shape[0] / shape[1])))
    columns = min(width, max(1, round(height * shape[1] / shape[0])))
    top, left = (height - rows) // 2, (width - columns) // 2
    return np.ascontiguousarray(image[top : top + rows, left : left + columns])
