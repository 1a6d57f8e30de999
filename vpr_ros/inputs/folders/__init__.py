# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of images with poses, in the formats in which data sets come."""

from vpr_ros.inputs.folders.csv_table import csv_folder
from vpr_ros.inputs.folders.exif_photos import photo_folder
from vpr_ros.inputs.folders.folder_format import (
    FOLDER_FORMATS,
    FolderError,
    FolderFormat,
    PosedImage,
    folder_format,
    images_in,
)
from vpr_ros.inputs.folders.kitti import kitti_folder
from vpr_ros.inputs.folders.tum import tum_folder
from vpr_ros.inputs.folders.utm_names import UtmName, utm_folder

__all__ = [
    'FOLDER_FORMATS',
    'FolderError',
    'FolderFormat',
    'PosedImage',
    'UtmName',
    'csv_folder',
    'folder_format',
    'images_in',
    'kitti_folder',
    'photo_folder',
    'tum_folder',
    'utm_folder',
]
