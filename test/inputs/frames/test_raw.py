# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import array
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import decode
from vpr_ros.inputs.frames.pixels import MAX_PIXELS
from vpr_ros.inputs.frames.raw import ENCODINGS

WIDTH, HEIGHT = 16, 12


def image(pixels, encoding='rgb8', *, big=False, padding=0, **changes):
    """An Image message of (H, W[, C]) pixels, each row followed by rubbish."""
    samples = pixels.astype(pixels.dtype.newbyteorder('>' if big else '<'))
    rows = np.frombuffer(samples.tobytes(), np.uint8).reshape(len(pixels), -1)
    rows = np.concatenate([rows, np.full((len(rows), padding), 170, np.uint8)], 1)
    fields = {
        'height': pixels.shape[0],
        'width': pixels.shape[1],
        'encoding': encoding,
        'is_bigendian': int(big),
        'step': rows.shape[1],
        'data': array.array('B', rows.tobytes()),
    }
    return SimpleNamespace(**(fields | changes))


@pytest.fixture
def rgb():
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)


def sixteen(pixels):
    """Values that scale back to the given 8 bits, though not multiples of 257."""
    jitter = np.random.default_rng(2).integers(-128, 129, pixels.shape)
    return np.clip(pixels.astype(int) * 257 + jitter, 0, 65535).astype(np.uint16)


ORDERS = {'rgb': [0, 1, 2], 'bgr': [2, 1, 0], 'rgba': [0, 1, 2, 3], 'bgra': [2, 1, 0, 3]}
NAMES = [(f'{name}8', order, 8) for name, order in ORDERS.items()]
NAMES += [(f'{name}16', order, 16) for name, order in ORDERS.items()]
NAMES += [('8UC3', ORDERS['bgr'], 8), ('8UC4', ORDERS['bgra'], 8)]
NAMES += [('16UC3', ORDERS['bgr'], 16), ('16UC4', ORDERS['bgra'], 16)]


@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize(('encoding', 'order', 'bits'), NAMES)
def test_colour_orders_depths_endianness_and_padding(rgb, encoding, order, bits, big, padding):
    alpha = np.full((HEIGHT, WIDTH, 1), 7, np.uint8)
    pixels = np.concatenate([rgb, alpha], 2)[..., order]
    if bits == 16:
        pixels = sixteen(pixels)
    decoded = decode(image(pixels, encoding, big=big, padding=padding))
    np.testing.assert_array_equal(decoded, rgb)
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert decoded.flags.writeable


@pytest.mark.parametrize('padding', [0, 3])
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding', ['mono8', '8UC1', 'mono16', '16UC1'])
def test_grey_becomes_three_equal_channels(rgb, encoding, big, padding):
    grey = rgb[..., 0]
    pixels = sixteen(grey) if '16' in encoding else grey
    decoded = decode(image(pixels, encoding, big=big, padding=padding))
    np.testing.assert_array_equal(decoded, np.repeat(grey[..., None], 3, 2))


def test_sixteen_bits_are_scaled_by_255_over_65535_and_rounded():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    decoded = decode(image(values, 'mono16'))[..., 0]
    np.testing.assert_array_equal(decoded, (values.astype(int) + 128) // 257)


@pytest.mark.parametrize('bits', [8, 16])
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_bayer_patterns_keep_red_red(pattern, bits):
    """A uniform scene seen through the mosaic must come back in its own colour."""
    colour = {'r': 200, 'g': 120, 'b': 30}
    tile = np.array([colour[c] for c in pattern], np.uint8).reshape(2, 2)
    mosaic = np.tile(tile, (HEIGHT // 2, WIDTH // 2))
    if bits == 16:
        mosaic = mosaic.astype(np.uint16) * 257
    decoded = decode(image(mosaic, f'bayer_{pattern}{bits}'))
    np.testing.assert_array_equal(decoded[2:-2, 2:-2], np.broadcast_to([200, 120, 30], (8, 12, 3)))


def yuv(height=HEIGHT, width=WIDTH):
    """Y, U, V planes; colour constant over 4 x 4 blocks, so that subsampling loses nothing."""
    rng = np.random.default_rng(3)
    luminance = rng.integers(30, 220, (height, width), np.uint8)
    blocks = rng.integers(70, 190, (2, height // 4, width // 4), np.uint8)
    return luminance, *blocks.repeat(4, 1).repeat(4, 2)


def expected_rgb(luminance, u, v):
    """BT.601, studio range, as OpenCV's video conversions."""
    y, u, v = 1.164 * (luminance - 16.0), u - 128.0, v - 128.0
    channels = [y + 1.596 * v, y - 0.813 * v - 0.391 * u, y + 2.018 * u]
    return np.clip(np.stack(channels, 2), 0, 255)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', ['uyvy', 'yuv422', 'yuyv', 'yuv422_yuy2'])
def test_packed_yuv(encoding, padding):
    luminance, u, v = yuv()
    chroma = np.where(np.arange(WIDTH) % 2 == 0, u, v)
    pair = [chroma, luminance] if encoding in {'uyvy', 'yuv422'} else [luminance, chroma]
    decoded = decode(image(np.stack(pair, 2), encoding, padding=padding))
    np.testing.assert_allclose(decoded, expected_rgb(luminance, u, v), atol=2)


@pytest.mark.parametrize('padding', [0, 6])
@pytest.mark.parametrize('encoding', ['nv12', 'nv21', 'nv24'])
def test_planar_yuv(encoding, padding):
    luminance, u, v = yuv()
    pair = np.stack([v, u] if encoding == 'nv21' else [u, v], 2)
    chroma = pair if encoding == 'nv24' else pair[::2, ::2]

    def padded(rows, by):
        return np.pad(rows.reshape(len(rows), -1), ((0, 0), (0, by)))

    by = 2 * padding if encoding == 'nv24' else padding
    data = padded(luminance, padding).tobytes() + padded(chroma, by).tobytes()
    msg = image(luminance, encoding, step=WIDTH + padding, data=data)
    np.testing.assert_allclose(decode(msg), expected_rgb(luminance, u, v), atol=2)


def test_tight_planes_are_read_whatever_step_says():
    luminance, _, _ = yuv()
    data = luminance.tobytes() + bytes([128]) * (luminance.size // 2)
    msg = image(luminance, 'nv21', step=WIDTH * 2, data=data)
    np.testing.assert_array_equal(decode(msg)[..., 0], decode(msg)[..., 1])


@pytest.mark.parametrize(
    ('changes', 'reason'),
    [
        ({'data': b''}, 'empty'),
        ({'data': np.empty(0, np.uint8)}, 'empty'),
        ({'data': b'\0' * (HEIGHT * WIDTH * 3 - 1)}, 'truncated'),
        ({'data': b'\0' * (HEIGHT * WIDTH * 3 + 1)}, 'longer than'),
        ({'data': None}, 'not bytes'),
        ({'data': [1, 2, 3]}, 'not bytes'),
        ({'step': 0}, 'must set step'),
        ({'step': WIDTH * 3 - 1}, 'must set step'),
        ({'step': WIDTH * 3 + 1}, 'truncated'),
        ({'width': 0}, 'no pixels'),
        ({'height': 0}, 'no pixels'),
        ({'width': -4}, 'no pixels'),
        ({'width': 2**32 - 1, 'height': 2**32 - 1}, 'damaged'),
        ({'width': MAX_PIXELS + 1, 'height': 1}, 'damaged'),
        ({'width': 'wide'}, 'whole number'),
        ({'encoding': ''}, 'unknown'),
        ({'encoding': 'rgb9'}, 'unknown'),
        ({'encoding': None}, 'unknown'),
        ({'encoding': '32FC1'}, 'measurements'),
        ({'encoding': '16SC1'}, 'measurements'),
        ({'encoding': '8UC2'}, 'measurements'),
        ({'encoding': '64FC128'}, 'measurements'),
        ({'encoding': 'uyvy', 'width': 7, 'step': 14, 'data': b'\0' * 14 * HEIGHT}, 'two pixels'),
        ({'encoding': 'nv21', 'height': 7, 'data': b'\0' * 100}, '2 x 2'),
        (
            {'encoding': 'bayer_rggb8', 'width': 2, 'height': 2, 'step': 2, 'data': b'1234'},
            'small',
        ),
    ],
)
def test_malformed_images_are_refused_with_the_reason(rgb, changes, reason):
    with pytest.raises(ImageError, match=reason):
        decode(image(rgb, **{'encoding': 'rgb8', **changes}))


def test_what_is_no_image_is_refused():
    with pytest.raises(ImageError, match='neither'):
        decode(object())


def test_messages_of_rclpy_are_decoded(rgb):
    sensor_msgs = pytest.importorskip('sensor_msgs.msg', reason='needs the ROS messages')
    msg = sensor_msgs.Image(height=HEIGHT, width=WIDTH, encoding='bgr8', step=WIDTH * 3)
    msg.data = np.ascontiguousarray(rgb[..., ::-1]).tobytes()
    np.testing.assert_array_equal(decode(msg), rgb)


numbers = st.one_of(st.integers(-2, 20), st.integers(-(2**70), 2**70), st.none(), st.floats())


@settings(max_examples=1500)
@given(
    width=numbers,
    height=numbers,
    step=numbers,
    big=st.one_of(st.integers(0, 2), st.none(), st.booleans()),
    encoding=st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=9), st.none()),
    data=st.one_of(st.binary(max_size=600), st.none(), st.just(np.ones((3, 4)))),
)
def test_nothing_but_image_errors_whatever_the_fields(width, height, step, big, encoding, data):
    msg = SimpleNamespace(
        width=width, height=height, step=step, is_bigendian=big, encoding=encoding, data=data
    )
    try:
        decoded = decode(msg)
    except ImageError:
        return
    assert decoded.shape == (height, width, 3)
