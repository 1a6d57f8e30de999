# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import contextlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import MessageError
from vpr_ros.inputs.frames import decode, deserialize, stamp_of
from vpr_ros.inputs.frames.cdr import frame_id_of, types

STORE = types()
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
ODOMETRY, PATH = 'nav_msgs/msg/Odometry', 'nav_msgs/msg/Path'


def header(seconds=5, nanoseconds=7, frame='camera'):
    time = STORE.types['builtin_interfaces/msg/Time'](seconds, nanoseconds)
    return STORE.types['std_msgs/msg/Header'](time, frame)


def serialized_image(big=False, stamp=(5, 7)):
    data = np.arange(24, dtype=np.uint8)
    msg = STORE.types[IMAGE](header(*stamp), 2, 4, 'rgb8', 0, 12, data)
    return bytes(STORE.serialize_cdr(msg, IMAGE, little_endian=not big))


def serialized_compressed():
    msg = STORE.types[COMPRESSED](header(), 'jpeg', np.arange(9, dtype=np.uint8))
    return bytes(STORE.serialize_cdr(msg, COMPRESSED))


def serialized_path():
    return bytes(STORE.serialize_cdr(STORE.types[PATH](header(), []), PATH))


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('stamp', [(0, 0), (1_700_000_000, 999_999_999), (-1, 5)])
def test_the_stamp_is_read_from_the_bytes(big, stamp):
    assert stamp_of(serialized_image(big, stamp)) == stamp[0] * 10**9 + stamp[1]


@pytest.mark.parametrize('big', [False, True])
def test_the_frame_is_read_from_the_bytes(big):
    assert frame_id_of(serialized_image(big)) == 'camera'


@given(st.binary(max_size=40))
def test_bytes_without_a_frame_are_refused(raw):
    with contextlib.suppress(MessageError):
        frame_id_of(b'\0\1\0\0' + raw)


@pytest.mark.parametrize('big', [False, True])
def test_an_image_survives_serialisation(big):
    msg = deserialize(serialized_image(big), IMAGE)
    assert (msg.header.frame_id, msg.encoding) == ('camera', 'rgb8')
    np.testing.assert_array_equal(decode(msg).ravel(), np.arange(24))


@pytest.mark.parametrize('raw', [b'', b'\0', b'\0\1\0\0', serialized_image()[:11], b'\7' * 40])
def test_bytes_without_a_stamp_are_refused(raw):
    with pytest.raises(MessageError, match='does not begin'):
        stamp_of(raw)


def test_impossible_nanoseconds_are_refused():
    with pytest.raises(MessageError, match='more than a second'):
        stamp_of(b'\0\1\0\0' + b'\0' * 4 + b'\xff' * 4)


def test_unknown_types_are_refused():
    with pytest.raises(MessageError, match='custom_msgs'):
        deserialize(serialized_image(), 'custom_msgs/msg/Thing')


def test_a_claimed_length_is_checked_before_memory_is_taken():
    raw = bytearray(serialized_image())
    at = raw.rindex((24).to_bytes(4, 'little'))
    raw[at : at + 4] = b'\xff\xff\xff\x7f'
    tracemalloc.start()
    with pytest.raises(MessageError, match='Image message is damaged'):
        deserialize(bytes(raw), IMAGE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


@settings(max_examples=3000)
@given(
    source=st.sampled_from([b'', serialized_image(), serialized_compressed(), serialized_path()]),
    cut=st.integers(0, 120),
    changes=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 255)), max_size=8),
    tail=st.binary(max_size=40),
    typename=st.sampled_from([IMAGE, COMPRESSED, ODOMETRY, PATH, 'sensor_msgs/msg/CameraInfo']),
)
def test_nothing_but_message_errors_whatever_the_bytes(source, cut, changes, tail, typename):
    raw = bytearray(source[:cut] + tail)
    for at, value in changes:
        if at < len(raw):
            raw[at] = value
    with contextlib.suppress(MessageError):
        stamp_of(bytes(raw))
    with contextlib.suppress(MessageError):
        deserialize(bytes(raw), typename)
