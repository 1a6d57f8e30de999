# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of a training batch, to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

_GAP = 4


def write_grid(path: Path, rows: Sequence[Tensor]) -> None:
    """Write rows of images (N, 3, S, S), RGB, 0 to 1, below each other as a PNG file."""
    padded = [
        torch.nn.functional.pad(row.float().cpu(), (0, _GAP, 0, _GAP), value=1.0) for row in rows
    ]
    lines = [torch.cat(list(row), dim=2) for row in padded]
    pixels = torch.cat(lines, dim=1).clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
    _, encoded = cv2.imencode('.png', np.ascontiguousarray(pixels[..., ::-1]))
    path.write_bytes(encoded.tobytes())
