# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import decode

YY, XX = np.mgrid[:24, :32].astype(np.uint8)
RGB = np.stack([XX * 8, YY * 10, 255 - XX * 8], 2)
BGR = np.ascontiguousarray(RGB[..., ::-1])


def message(pixels, extension='.png', form=''):
    return SimpleNamespace(format=form, data=cv2.imencode(extension, pixels)[1].tobytes())


def bytes_of(extension):
    return message(BGR, extension).data


@pytest.mark.parametrize(
    'form', ['', 'jpeg', 'rgb8; jpeg compressed bgr8', 'mono8; jpeg compressed ']
)
def test_jpeg_is_close_and_red_stays_red(form):
    decoded = decode(message(BGR, '.jpg', form))
    assert decoded.shape == RGB.shape
    assert np.abs(decoded.astype(int) - RGB).mean() < 8


@pytest.mark.parametrize('extension', ['.png', '.tiff'])
def test_lossless_codecs_are_exact(extension):
    np.testing.assert_array_equal(decode(message(BGR, extension, 'bgr8; png')), RGB)


def test_channels_fed_to_the_encoder_as_rgb_are_not_swapped_again():
    msg = message(RGB, '.png', 'rgb8; png compressed rgb8')
    np.testing.assert_array_equal(decode(msg), RGB)


@pytest.mark.parametrize('extension', ['.png', '.tiff'])
def test_sixteen_bit_colour_is_scaled(extension):
    np.testing.assert_array_equal(decode(message(BGR.astype(np.uint16) * 257, extension)), RGB)


@pytest.mark.parametrize('scale', [1, 257])
def test_grey_becomes_three_channels(scale):
    grey = RGB[..., 0].astype(np.uint16 if scale > 1 else np.uint8) * scale
    np.testing.assert_array_equal(decode(message(grey))[..., 2], RGB[..., 0])


def test_alpha_is_dropped():
    bgra = np.dstack([BGR, np.full(BGR.shape[:2], 9, np.uint8)])
    np.testing.assert_array_equal(decode(message(bgra)), RGB)


def png_claiming(width, height):
    def chunk(kind, body):
        crc = struct.pack('>I', zlib.crc32(kind + body))
        return struct.pack('>I', len(body)) + kind + body + crc

    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b'IDAT', zlib.compress(b'\0' * 1000))
    return b'\x89PNG\r\n\x1a\n' + header + pixels + chunk(b'IEND', b'')


@pytest.mark.parametrize(
    ('form', 'data', 'reason'),
    [
        ('jpeg', b'', 'empty'),
        ('jpeg', None, 'not bytes'),
        ('jpeg', bytes_of('.jpg')[:-99], 'truncated'),
        ('jpeg', bytes_of('.jpg')[:-2], 'truncated'),
        ('jpeg', bytes_of('.jpg')[:40], 'cut short'),
        ('jpeg', b'\xff\xd8\x00\x00', 'damaged'),
        ('jpeg', b'\xff\xd8\xff\xda\xff\xd9', 'does not say its size'),
        ('png', bytes_of('.png')[:-20], 'truncated'),
        ('png', bytes_of('.png')[:12], 'truncated'),
        ('png', png_claiming(200, 100), 'damaged'),
        ('png', png_claiming(0, 100), 'no pixels'),
        ('png', png_claiming(60000, 60000), 'claims'),
        ('tiff', b'II*\0\xff\xff\xff\xff', 'header'),
        ('tiff', b'II*\0\x08\0\0\0\0\0', 'no pixels'),
        ('h264', b'\0\0\0\1abc', "format 'h264'"),
        ('16UC1; compressedDepth png', b'\0' * 12 + bytes_of('.png'), 'depth'),
    ],
)
def test_bad_data_is_refused_with_the_reason(form, data, reason):
    with pytest.raises(ImageError, match=reason):
        decode(SimpleNamespace(format=form, data=data))


def test_png_with_a_broken_checksum_is_refused():
    data = bytearray(bytes_of('.png'))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageError):
        decode(SimpleNamespace(format='png', data=bytes(data)))


def test_jpeg_with_a_thumbnail_is_not_taken_for_whole_by_its_end_marker():
    whole = bytes_of('.jpg')
    exif = b'\xff\xe1' + struct.pack('>H', len(whole) + 2) + whole
    data = whole[:2] + exif + whole[2:]
    assert decode(SimpleNamespace(format='', data=data)).shape == RGB.shape
    with pytest.raises(ImageError, match='truncated'):
        decode(SimpleNamespace(format='', data=data[:-2]))


def test_float_images_are_refused():
    with pytest.raises(ImageError, match='float32'):
        decode(message(np.ones((8, 8), np.float32), '.tiff'))


@settings(max_examples=1500)
@given(
    source=st.sampled_from(
        [b'', *(bytes_of(extension) for extension in ('.jpg', '.png', '.tiff'))]
    ),
    cut=st.integers(0, 3000),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=6),
    tail=st.binary(max_size=30),
    form=st.text(max_size=12),
)
def test_nothing_but_image_errors_whatever_the_bytes(source, cut, changes, tail, form):
    data = bytearray(source[: max(1, cut)] + tail)
    for at, value in changes:
        if at < len(data):
            data[at] = value
    try:
        decoded = decode(SimpleNamespace(format=form, data=bytes(data)))
    except ImageError:
        return
    assert decoded.dtype == np.uint8
    assert decoded.shape[2] == 3
