# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from vpr_ros.inputs.folders import images_in_order

SECOND = 10**9
PIL = pytest.importorskip('PIL.Image', reason='Pillow writes the photographs')


def photo(path, taken=None):
    image = PIL.new('RGB', (4, 4))
    exif = image.getexif()
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    image.save(path, exif=exif)


def stamps(folder):
    return [image.stamp for image in images_in_order(folder)]


def test_photographs_have_the_times_that_they_were_taken_at(tmp_path):
    photo(tmp_path / '10.jpg', '2026:01:02 03:04:09')
    photo(tmp_path / '9.jpg', '2026:01:02 03:04:05')
    nine, ten = stamps(tmp_path)
    assert (nine, ten - nine) == (1767323045 * SECOND, 4 * SECOND)


def test_where_one_has_no_time_all_are_counted(tmp_path):
    photo(tmp_path / '9.jpg', '2026:01:02 03:04:05')
    photo(tmp_path / '10.jpg')
    (tmp_path / '11.png').write_bytes(b'no picture')
    assert stamps(tmp_path) == [0, SECOND, 2 * SECOND]


def test_names_that_are_stamps_give_them(tmp_path):
    for name in ('1403636579813555456', '1403636579763555584'):
        photo(tmp_path / f'{name}.png')
    assert stamps(tmp_path) == [1403636579763555584, 1403636579813555456]
    photo(tmp_path / 'cover.png')
    assert stamps(tmp_path) == [0, SECOND, 2 * SECOND]


def test_images_have_neither_pose_nor_a_reason_to_be_left_out(tmp_path):
    photo(tmp_path / '1.jpg')
    (image,) = images_in_order(tmp_path)
    assert (image.pose, image.geo, image.left_out) == (None, None, '')
