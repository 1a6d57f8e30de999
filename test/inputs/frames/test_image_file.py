# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pictures import blocks

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import ImageFile, pillow_images
from vpr_ros.inputs.frames.pixels import MAX_PIXELS

RGB = blocks(3, 48, 64)
BGR = np.ascontiguousarray(RGB[..., ::-1])
HEIC = Path(__file__).parents[2] / 'data' / 'blocks.heic'


def saved(path, pixels=BGR, options=()):
    """Write an image whose suffix may be another than its kind's, as in 0.jpg:.webp."""
    name, _, kind = path.name.partition(':')
    encoded = cv2.imencode(kind or path.suffix, pixels, options)[1]
    path = path.with_name(name)
    path.write_bytes(encoded.tobytes())
    return path


def oriented(jpeg, orientation):
    """Put an EXIF orientation into a JPEG."""
    tiff = struct.pack('<2sHIHHHIII', b'II', 42, 8, 1, 0x112, 3, 1, orientation, 0)
    segment = b'Exif\0\0' + tiff
    return jpeg[:2] + b'\xff\xe1' + struct.pack('>H', len(segment) + 2) + segment + jpeg[2:]


def difference(rgb, wanted=RGB):
    assert rgb.shape == wanted.shape
    assert rgb.dtype == np.uint8
    return np.abs(rgb.astype(int) - wanted).mean()


def test_a_file_that_cannot_be_read_or_decoded_is_named(tmp_path):
    broken = tmp_path / 'broken.png'
    broken.write_bytes(b'broken')
    (tmp_path / 'empty.jpg').write_bytes(b'')
    with pytest.raises(ImageError, match=r'none\.jpg: it cannot be read: No such file'):
        _ = ImageFile(tmp_path / 'none.jpg').rgb
    with pytest.raises(ImageError, match=r'broken\.png: the file is no image of a kind'):
        _ = ImageFile(broken).rgb
    with pytest.raises(ImageError, match=r'empty\.jpg: the file is empty'):
        _ = ImageFile(tmp_path / 'empty.jpg').rgb
    with pytest.raises(ImageError, match=r': it cannot be read: Is a directory'):
        _ = ImageFile(tmp_path).rgb


@pytest.mark.parametrize(
    'kind', ['png', 'bmp', 'ppm', 'tiff', 'webp', 'jpg', 'jp2', 'gif', 'avif']
)
def test_kinds_of_images_are_read_whatever_the_suffix_says(tmp_path, kind):
    if kind in ('jp2', 'gif', 'avif'):
        image = pytest.importorskip('PIL.Image')
        path = tmp_path / f'0.{kind}'
        image.fromarray(RGB).save(path)
        path = path.rename(tmp_path / '0.PNG')
    else:
        path = saved(tmp_path / f'0.JPG:.{kind}')
    assert difference(ImageFile(path).rgb) < (12 if kind in ('jpg', 'gif', 'avif') else 5)


def test_heic_is_read_with_its_package():
    pytest.importorskip('pi_heif')
    assert difference(ImageFile(HEIC).rgb) < 5


def test_heic_without_its_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr(pillow_images, 'pillow', lambda: None)
    with pytest.raises(ImageError, match=r"blocks\.heic: .*pip install 'vpr_ros\[heif\]'"):
        _ = ImageFile(HEIC).rgb


@pytest.mark.parametrize('kind', ['.png', '.tiff', '.pgm'])
def test_sixteen_bits_keep_their_shades(tmp_path, kind):
    grey = RGB[..., 0].astype(np.uint16) * 257
    np.testing.assert_array_equal(
        ImageFile(saved(tmp_path / f'0{kind}', grey)).rgb[..., 0], RGB[..., 0]
    )


@pytest.mark.parametrize('orientation', range(1, 9))
def test_pictures_are_turned_upright_also_where_they_are_reduced(
    tmp_path, monkeypatch, orientation
):
    turned = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: np.swapaxes(a, 0, 1),
        6: lambda a: np.rot90(a, 3),
        7: lambda a: np.swapaxes(np.rot90(a, 2), 0, 1),
        8: np.rot90,
    }[orientation]
    path = tmp_path / '0.jpg'
    path.write_bytes(oriented(cv2.imencode('.jpg', BGR)[1].tobytes(), orientation))
    assert difference(ImageFile(path).rgb, turned(RGB)) < 12
    monkeypatch.setattr('vpr_ros.inputs.frames.image_file.MAX_PIXELS', RGB[..., 0].size // 4)
    half = cv2.resize(RGB, (32, 24), interpolation=cv2.INTER_AREA)
    assert difference(ImageFile(path).rgb, turned(half)) < 12


@pytest.mark.parametrize('kind', ['jpg', 'png', 'tiff', 'webp', 'bmp', 'ppm'])
def test_large_pictures_are_reduced(tmp_path, monkeypatch, kind):
    monkeypatch.setattr('vpr_ros.inputs.frames.image_file.MAX_PIXELS', 1000)
    rgb = ImageFile(saved(tmp_path / f'0.{kind}')).rgb
    assert 500 < rgb[..., 0].size <= 1000
    height, width = rgb.shape[:2]
    assert width / height == pytest.approx(64 / 48, rel=0.05)
    assert difference(rgb, cv2.resize(RGB, (width, height), interpolation=cv2.INTER_AREA)) < 12


@pytest.mark.parametrize('size', [(8064, 6048), (20000, 3000)])
def test_photographs_beyond_the_limit_of_messages_are_read(tmp_path, size):
    grey = cv2.resize(RGB[..., 0], size, interpolation=cv2.INTER_NEAREST)
    rgb = ImageFile(saved(tmp_path / '0.jpg', grey)).rgb
    assert rgb[..., 0].size <= MAX_PIXELS
    assert rgb.shape[:2] == (size[1] // 2, size[0] // 2)
    shrunk = cv2.resize(rgb, (64, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(shrunk[..., 0].astype(int) - RGB[..., 0]).mean() < 5


def png_claiming(width, height):
    def chunk(kind, data):
        end = struct.pack('>I', zlib.crc32(kind + data))
        return struct.pack('>I', len(data)) + kind + data + end

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + b''.join(
        [chunk(b'IHDR', header), chunk(b'IDAT', zlib.compress(b'\0')), chunk(b'IEND', b'')]
    )


CLAIMS = {
    'png': png_claiming(60000, 60000),
    'bmp': b'BM' + struct.pack('<IIIIii', 64, 0, 54, 40, 60000, -60000) + bytes(40),
    'pgm': b'P5\n# a comment\n60000 60000\n255\n' + bytes(99),
    'webp': b'RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0' + bytes(4) + b'\xff\xff\0\xff\xff\0' + bytes(9),
    'tif': b'II*\0\x08\0\0\0\x02\0'
    + struct.pack('<HHII', 256, 4, 1, 60000)
    + struct.pack('<HHII', 257, 4, 1, 60000),
}


@pytest.mark.parametrize('kind', CLAIMS)
def test_sizes_that_would_fill_the_memory_are_refused(tmp_path, kind):
    (tmp_path / f'0.{kind}').write_bytes(CLAIMS[kind])
    with pytest.raises(ImageError, match=r'claims 6\d{4} x 6\d{4} pixels'):
        _ = ImageFile(tmp_path / f'0.{kind}').rgb


@pytest.mark.parametrize('kind', ['jpg', 'png', 'tiff', 'webp', 'bmp', 'ppm', 'heic'])
@given(st.integers(0, 10**6), st.integers(0, 255), st.floats(0, 1))
@settings(max_examples=25)
def test_damaged_files_give_pictures_or_errors_that_name_them(
    tmp_path_factory, kind, at, byte, cut
):
    data = bytearray(HEIC.read_bytes() if kind == 'heic' else cv2.imencode(f'.{kind}', BGR)[1])
    data[at % min(len(data), 64)] = byte
    path = tmp_path_factory.mktemp('damaged') / f'0.{kind}'
    path.write_bytes(data[: max(1, int(len(data) * (0.5 + cut)))])
    try:
        rgb = ImageFile(path).rgb
    except ImageError as error:
        why = str(error)
    else:
        why = f'{path}: none' if rgb.shape[2] == 3 else ''
    assert why.startswith(f'{path}: ')
