# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images of which nobody knows where they were taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.inputs.folders.exif_photos import photo_stamps
from vpr_ros.inputs.folders.folder_format import PosedImage
from vpr_ros.inputs.folders.image_files import images_in
from vpr_ros.inputs.folders.stamped_names import named_stamps
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from pathlib import Path


def images_in_order(folder: Path) -> list[PosedImage]:
    """Return the images of a folder as places without poses, in natural order.

    Their stamps are those that they are named by, else the times in the photographs; where some
    have none, all count as one a second.

    Raises:
        FolderError: There is none, or a folder cannot be read.
    """
    paths = images_in(folder)
    counted = range(0, len(paths) * SECOND, SECOND)
    stamps = named_stamps(paths) or photo_stamps(paths) or counted
    return [
        PosedImage(path, stamp).without_pose() for path, stamp in zip(paths, stamps, strict=True)
    ]
