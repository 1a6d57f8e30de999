# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages to pixels and stamps, without ROS."""

from vpr_ros.frames.bridge import Decoder, image_decoder
from vpr_ros.frames.cdr import deserialize, stamp_of
from vpr_ros.frames.decode import decode
from vpr_ros.frames.file import SUFFIXES, ImageFile
from vpr_ros.frames.frame import Frame, Picture

__all__ = [
    'SUFFIXES',
    'Decoder',
    'Frame',
    'ImageFile',
    'Picture',
    'decode',
    'deserialize',
    'image_decoder',
    'stamp_of',
]
