# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import struct
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from commands import touch
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.geometry import Pose
from vpr_ros.geometry.mounts import OPTICAL_ROTATION
from vpr_ros.inputs.folders import FolderError
from vpr_ros.inputs.folders.colmap import colmap_folder
from vpr_ros.inputs.folders.colmap_model import read_images, read_rigs

sys.path.insert(0, str(Path(__file__).parent))

from colmap_sample import write_binary, write_text

BOTH = pytest.mark.parametrize('write', [write_text, write_binary], ids=['text', 'binary'])


def track(*names, camera=1):
    """Return images of a base that drives along x and turns, as COLMAP has them."""
    bases = [Pose.of((i, 2, 1), Pose.planar(0, 0, 0.1 * i).orientation) for i in range(len(names))]
    worlds = [(base @ OPTICAL_ROTATION).inverse() for base in bases]
    return bases, [(name, camera, world) for name, world in zip(names, worlds, strict=True)]


@BOTH
def test_a_model_gives_the_poses_of_a_base_that_looks_ahead(tmp_path, write):
    names = 'b 10.jpg', 'b 9.jpg', 'in/a ü.png'
    bases, images = track(*names)
    folder = touch(tmp_path / 'images', *names, 'other.jpg')
    left_out = Counter()
    found = colmap_folder(folder, write(tmp_path / 'sparse/0', images), left_out)
    assert [image.path.name for image in found] == ['b 9.jpg', 'b 10.jpg', 'a ü.png']
    for image, base in zip(found, (bases[1], bases[0], bases[2]), strict=True):
        np.testing.assert_allclose(image.pose.position, base.position, atol=1e-12)
        assert image.pose.angle_to(base) < 1e-7
        assert image.mount.angle_to(OPTICAL_ROTATION) < 1e-7
        assert image.camera == ''
    assert [image.stamp for image in found] == [0, 10**9, 2 * 10**9]
    assert left_out == {'COLMAP did not register them': 1}


@BOTH
def test_cameras_of_a_rig_share_a_base(tmp_path, write):
    names = [f'{side}/{i}.jpg' for i in range(3) for side in ('left', 'right')]
    right_from_left = Pose.of((-0.2, 0, 0), (0, np.sin(0.3), 0, np.cos(0.3)))
    bases, lefts = track(*names[::2])
    images = []
    for (name, _, world), other in zip(lefts, names[1::2], strict=True):
        images += [(name, 1, world), (other, 2, right_from_left @ world)]
    folder = touch(tmp_path / 'images', *names)
    model = write(tmp_path / 'sparse', images, rigs=[(1, {2: right_from_left})])
    (model / 'frames.txt').write_text('1 1 1 0 0 0 0 0 0 1 CAMERA 1 1\n')
    found = colmap_folder(folder, model)
    assert [image.camera for image in found] == ['left'] * 3 + ['right'] * 3
    for image, base in zip(found, bases * 2, strict=True):
        np.testing.assert_allclose(image.pose.position, base.position, atol=1e-12)
        assert image.pose.angle_to(base) < 1e-7
    seen = found[-1].pose @ found[-1].mount
    np.testing.assert_allclose(seen.position, images[-1][2].inverse().position, atol=1e-12)


def test_cameras_of_a_rig_in_one_folder_are_told_apart(tmp_path):
    _, images = track('1.jpg', '2.jpg')
    images[1] = ('2.jpg', 7, images[1][2])
    model = write_binary(tmp_path / 'sparse', images, rigs=[(1, {7: Pose.identity()})])
    found = colmap_folder(touch(tmp_path / 'images', '1.jpg', '2.jpg'), model)
    assert [image.camera for image in found] == ['camera1', 'camera7']


def test_names_that_are_stamps_give_the_stamps(tmp_path):
    names = '1403636579763555584.png', '1403636579813555456.png'
    _, images = track(*names)
    found = colmap_folder(touch(tmp_path / 'cam0', *names), write_text(tmp_path / 'm', images))
    assert [image.stamp for image in found] == [1403636579763555584, 1403636579813555456]


def test_images_that_are_gone_or_elsewhere_are_told(tmp_path):
    folder = touch(tmp_path / 'images', '1.jpg')
    _, images = track('1.jpg', '../secret.jpg', '/etc/passwd')
    left_out = Counter()
    touch(tmp_path, 'secret.jpg')
    assert len(colmap_folder(folder, write_text(tmp_path / 'm', images), left_out)) == 1
    assert left_out == {'the model has them, the folder has not': 2}
    _, images = track('images/1.jpg')
    with pytest.raises(FolderError, match=r'such as images/1.jpg: name the folder of images'):
        colmap_folder(folder, write_text(tmp_path / 'm', images))


@pytest.mark.parametrize('kept', [lambda line: True, str.strip], ids=['whole', 'stripped'])
def test_text_is_read_though_a_tool_took_out_empty_lines(tmp_path, kept):
    _, images = track('./1.jpg', '2.jpg', '3.jpg', '4.jpg')
    model = write_text(tmp_path, images)
    lines = (model / 'images.txt').read_text().splitlines()
    (model / 'images.txt').write_text('\n'.join(filter(kept, lines)))
    found = read_images(model / 'images.txt')
    assert [image.name for image in found] == ['1.jpg', '2.jpg', '3.jpg', '4.jpg']


def test_text_with_a_byte_order_mark_is_read(tmp_path):
    _, images = track('1.jpg', '2.jpg')
    path = write_text(tmp_path, images) / 'images.txt'
    plain = path.read_bytes()
    for text in (plain, plain.replace(b'\n', b'\r\n'), plain[plain.index(b'\n1 ') + 1 :]):
        path.write_bytes(b'\xef\xbb\xbf' + text)
        assert [image.name for image in read_images(path)] == ['1.jpg', '2.jpg']


@BOTH
def test_names_that_a_model_has_again_are_told(tmp_path, write):
    bases, images = track('1.jpg', '2.jpg', '1.jpg')
    left_out = Counter()
    folder = touch(tmp_path / 'images', '1.jpg', '2.jpg')
    found = colmap_folder(folder, write(tmp_path / 'm', images), left_out)
    np.testing.assert_allclose(found[0].pose.position, bases[0].position, atol=1e-12)
    assert left_out == {'the model has their names before': 1}


def test_folders_that_hold_models_are_named(tmp_path):
    _, images = track('1.jpg')
    write_text(tmp_path / 'sparse/0', images)
    with pytest.raises(FolderError, match=r'there are models in .*sparse/0'):
        read_images(tmp_path / 'sparse')
    with pytest.raises(FolderError, match='holds no COLMAP model'):
        read_images(tmp_path / 'nowhere')


@pytest.mark.parametrize(
    'damage',
    [
        lambda data: data[:-4],
        lambda data: data[:40],
        lambda data: b'',
        lambda data: struct.pack('<Q', 2**63) + data[8:],
        lambda data: data[:8] + bytes(64) + data[72:],
        lambda data: data[:72] + b'x' * 5000,
        lambda data: data[:-32] + struct.pack('<Q', 2**60) + data[-24:],
    ],
)
def test_damaged_models_are_refused(tmp_path, damage):
    _, images = track('1.jpg')
    model = write_binary(tmp_path, images)
    (model / 'images.bin').write_bytes(damage((model / 'images.bin').read_bytes()))
    with pytest.raises(FolderError, match=r'images\.bin is no file of a COLMAP model, or damaged'):
        read_images(model)


@given(st.binary(max_size=300), st.booleans(), st.booleans())
def test_any_bytes_are_a_model_or_refused(tmp_path_factory, data, binary, plausible):
    model = tmp_path_factory.getbasetemp() / ('binary' if binary else 'text')
    model.mkdir(exist_ok=True)
    start = struct.pack('<Q', 3) if binary else b'1 1 0 0 0 0 0 0 1 '
    for name in ('images', 'rigs'):
        file = model / f'{name}.{"bin" if binary else "txt"}'
        file.write_bytes(start * plausible + data)
    for read in (read_images, read_rigs):
        with suppress(FolderError):
            read(model)
