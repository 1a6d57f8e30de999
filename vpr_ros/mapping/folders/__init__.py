# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of images as they are found in the world, and where each image was taken."""

from vpr_ros.mapping.folders.csv_table import csv_folder
from vpr_ros.mapping.folders.importing import import_images
from vpr_ros.mapping.folders.kitti import kitti_folder
from vpr_ros.mapping.folders.photos import photo_folder
from vpr_ros.mapping.folders.sighting import FolderError, Sighting, images_in
from vpr_ros.mapping.folders.tum import tum_folder
from vpr_ros.mapping.folders.utm_names import UtmName, utm_folder

__all__ = [
    'FolderError',
    'Sighting',
    'UtmName',
    'csv_folder',
    'images_in',
    'import_images',
    'kitti_folder',
    'photo_folder',
    'tum_folder',
    'utm_folder',
]
