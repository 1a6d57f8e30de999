# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of images with poses, in the formats in which data sets come."""

from vpr_ros.inputs.folders.csv_table import csv_folder
from vpr_ros.inputs.folders.folder_format import (
    FOLDER_FORMATS,
    FolderFormat,
    PosedImage,
    dataset_formats,
    folder_format,
)
from vpr_ros.inputs.folders.image_files import (
    FolderError,
    images_in,
    listing,
    unread_in,
    walk_files,
)
from vpr_ros.inputs.folders.unposed_images import images_in_order
from vpr_ros.inputs.folders.utm_names import UtmName
from vpr_ros.inputs.folders.video_frames import video_images

__all__ = [
    'FOLDER_FORMATS',
    'FolderError',
    'FolderFormat',
    'PosedImage',
    'UtmName',
    'csv_folder',
    'dataset_formats',
    'folder_format',
    'images_in',
    'images_in_order',
    'listing',
    'unread_in',
    'video_images',
    'walk_files',
]
