# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Photographs from a folder, to measure on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import SUFFIXES, ImageFile

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


def photographs(folder: Path, most: int) -> list[NDArray[np.uint8]]:
    """Return at most so many pictures of a folder and those within, evenly spaced by name.

    Raises:
        ImageError: There are none, or one cannot be read.
    """
    paths = sorted(path for path in folder.rglob('*') if path.suffix.lower() in SUFFIXES)
    if not paths:
        msg = f'there are no images in {folder}'
        raise ImageError(msg)
    return [ImageFile(path).rgb for path in paths[:: -(-len(paths) // most)]]
