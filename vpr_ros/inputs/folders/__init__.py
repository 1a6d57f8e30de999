# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of images as they are found in the world, and where each image was taken."""

from vpr_ros.inputs.folders.csv_table import csv_folder
from vpr_ros.inputs.folders.exif_photos import photo_folder
from vpr_ros.inputs.folders.kitti import kitti_folder
from vpr_ros.inputs.folders.posed_image import FolderError, PosedImage, images_in
from vpr_ros.inputs.folders.tum import tum_folder
from vpr_ros.inputs.folders.utm_names import UtmName, utm_folder

__all__ = [
    'FolderError',
    'PosedImage',
    'UtmName',
    'csv_folder',
    'images_in',
    'kitti_folder',
    'photo_folder',
    'tum_folder',
    'utm_folder',
]
