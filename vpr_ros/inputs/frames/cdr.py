# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads serialised messages (CDR) without ROS: the stamp alone, or the whole message."""

from __future__ import annotations

import functools
import struct
from typing import Any

from rosbags.typesys import Stores, get_typestore

from vpr_ros.errors import MessageError
from vpr_ros.stamps import SECOND

_ENDIAN = {b'\0\0': '>', b'\0\1': '<'}
_STAMP_END = 12
"""Four bytes of encapsulation, then seconds (int32) and nanoseconds (uint32)."""


def stamp_of(raw: bytes | memoryview) -> int:
    """Return the stamp in ns of a message that begins with a std_msgs/Header.

    Nothing else is decoded: it costs the same for a large image.

    Raises:
        MessageError: The bytes do not begin with a stamp.
    """
    order = _ENDIAN.get(bytes(raw[:2]))
    if order is None or len(raw) < _STAMP_END:
        msg = 'the message is damaged: it does not begin with a CDR header and a stamp'
        raise MessageError(msg)
    seconds, nanoseconds = struct.unpack_from(f'{order}iI', raw, 4)
    if nanoseconds >= SECOND:
        msg = f'the stamp is damaged: {nanoseconds} ns is more than a second'
        raise MessageError(msg)
    return int(seconds) * SECOND + int(nanoseconds)


def frame_id_of(raw: bytes | memoryview) -> str:
    """Return the frame of a message that begins with a std_msgs/Header.

    Raises:
        MessageError: The bytes do not begin with such a header.
    """
    order = _ENDIAN.get(bytes(raw[:2]))
    begin = _STAMP_END + 4
    if order is not None and len(raw) >= begin:
        (length,) = struct.unpack_from(f'{order}I', raw, _STAMP_END)
        text = bytes(raw[begin : begin + length])
        if len(text) == length:
            return text.rstrip(b'\0').decode(errors='replace')
    msg = 'the message is damaged: its header does not name a frame'
    raise MessageError(msg)


def deserialize(raw: bytes | memoryview, typename: str) -> Any:
    """Decode a serialised message of the standard ROS 2 packages.

    Byte arrays of the result are views into ``raw``. Definitions stored in bags are not used:
    types are built in, so that no file can bring code with it.

    Args:
        raw: The message as on the wire or in a bag.
        typename: For example ``sensor_msgs/msg/Image``.

    Raises:
        MessageError: The bytes are no such message, or the type is unknown.
    """
    store = types()
    if typename not in store.types:
        msg = f'the message type {typename} is not one of the standard ROS 2 packages'
        raise MessageError(msg)
    try:
        return store.deserialize_cdr(raw, typename)
    except Exception as error:
        msg = f'the {typename} message is damaged: {type(error).__name__}: {error}'
        raise MessageError(msg) from error


@functools.cache
def types() -> Any:
    """Return the standard message types; those used here are equal in all distributions."""
    return get_typestore(Stores.ROS2_HUMBLE)
