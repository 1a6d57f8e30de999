# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import struct

import pytest
from rosbags.rosbag1 import Reader, Writer
from rosbags.rosbag1.reader import Header
from rosbags.typesys import Stores, get_typestore

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag

POINT = 'geometry_msgs/msg/PointStamped'
STORE = get_typestore(Stores.ROS1_NOETIC)


def point_at(time):
    stamp = STORE.types['builtin_interfaces/msg/Time'](time, 0)
    header = STORE.types['std_msgs/msg/Header'](seq=1, stamp=stamp, frame_id='f')
    position = STORE.types['geometry_msgs/msg/Point'](1.0, 2.0, 3.0)
    return bytes(STORE.serialize_ros1(STORE.types[POINT](header, position), POINT))


def write_ros1(path, topics=('/a', '/b'), times=range(1, 41), compression=None):
    """Write a bag of points in several chunks."""
    writer = Writer(path)
    if compression:
        writer.set_compression(compression)
    writer.chunk_threshold = 600
    with writer:
        connections = [writer.add_connection(name, POINT, typestore=STORE) for name in topics]
        for time in times:
            raw = point_at(time)
            for connection in connections:
                writer.write(connection, time * 10**9, raw)
    return path


def chunks_of(path):
    with Reader(path) as reader:
        return sorted(reader.chunks)


def active(path, end, *, sizes=True):
    """Return what a recorder has written of a bag so far, up to ``end``: no index at its end."""
    raw = bytearray(path.read_bytes()[:end])
    for name, size in (('index_pos', 8), ('conn_count', 4), ('chunk_count', 4)):
        at = raw.index(f'{name}='.encode()) + len(name) + 1
        raw[at : at + size] = bytes(size)
    if not sizes:
        begin = chunks_of(path)[-1]
        stream = io.BytesIO(raw)
        stream.seek(begin)
        Header.read(stream)
        raw[stream.tell() : stream.tell() + 4] = struct.pack('<I', 0)
    target = path.with_name(path.name + '.active')
    target.write_bytes(raw)
    return target


def index_of(path):
    raw = path.read_bytes()
    at = raw.index(b'index_pos=') + 10
    return int.from_bytes(raw[at : at + 8], 'little')


@pytest.mark.parametrize('compression', [None, *Writer.CompressionFormat])
def test_a_bag_that_was_never_closed_is_read(tmp_path, caplog, compression):
    path = write_ros1(tmp_path / 'a.bag', compression=compression)
    assert len(chunks_of(path)) > 3
    recorded = active(path, index_of(path))
    before = recorded.read_bytes()
    with Bag(recorded) as bag:
        assert {t.name: t.count for t in bag.topics.values()} == {'/a': 40, '/b': 40}
        times = [message.time // 10**9 for message in bag.messages(['/a'])]
    assert times == list(range(1, 41))
    assert 'not indexed' in caplog.text
    assert recorded.read_bytes() == before


@pytest.mark.parametrize('share', [0.5, 0.77, 0.99])
@pytest.mark.parametrize('is_active', [False, True])
def test_a_bag_that_was_cut_off_is_read_up_to_the_cut(tmp_path, share, is_active):
    path = write_ros1(tmp_path / 'a.bag')
    end = int(index_of(path) * share)
    whole = path.read_bytes()[:end]
    expected = [time for time in range(1, 41) if point_at(time) in whole]
    if is_active:
        path = active(path, end)
    else:
        path.write_bytes(whole)
    with Bag(path) as bag:
        times = [message.time // 10**9 for message in bag.messages(['/a'])]
    assert times == expected
    assert expected


def test_the_chunk_that_was_being_written_is_read_as_far_as_it_goes(tmp_path):
    """Its size is still 0, and no index follows it."""
    path = write_ros1(tmp_path / 'a.bag')
    last = chunks_of(path)[-1]
    with Reader(path) as reader:
        chunk = reader.chunks[last]
        end = chunk.datapos + chunk.datasize
    for cut in (end, end - 5):
        with Bag(active(path, cut, sizes=False)) as bag:
            times = {message.time // 10**9 for message in bag.messages()}
        assert 38 < max(times) <= 40


def test_files_of_a_split_bag_are_one_bag(tmp_path):
    for i in range(3):
        write_ros1(tmp_path / f'x_{i}.bag', times=range(1 + 10 * i, 11 + 10 * i))
    with Bag(tmp_path) as bag:
        assert bag.topics['/a'].count == 30
        times = [message.time // 10**9 for message in bag.messages(['/b'])]
    assert times == list(range(1, 31))


def test_bags_of_one_drive_with_different_topics_are_merged_by_time(tmp_path):
    write_ros1(tmp_path / 'images.bag', topics=('/a',))
    write_ros1(tmp_path / 'poses.bag', topics=('/b',))
    with Bag(tmp_path) as bag:
        found = [(message.time // 10**9, message.topic) for message in bag.messages()]
    assert sorted(found) == found
    assert len(found) == 80


def test_a_bag_without_a_message_says_so(tmp_path):
    path = write_ros1(tmp_path / 'a.bag')
    recorded = active(path, chunks_of(path)[0])
    with pytest.raises(BagError, match='no message was found'):
        Bag(recorded)
