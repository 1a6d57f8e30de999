# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Changes the viewpoint of images by random homographies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from vpr_ros.training.data.draws import uniform

if TYPE_CHECKING:
    from torch import Generator, Tensor


def look_from_elsewhere(
    images: Tensor,
    generator: Generator,
    *,
    shift: float,
    zoom: float,
    turn: float,
    tilt: float,
) -> Tensor:
    """Warp every image by a random homography; what comes into view is mirrored at the edge.

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
