# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os

import pytest
from commands import touch
from hypothesis import given
from hypothesis import strategies as st

from vpr_ros.inputs.folders import FolderError, images_in, unread_in
from vpr_ros.inputs.folders.image_files import natural_order


def found(folder):
    return [path.relative_to(folder).as_posix() for path in images_in(folder)]


@pytest.mark.parametrize(
    'names',
    [
        ['0.jpg', '1.jpg', '2.jpg', '10.jpg', '100.jpg'],
        ['frame2.png', 'frame010.png', 'frame10.png'],
        ['cam0_9.jpg', 'cam0_10.jpg', 'cam1_1.jpg', 'cam10_1.jpg'],
        ['image.jpg', 'image (2).jpg', 'image (10).jpg'],
        ['IMG_1.JPG', 'img_2.jpg', 'IMG_10.JPG'],
        ['left-8.jpeg', 'left-09.jpeg', 'left-10.jpeg'],
        ['0.jpg', '0.25.jpg', '0.5.jpg', '1.0.jpg', '10.125.jpg'],
        ['1305031102.175304.png', '1305031102.25.png', '1305031102.5.png', '1305031103.0.png'],
        ['left_1305031102.25.png', 'left_1305031102.5.png'],
        ['1.8.jpg', '1.9.jpg', '1.10.jpg', '1.11.jpg'],
        ['run.2', 'run.10'],
        ['1403636579763555584.png', '1403636579813555456.png', '14036365798135554560.png'],
    ],
)
def test_names_are_in_the_order_in_which_people_count(names):
    assert natural_order(reversed(names)) == names


@given(st.lists(st.integers(0, 10**12), unique=True), st.sampled_from(['', 'f', 'a1_', 'ü-']))
def test_numbers_are_in_order_of_size(numbers, before):
    names = [f'{before}{number}.jpg' for number in numbers]
    assert natural_order(names) == [f'{before}{number}.jpg' for number in sorted(numbers)]


@given(st.sets(st.text(st.characters(exclude_characters='/\0', codec='utf-8'), min_size=1)))
def test_any_names_have_one_order(names):
    assert natural_order(names) == natural_order(sorted(names, reverse=True))
    assert set(natural_order(names)) == names


def test_padded_names_keep_the_order_of_the_text(tmp_path):
    touch(tmp_path, *[f'b/{i:04}.jpg' for i in range(12)], 'a/0001.jpg', 'c.jpg')
    assert found(tmp_path) == sorted(found(tmp_path))


def test_numbered_folders_are_in_order_too(tmp_path):
    touch(tmp_path, '2/1.jpg', '10/1.jpg', '2/10.jpg', '2/9.jpg')
    assert found(tmp_path) == ['2/1.jpg', '2/9.jpg', '2/10.jpg', '10/1.jpg']


@pytest.mark.parametrize(
    'companion',
    [
        '._0003.jpg',
        '.hidden.jpg',
        '.DS_Store',
        '@eaDir/0.jpg/SYNOPHOTO_THUMB_M.jpg',
        '__MACOSX/._0.jpg',
        '__MACOSX/set/0.jpg',
        '.ipynb_checkpoints/0-checkpoint.jpg',
        '.thumbnails/0.jpg',
        '.Trash-1000/files/0.jpg',
        '@__thumb/0.jpg',
        '#recycle/0.jpg',
        '$RECYCLE.BIN/$R1.jpg',
        'Thumbs.db',
        'desktop.ini',
        'poses.txt',
    ],
)
def test_what_systems_put_beside_images_is_no_image(tmp_path, companion):
    touch(tmp_path, '0.jpg', '1.jpg', companion)
    assert found(tmp_path) == ['0.jpg', '1.jpg']


def test_a_hidden_folder_that_was_asked_for_is_read(tmp_path):
    assert found(touch(tmp_path / '.cache', '0.jpg')) == ['0.jpg']


def test_a_folder_with_the_name_of_an_image_is_none(tmp_path):
    touch(tmp_path, '0.jpg', '1.jpg/notes.txt', '2.jpg')
    assert found(tmp_path) == ['0.jpg', '2.jpg']


def test_suffixes_are_read_in_any_case(tmp_path):
    names = ['0.JPG', '1.Jpeg', '2.PNG', '3.webp', '4.BMP', '5.HEIC', '6.TIF', '7.pgm', '8.avif']
    assert found(touch(tmp_path, *names)) == names


def test_pictures_of_other_kinds_are_left_out_by_name(tmp_path, caplog):
    touch(tmp_path, '0.jpg', '1.CR2', 'more/2.svg', 'notes.txt')
    assert found(tmp_path) == ['0.jpg']
    assert 'left out: 1.CR2, more/2.svg (.cr2, .svg is not read' in caplog.text
    assert [path.name for path in unread_in(tmp_path)] == ['1.CR2', '2.svg']
    with pytest.raises(FolderError, match=r'holds no images .*; left out: 2\.svg'):
        images_in(tmp_path / 'more')


def test_videos_among_images_are_named(tmp_path, caplog):
    touch(tmp_path, '1.jpg', 'DJI_1.MP4', '2.mov')
    assert images_in(tmp_path) == [tmp_path / '1.jpg']
    assert 'left out: 2.mov, DJI_1.MP4 (videos are read one by one)' in caplog.text


def test_folders_that_are_links_are_followed_once(tmp_path):
    store = touch(tmp_path / 'store', 'x.jpg')
    (store / 'again').symlink_to(store)
    root = touch(tmp_path / 'images', 'run/1.jpg')
    for name, target in (('far', store), ('latest', root / 'run'), ('up', tmp_path)):
        (root / name).symlink_to(target)
    assert images_in(root) == [root / 'far' / 'x.jpg', root / 'run' / '1.jpg']


def test_an_empty_file_and_a_broken_link_hold_their_place(tmp_path):
    touch(tmp_path, '0.jpg', '2.jpg')
    (tmp_path / '1.jpg').symlink_to(tmp_path / 'gone.jpg')
    assert found(tmp_path) == ['0.jpg', '1.jpg', '2.jpg']


def test_links_in_a_circle_are_broken_ones(tmp_path):
    touch(tmp_path, '0.jpg')
    (tmp_path / '1.jpg').symlink_to('1.jpg')
    (tmp_path / 'folder').symlink_to('folder')
    assert found(tmp_path) == ['0.jpg', '1.jpg']
    with pytest.raises(FolderError, match='symbolic links'):
        images_in(tmp_path / 'folder')


def test_a_pipe_is_no_image(tmp_path):
    touch(tmp_path, '0.jpg')
    os.mkfifo(tmp_path / '1.jpg')
    assert found(tmp_path) == ['0.jpg']


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FolderError, match=r'gone cannot be read as a folder of images: No such'):
        images_in(tmp_path / 'gone')
