# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import blocks

from vpr_ros.inputs.frames import DynamicRange, ImageFile, decode, dynamic_range
from vpr_ros.inputs.frames.information import emptiness

GREY = blocks(5)[..., 0]


@pytest.fixture(autouse=True)
def unsaid():
    dynamic_range._report_single_images.cache_clear()


def unscaled(bits, grey=GREY):
    """Return a picture as a camera of so many bits gives it."""
    return (grey.astype(np.float64) / 255 * (2**bits - 1)).round().astype(np.uint16)


def band(low, high, grey=GREY):
    return (low + grey.astype(np.float64) / 255 * (high - low)).round().astype(np.uint16)


def raw_message(pixels, encoding='mono16'):
    height, width = pixels.shape[:2]
    data = pixels.tobytes()
    return SimpleNamespace(
        height=height,
        width=width,
        step=len(data) // height,
        encoding=encoding,
        is_bigendian=0,
        data=data,
    )


@pytest.mark.parametrize('bits', range(8, 17))
def test_a_camera_of_any_bits_gives_what_it_would_give_with_eight(bits):
    found = DynamicRange().to_eight_bits(unscaled(bits))
    assert np.abs(found.astype(int) - GREY).max() <= 1


def test_values_that_fill_sixteen_bits_are_scaled_as_cv_bridge_does():
    pixels = np.random.default_rng(0).integers(0, 65536, (48, 64), np.uint16)
    wanted = cv2.convertScaleAbs(pixels, alpha=255 / 65535)
    np.testing.assert_array_equal(DynamicRange('front').to_eight_bits(pixels), wanted)


@pytest.mark.parametrize(
    ('low', 'high'),
    [
        (7000, 8200),
        (7000, 7300),
        (2900, 3300),
        (14000, 16383),
        (29315, 30315),
        (100, 360),
        (21000, 24000),
    ],
)
def test_a_narrow_band_is_spread_over_the_shades(low, high):
    """A thermal camera: 14 bits, or hundredths of a kelvin, or a colder sensor of 12 bits."""
    found = DynamicRange().to_eight_bits(band(low, high)).astype(float)
    assert np.ptp(found) > 100
    assert np.corrcoef(found.ravel(), GREY.ravel())[0, 1] > 0.999


@pytest.mark.parametrize('none', [0, 2**16 - 1])
@pytest.mark.parametrize('pixels', [band(7000, 8200), band(29315, 30315), unscaled(10)])
def test_pixels_without_a_value_do_not_widen_the_range(pixels, none):
    bordered = pixels.copy()
    bordered[:10] = bordered[:, -5:] = none
    found = DynamicRange().to_eight_bits(bordered)[10:, :-5].astype(float)
    assert np.ptp(found) > 100
    assert np.corrcoef(found.ravel(), GREY[10:, :-5].ravel())[0, 1] > 0.999


@pytest.mark.parametrize('encoding', ['16UC1', 'mono16', 'bayer_rggb16', 'bayer_gbrg16'])
@pytest.mark.parametrize('bits', [10, 12, 14])
def test_raw_encodings_of_sixteen_bits_are_scaled(encoding, bits):
    eight = encoding.replace('16UC1', 'mono8').replace('16', '8')
    wanted = decode(raw_message(GREY, eight)).astype(int)
    found = decode(raw_message(unscaled(bits), encoding))
    assert np.abs(found - wanted).max() <= 2


@pytest.mark.parametrize('encoding', ['rgb16', 'bgr16', '16UC3'])
def test_colours_keep_their_balance(encoding):
    rgb = blocks(6)
    order = 1 if encoding == 'rgb16' else -1
    found = decode(raw_message(np.ascontiguousarray(unscaled(12, rgb)[..., ::order]), encoding))
    assert np.abs(found.astype(int) - rgb).max() <= 1


@pytest.mark.parametrize('kind', ['.png', '.tiff'])
def test_compressed_images_and_files_of_sixteen_bits_are_scaled(tmp_path, kind):
    data = cv2.imencode(kind, unscaled(10))[1].tobytes()
    message = SimpleNamespace(format=f'mono16; {kind[1:]} compressed', data=data)
    (tmp_path / f'0{kind}').write_bytes(data)
    for rgb in (decode(message), ImageFile(tmp_path / f'0{kind}').rgb):
        assert np.abs(rgb[..., 0].astype(int) - GREY).max() <= 1


def test_the_exposure_does_not_flicker():
    values = DynamicRange('front')
    bright, dim = unscaled(10), unscaled(10) // 5
    first = values.to_eight_bits(bright)
    np.testing.assert_array_equal(
        values.to_eight_bits(dim), cv2.convertScaleAbs(dim, alpha=255 / 1023)
    )
    np.testing.assert_array_equal(values.to_eight_bits(bright), first)


def test_the_range_is_widened_when_it_is_exceeded():
    values = DynamicRange('front')
    values.to_eight_bits(band(7000, 8200))
    warmer = values.to_eight_bits(band(7600, 9000))
    assert len(np.unique(warmer)) > 0.8 * len(np.unique(GREY))  # Not all that is warm is white.
    assert np.abs(values.to_eight_bits(unscaled(14)).astype(int) - GREY).max() <= 1


def test_a_band_has_room_so_that_it_is_seldom_widened():
    values = DynamicRange('thermal')
    scene = band(7000, 8200)
    first = values.to_eight_bits(scene)
    values.to_eight_bits(band(6950, 8250))
    np.testing.assert_array_equal(values.to_eight_bits(scene), first)


def test_dead_pixels_do_not_set_the_range():
    pixels = unscaled(10)
    pixels[3, 7], pixels[9, 2] = 65535, 16383
    found = DynamicRange().to_eight_bits(pixels)
    found[3, 7], found[9, 2] = GREY[3, 7], GREY[9, 2]
    assert np.abs(found.astype(int) - GREY).max() <= 1


@pytest.mark.parametrize('level', [0, 90, 512, 7600, 30000])
def test_a_covered_lens_stays_empty(level):
    noise = np.random.default_rng(1).normal(level, 2, (96, 128)).clip(0, 65535).astype(np.uint16)
    assert emptiness(cv2.cvtColor(DynamicRange().to_eight_bits(noise), cv2.COLOR_GRAY2RGB))


def test_the_range_is_said_once_and_only_where_it_is_a_part(caplog):
    values = DynamicRange('/front/image')
    for _ in range(3):
        values.to_eight_bits(unscaled(10))
    assert caplog.messages == [
        '/front/image: its 16-bit images use values of 0 to 1023 and are scaled by that'
    ]
    caplog.clear()
    DynamicRange('/rear').to_eight_bits(unscaled(16))
    DynamicRange('/rear').to_eight_bits(GREY)
    assert not caplog.messages
    for _ in range(3):
        DynamicRange().to_eight_bits(unscaled(12))
    assert len(caplog.messages) == 1


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535)), min_size=1, max_size=6))
def test_order_of_shades_is_kept_whatever_comes(spans):
    values, twin = DynamicRange('a'), DynamicRange('b')
    for span in spans:
        pixels = np.linspace(min(span), max(span), 64).astype(np.uint16).reshape(8, 8)
        found = values.to_eight_bits(pixels)
        assert (np.diff(found.ravel().astype(int)) >= 0).all()
        np.testing.assert_array_equal(found, twin.to_eight_bits(pixels))
