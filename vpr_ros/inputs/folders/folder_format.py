# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The formats of folders of images with poses, and their registry.

A module of this package registers the formats that it lists in ``FORMATS``; another package
registers its own with an entry point of the group ``vpr_ros.folder_formats``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vpr_ros.inputs.folders.posed_image import FolderError
from vpr_ros.registries import Registry, entries_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vpr_ros.inputs.folders.posed_image import PosedImage


@dataclass(frozen=True)
class FolderFormat:
    """A format of folders of images with poses.

    Attributes:
        name: Value of options and of recipes.
        help: One line for people: where the poses come from.
        reader: Takes the folder, the file of poses where `needs_poses`, and the keywords `times`
            and `progress` where it has them.
        needs_poses: Whether there is a file of poses.
        takes_times: Whether there may be a file of times.
        reports: Whether the reader takes long and reports its progress.
    """

    name: str
    help: str
    reader: Callable[..., list[PosedImage]]
    needs_poses: bool = False
    takes_times: bool = False
    reports: bool = False

    def read(
        self,
        folder: Path,
        poses: Path | None = None,
        times: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[PosedImage]:
        """Return the images of a folder, each with its pose.

        Args:
            folder: Images.
            poses: File of poses, for formats that need one.
            times: File of times, for formats that take one.
            progress: Told how many images are read, of how many.

        Raises:
            FolderError: The folder or a file is not as the format has it, or a file is missing.
            TrajectoryError: A file of poses or times cannot be read.
        """
        self.require(poses)
        files = (folder, poses) if self.needs_poses else (folder,)
        optional: dict[str, Any] = {}
        if self.takes_times:
            optional['times'] = times
        if self.reports and progress:
            optional['progress'] = progress
        return self.reader(*files, **optional)

    def require(self, poses: object) -> None:
        """Check that the file of poses is given where the format needs one.

        Raises:
            FolderError: It is not.
        """
        if self.needs_poses and poses is None:
            msg = f'the format {self.name} needs a file of poses'
            raise FolderError(msg)


FOLDER_FORMATS: Registry[FolderFormat] = Registry(
    'vpr_ros.folder_formats', lambda: entries_of(__package__, 'FORMATS')
)
"""Formats of folders of images, by name."""


def folder_format(name: str) -> FolderFormat:
    """Return a format by its name.

    Raises:
        FolderError: There is none; the text lists those that there are.
    """
    if name not in FOLDER_FORMATS:
        msg = f'unknown format {name!r} of a folder of images; known: {", ".join(FOLDER_FORMATS)}'
        raise FolderError(msg)
    return FOLDER_FORMATS[name]
