# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

if TYPE_CHECKING:
    from pathlib import Path


def write_image(path: Path, number: int = 0) -> Path:
    """Write a picture that is like no other of another number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(pixels, (32, 24)))
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of 30 photographs."""
    for i in range(30):
        write_image(tmp_path / 'photos' / f'{i % 3}' / f'{i}.jpg', i)
    return tmp_path / 'photos'
