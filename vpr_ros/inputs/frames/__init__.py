# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads pixels and stamps of image messages and files, without ROS."""

from vpr_ros.inputs.frames.cdr import deserialize, stamp_of
from vpr_ros.inputs.frames.decoder_choice import Decoder, decode, image_decoder
from vpr_ros.inputs.frames.dynamic_range import DynamicRange
from vpr_ros.inputs.frames.frame import Frame, Picture
from vpr_ros.inputs.frames.image_file import SUFFIXES, ImageFile
from vpr_ros.inputs.frames.stored_picture import StoredPicture
from vpr_ros.inputs.frames.unset_stamps import UnsetStamps
from vpr_ros.inputs.frames.video import (
    VIDEO_SUFFIXES,
    Video,
    VideoError,
    VideoFrame,
    is_video,
)

__all__ = [
    'SUFFIXES',
    'VIDEO_SUFFIXES',
    'Decoder',
    'DynamicRange',
    'Frame',
    'ImageFile',
    'Picture',
    'StoredPicture',
    'UnsetStamps',
    'Video',
    'VideoError',
    'VideoFrame',
    'decode',
    'deserialize',
    'image_decoder',
    'is_video',
    'stamp_of',
]
