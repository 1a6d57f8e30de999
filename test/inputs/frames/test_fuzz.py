# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Image messages off a hostile wire: a picture, or an error that says what is wrong."""

from __future__ import annotations

import gc
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vpr_ros.errors import VprError
from vpr_ros.inputs.frames import Frame
from vpr_ros.inputs.frames.cdr import types

IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
ENCODINGS = [
    'rgb8',
    'bgr8',
    'rgba8',
    'bgra8',
    'mono8',
    'mono16',
    'rgb16',
    '8UC1',
    '8UC3',
    '16UC1',
    '32FC1',
    '32FC3',
    'bayer_rggb8',
    'bayer_gbrg16',
    'yuv422',
    'yuv422_yuy2',
    'nv12',
    'nv21',
    'uyvy',
    'yuyv',
]
PICTURE = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)


def header():
    store = types().types
    stamp = store['builtin_interfaces/msg/Time'](sec=1, nanosec=2)
    return store['std_msgs/msg/Header'](stamp=stamp, frame_id='camera')


def image_bytes(encoding, height, width, step, big_endian, data):
    message = types().types[IMAGE](
        header(), height, width, encoding, big_endian, step, np.frombuffer(data, np.uint8)
    )
    return bytes(types().serialize_cdr(message, IMAGE))


def compressed_bytes(form, data):
    message = types().types[COMPRESSED](header(), form, np.frombuffer(data, np.uint8))
    return bytes(types().serialize_cdr(message, COMPRESSED))


SIZES = st.integers(0, 64) | st.sampled_from([2**16, 2**31, 2**32 - 1])
RAW = st.builds(
    image_bytes,
    st.sampled_from(ENCODINGS)
    | st.text(st.characters(codec='utf-8', exclude_characters='\0'), max_size=8),
    SIZES,
    SIZES,
    SIZES,
    st.integers(0, 255),
    st.binary(max_size=64) | st.sampled_from([b'\x7f' * 64 * 64 * 3, b'\xff' * 64 * 64 * 8]),
)
FILES = [cv2.imencode(kind, PICTURE)[1].tobytes() for kind in ('.jpg', '.png', '.bmp', '.webp')]


@st.composite
def damaged(draw, good):
    """Bytes with some places overwritten, cut or doubled."""
    data = bytearray(draw(good))
    for _ in range(draw(st.integers(0, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1))
        change = draw(st.sampled_from(['byte', 'word', 'cut', 'insert']))
        if change == 'byte':
            data[at] = draw(st.integers(0, 255))
        elif change == 'word':
            word = draw(st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**32 - 1]))
            data[at : at + 4] = struct.pack('<I', word)
        elif change == 'cut':
            del data[at:]
        else:
            data[at:at] = draw(st.binary(max_size=8))
    return bytes(data)


FORMS = st.sampled_from(
    ['jpeg', 'png', '', 'rgb8; jpeg compressed bgr8', '16UC1; compressedDepth png']
)
WIRE = st.tuples(damaged(RAW) | st.binary(max_size=200), st.just(IMAGE)) | st.tuples(
    damaged(st.builds(compressed_bytes, FORMS, damaged(st.sampled_from(FILES)))),
    st.just(COMPRESSED),
)


def look(message):
    raw, typename = message
    try:
        rgb = Frame(raw, typename).rgb
    except VprError:
        return
    assert rgb.dtype == np.uint8
    assert rgb.ndim == 3
    assert rgb.shape[2] == 3


def resident():
    """Bytes of memory that this process holds."""
    gc.collect()
    return int(Path('/proc/self/statm').read_text('utf-8').split()[1]) * 4096


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(WIRE)
def test_any_bytes_are_a_picture_or_an_error_with_a_reason(message):
    look(message)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_ten_thousand_damaged_messages_neither_crash_nor_leak():
    some = []
    count = 0

    @settings(max_examples=12_000, database=None, suppress_health_check=list(HealthCheck))
    @given(WIRE)
    def survive(message):
        nonlocal count
        look(message)
        count += 1
        if count % 20 == 0:
            some.append(message)

    survive()
    assert count >= 10_000
    # The memory that hypothesis takes for itself hides what messages would: again, without it.
    before = 0
    for turn in range(20):
        for message in some:
            look(message)
        if turn == 4:  # caches and pools are filled by then
            before = resident()
    assert resident() - before < 5e6
