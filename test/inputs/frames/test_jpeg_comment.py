# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pictures import blocks
from PIL import Image

from vpr_ros.inputs.frames.jpeg_comment import comment_of, with_comment
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail, encode_thumbnail

JPEG = encode_thumbnail(blocks(), 64)


@given(st.text(st.characters(exclude_categories=['Cs']), min_size=1, max_size=200))
def test_a_comment_reads_back_and_leaves_the_picture_as_it_was(text):
    commented = with_comment(JPEG, text)
    assert comment_of(commented) == text
    np.testing.assert_array_equal(decode_thumbnail(commented), decode_thumbnail(JPEG))


def test_other_programs_read_the_comment():
    with Image.open(io.BytesIO(with_comment(JPEG, 'photos/Straße 7.jpg'))) as image:
        assert image.info['comment'].decode() == 'photos/Straße 7.jpg'


def test_no_comment_changes_nothing_and_a_long_one_is_cut():
    assert with_comment(JPEG, '') == JPEG
    assert comment_of(JPEG) == comment_of(None) == ''
    assert comment_of(with_comment(JPEG, 'a' * 5000)) == 'a' * 1000


@given(st.binary(max_size=60), st.integers(0, 60))
def test_damaged_pictures_have_a_comment_or_none(tail, cut):
    assert isinstance(comment_of(JPEG[:cut] + tail), str)
    assert isinstance(comment_of(b'\xff\xd8' + tail), str)
