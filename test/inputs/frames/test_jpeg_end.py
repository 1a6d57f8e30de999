# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JPEGs that claim to be larger than their data, and whole ones that look as if they did."""

from __future__ import annotations

import struct
from types import SimpleNamespace

import cv2
import hostile
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import blocks

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import ImageFile, decode
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail

SUBSAMPLED = (0x111111, 0x211111, 0x221111, 0x411111)
"""OpenCV's names of 4:4:4, 4:2:2, 4:2:0 and 4:1:1."""


def jpeg_of(pixels, progressive=False, restart=0, sampling=0x221111, optimise=False):
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, int(progressive), cv2.IMWRITE_JPEG_RST_INTERVAL]
    options += [restart, cv2.IMWRITE_JPEG_OPTIMIZE, int(optimise), cv2.IMWRITE_JPEG_QUALITY, 80]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    return cv2.imencode('.jpg', pixels, options)[1].tobytes()


def claiming(jpeg, width, height):
    """Return a JPEG that says another size."""
    data, at = bytearray(jpeg), 2
    while data[at + 1] not in (0xC0, 0xC1, 0xC2):
        at += 2 + struct.unpack_from('>H', data, at + 2)[0]
    struct.pack_into('>HH', data, at + 5, height, width)
    return bytes(data)


def read(jpeg):
    return decode(SimpleNamespace(format='jpeg', data=jpeg))


@pytest.mark.hostile
@pytest.mark.timeout(10)
def test_jpeg_that_takes_minutes_is_refused_at_once(tmp_path):
    jpeg = jpeg_of(blocks(1), progressive=True)
    scans = jpeg[jpeg.index(b'\xff\xda') : -2]
    many = jpeg[:-2] + 300 * scans + jpeg[-2:]
    assert read(many).shape == blocks(1).shape
    slow = claiming(many, 8000, 8000)
    hostile.tried()
    with pytest.raises(ImageError, match='scans of 8000 x 8000'):
        read(slow)
    (tmp_path / 'slow.jpg').write_bytes(slow)
    with pytest.raises(ImageError, match='scans of 8000 x 8000'):
        _ = ImageFile(tmp_path / 'slow.jpg').rgb
    hostile.survived()


KINDS = {
    'plain': {},
    'optimised': {'optimise': True},
    'restarted': {'restart': 1},
    'restarted rarely': {'restart': 5},
    'whole colours': {'sampling': 0x111111},
    'progressive': {'progressive': True},
    'progressive, restarted': {'progressive': True, 'restart': 3},
}


@pytest.mark.hostile
@pytest.mark.parametrize('kind', KINDS.values(), ids=list(KINDS))
@pytest.mark.parametrize(
    'size', [(64, 80), (80, 64), (65, 97), (128, 128), (640, 480), (64, 4000), (5700, 5700)]
)
def test_picture_larger_than_its_data_is_refused(kind, size):
    pixels = blocks(0, 64, 64)
    for whole in (pixels, pixels[..., 0]):
        hostile.tried()
        with pytest.raises(ImageError, match='truncated'):
            read(claiming(jpeg_of(np.ascontiguousarray(whole), **kind), *size))
        hostile.survived()


def test_thumbnail_and_file_larger_than_their_data_are_refused(tmp_path):
    small = jpeg_of(blocks(0, 64, 64))
    for size in ((128, 96), (2000, 3000), (65_000, 65_000)):
        with pytest.raises(ImageError, match=r'truncated|claims'):
            decode_thumbnail(claiming(small, *size))
        path = tmp_path / 'picture.jpg'
        path.write_bytes(claiming(small, *size))
        with pytest.raises(ImageError, match=r'truncated|claims|larger'):
            _ = ImageFile(path).rgb


@hostile.examples(60, 2000)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    seed=st.integers(0, 999),
    grey=st.sampled_from(['corner', 'below', 'all', 'none']),
    progressive=st.booleans(),
    restart=st.integers(0, 4),
    sampling=st.sampled_from(SUBSAMPLED),
    colours=st.booleans(),
)
def test_whole_picture_with_grey_in_it_is_read(
    height, width, seed, grey, progressive, restart, sampling, colours
):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    where = {
        'corner': np.s_[-16:, -16:],
        'below': np.s_[height // 2 :],
        'all': np.s_[:],
        'none': np.s_[:0],
    }
    pixels[where[grey]] = 128
    pixels = pixels if colours else np.ascontiguousarray(pixels[..., 0])
    assert read(jpeg_of(pixels, progressive, restart, sampling)).shape == (height, width, 3)
