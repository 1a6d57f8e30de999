# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads pixels and stamps of image messages and files, without ROS."""

from vpr_ros.inputs.frames.cdr import deserialize, stamp_of
from vpr_ros.inputs.frames.decoder_choice import Decoder, decode, image_decoder
from vpr_ros.inputs.frames.dynamic_range import DynamicRange
from vpr_ros.inputs.frames.frame import Frame, Picture
from vpr_ros.inputs.frames.image_file import SUFFIXES, ImageFile
from vpr_ros.inputs.frames.stored_picture import StoredPicture

__all__ = [
    'SUFFIXES',
    'Decoder',
    'DynamicRange',
    'Frame',
    'ImageFile',
    'Picture',
    'StoredPicture',
    'decode',
    'deserialize',
    'image_decoder',
    'stamp_of',
]
