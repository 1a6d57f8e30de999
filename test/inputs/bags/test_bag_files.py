# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import shutil

import hostile_documents
import pytest
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, Writer
from sample_bags import STORE, point, write_bag

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag
from vpr_ros.inputs.bags.bag_metadata import read_metadata

POINT = 'geometry_msgs/msg/PointStamped'


def split(tmp_path, storage='mcap', count=3):
    """Return a folder with a bag in several files, without metadata."""
    folder = tmp_path / 'split'
    folder.mkdir()
    for i in range(count):
        # Not in the order of their names.
        part = write_bag(
            tmp_path / f'part_{i}', {'/a': POINT}, range(100 * i, 100 * i + 10), storage
        )
        (file,) = (file for file in part.iterdir() if file.suffix != '.yaml')
        shutil.copy(file, folder / f'split_{(count - i) * 6}{file.suffix}')
    return folder


def note(folder, files, count):
    """Write metadata as a recorder does."""
    topic = {'topic_metadata': {'name': '/a', 'type': POINT}, 'message_count': count}
    content = {'relative_file_paths': files, 'topics_with_message_count': [topic]}
    (folder / 'metadata.yaml').write_text(yaml.safe_dump({'rosbag2_bagfile_information': content}))


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_folder_without_metadata_is_read_in_the_order_of_time(tmp_path, caplog, storage):
    with Bag(split(tmp_path, storage)) as bag:
        times = [message.time for message in bag.messages()]
    assert times == sorted(times)
    assert len(times) == 30
    assert 'metadata.yaml is missing' in caplog.text


def test_what_the_metadata_promise_and_the_files_do_not_hold_is_said(tmp_path, caplog):
    folder = split(tmp_path)
    names = sorted(file.name for file in folder.iterdir())
    note(folder, [*names, 'split_9.mcap'], 40)
    with Bag(folder) as bag:
        assert len(list(bag.messages())) == 30
    assert 'split_9.mcap, which metadata.yaml names, is missing' in caplog.text
    assert 'says 40 messages on /a, and the files hold 30' in caplog.text


def test_a_file_that_the_metadata_do_not_name_is_read_too(tmp_path, caplog):
    """A recorder that is killed has begun another file since it wrote them."""
    folder = split(tmp_path)
    note(folder, sorted(file.name for file in folder.iterdir())[:2], 20)
    with Bag(folder) as bag:
        assert len(list(bag.messages())) == 30
    assert 'is read too, which metadata.yaml does not name' in caplog.text


def test_a_sound_bag_gives_no_warning(tmp_path, caplog):
    with Bag(write_bag(tmp_path / 'bag', {'/a': POINT, '/b': POINT})) as bag:
        assert len(list(bag.messages(['/a']))) == 10
    assert not caplog.records


@pytest.mark.parametrize('metadata', [False, True])
def test_messages_that_were_compressed_one_by_one_are_read(tmp_path, metadata):
    writer = Writer(tmp_path / 'bag', version=9)
    writer.set_compression(CompressionMode.MESSAGE, CompressionFormat.ZSTD)
    with writer:
        connection = writer.add_connection('/a', POINT, typestore=STORE)
        for time in range(5):
            writer.write(connection, time, STORE.serialize_cdr(point(time), POINT))
    if not metadata:
        (tmp_path / 'bag' / 'metadata.yaml').unlink()
    with Bag(tmp_path / 'bag') as bag:
        assert [bag.deserialize(message).point.y for message in bag.messages()] == [2.0] * 5


def test_a_bag_is_known_by_its_content_and_not_by_its_name(tmp_path):
    (file,) = write_bag(tmp_path / 'bag', {'/a': POINT}).glob('*.mcap')
    shutil.copy(file, tmp_path / 'recording.mcap.active')
    shutil.copy(file, tmp_path / 'recording')
    for name in ('recording.mcap.active', 'recording'):
        with Bag(tmp_path / name) as bag:
            assert len(list(bag.messages())) == 10


@pytest.mark.parametrize(
    'content',
    ['', 'a: [', '- 1', 'rosbag2_bagfile_information: 3', '\0', 'rosbag2_bagfile_information: {}',
     'rosbag2_bagfile_information: {relative_file_paths: 3, topics_with_message_count: []}',
     'a: 2026-99-99'],
)  # fmt: skip
def test_metadata_of_any_content_do_not_hide_the_files(tmp_path, caplog, content):
    folder = split(tmp_path)
    (folder / 'metadata.yaml').write_text(content)
    with Bag(folder) as bag:
        assert len(list(bag.messages())) == 30
    assert 'the files beside it are read' in caplog.text


def test_a_folder_of_bags_names_them(tmp_path):
    write_bag(tmp_path / 'morning', {'/a': POINT})
    write_bag(tmp_path / 'evening', {'/a': POINT})
    with pytest.raises(BagError, match=r'its folders do, name one of them: evening, morning'):
        Bag(tmp_path)


def test_a_folder_of_other_things_says_what_a_bag_is(tmp_path):
    (tmp_path / 'notes.txt').write_text('none')
    with pytest.raises(BagError, match=r'holds no file of a bag.*\.mcap, \.db3'):
        Bag(tmp_path)


@pytest.mark.timeout(20)
@pytest.mark.parametrize('text', hostile_documents.YAML.values(), ids=hostile_documents.YAML)
def test_metadata_that_stand_for_too_much_are_refused_soon(tmp_path, text):
    (tmp_path / 'metadata.yaml').write_text(text)
    with pytest.raises(BagError, match=r'metadata\.yaml') as refused:
        read_metadata(tmp_path)
    assert len(str(refused.value)) < 1000


def test_metadata_with_an_endless_count_are_damaged(tmp_path):
    note(tmp_path, ['a.mcap'], float('inf'))
    with pytest.raises(BagError, match=r'metadata\.yaml is damaged'):
        read_metadata(tmp_path)
