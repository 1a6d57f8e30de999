# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Images with the poses of a COLMAP model."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.inputs.folders.colmap_model import read_images, read_rigs
from vpr_ros.inputs.folders.folder_format import FolderFormat, PosedImage
from vpr_ros.inputs.folders.image_files import FolderError, images_in
from vpr_ros.inputs.folders.stamped_names import named_stamps
from vpr_ros.stamps import SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from vpr_ros.inputs.folders.colmap_model import ModelImage

_log = logging.getLogger(__name__)


def colmap_folder(
    folder: Path, model: Path, left_out: Counter[str] | None = None
) -> list[PosedImage]:
    """Return the registered images of a model, in natural order of their names.

    COLMAP gives the world in the optical frame of each camera. The poses returned are those of a
    base at the camera, x forward and z up, or at the reference camera of its rig, in the frame of
    the model: neither its scale nor its orientation is known, unless the model was aligned.

    Args:
        folder: Images, as COLMAP had them.
        model: Folder with images.bin or images.txt, and of rigs where there are some.
        left_out: Takes the number of images that are left out, by the reason.

    Raises:
        FolderError: The model cannot be read, or none of its images is in the folder.
    """
    left_out = Counter() if left_out is None else left_out
    entries, rigs = read_images(model), read_rigs(model)
    registered = {image.name: image for image in reversed(entries)}
    files = {path.relative_to(folder).as_posix(): path for path in images_in(folder)}
    known = [name for name in files if name in registered]
    if not known:
        example = f', such as {next(iter(registered))}' if registered else ''
        msg = (
            f'none of the {len(registered)} images of {model} is in {folder}{example}: name the '
            'folder of images that COLMAP was given'
        )
        raise FolderError(msg)
    for count, why in (
        (len(registered) - len(known), 'the model has them, the folder has not'),
        (len(files) - len(known), 'COLMAP did not register them'),
        (len(entries) - len(registered), 'the model has their names before'),
    ):
        if count:
            left_out[why] += count
    _log.warning(
        '%s: nobody knows the scale of a COLMAP model and where it points, unless it was aligned '
        '(colmap model_aligner): metres of the map are its units',
        model,
    )
    images = []
    counted = range(0, len(known) * SECOND, SECOND)
    stamps = named_stamps(files[name] for name in known) or counted
    for name, stamp in zip(known, stamps, strict=True):
        image = registered[name]
        camera_from_rig = rigs.get(image.camera, Pose.identity())
        rig = image.world.inverse() @ camera_from_rig
        images.append(
            PosedImage(
                files[name],
                stamp,
                rig @ OPTICAL_ROTATION.inverse(),
                camera=_camera(image) if rigs else '',
                mount=OPTICAL_ROTATION @ camera_from_rig.inverse(),
                frame='colmap',
            )
        )
    return images


def _camera(image: ModelImage) -> str:
    """Return the name of a camera of a rig: that of its folder, as rigs are laid out."""
    folder = PurePosixPath(image.name).parent
    return f'camera{image.camera}' if folder == PurePosixPath() else str(folder)


FORMATS = (
    FolderFormat(
        'colmap',
        'the poses are a folder with a COLMAP model',
        colmap_folder,
        needs_poses=True,
        selects=True,
    ),
)
