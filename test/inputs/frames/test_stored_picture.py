# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import cv2
import numpy as np
import pytest
from pictures import blocks

from vpr_ros.errors import ImageError
from vpr_ros.inputs.frames import StoredPicture


def png(rgb):
    return cv2.imencode('.png', rgb[..., ::-1])[1].tobytes()


def test_each_camera_has_its_part_of_a_picture_of_several():
    left, right = blocks(1), blocks(2)
    data = png(np.concatenate([left, right], axis=1))
    for index, expected in enumerate((left, right)):
        picture = StoredPicture('node 7', lambda: data, part=(index, 2))
        np.testing.assert_array_equal(picture.rgb, expected)


def test_a_picture_is_not_read_before_its_pixels_are():
    reads = []
    picture = StoredPicture('node 7', lambda: reads.append(1) or png(blocks()), 5, 'front')
    assert (picture.stamp, picture.camera, reads) == (5, 'front', [])
    assert picture.rgb.shape == blocks().shape
    assert picture.rgb is picture.rgb
    assert reads == [1]


@pytest.mark.parametrize('data', [b'', b'\x00' * 40, png(blocks())[:-30]])
def test_a_damaged_picture_is_named(data):
    with pytest.raises(ImageError, match=r'^node 7: '):
        _ = StoredPicture('node 7', lambda: data).rgb


def test_more_cameras_than_columns_are_refused():
    with pytest.raises(ImageError, match='side by side'):
        _ = StoredPicture('node 7', lambda: png(blocks()), part=(0, 10_000)).rgb
