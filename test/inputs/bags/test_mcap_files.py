# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import itertools
import struct

import pytest
from raw_mcap import ALL, MAGIC, PACK, record, text, write_mcap
from sample_bags import SECOND

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag

TIMES = range(SECOND, 11 * SECOND, SECOND)
PARTS = [
    frozenset(some) for n in range(len(ALL) + 1) for some in itertools.combinations(sorted(ALL), n)
]


@pytest.mark.parametrize(('chunk', 'loose'), [(0, 0), (4, 0), (5, 3)])
@pytest.mark.parametrize('parts', PARTS, ids=lambda parts: '+'.join(sorted(parts)) or 'nothing')
def test_every_message_is_found_whatever_the_summary_leaves_out(tmp_path, parts, chunk, loose):
    path = write_mcap(
        tmp_path / 'a.mcap', ['/a', '/b'], TIMES, parts=parts, chunk=chunk, loose=loose
    )
    with Bag(path) as bag:
        assert {topic.name: topic.count for topic in bag.topics.values()} == {'/a': 10, '/b': 10}
        assert (bag.start, bag.end) == (TIMES[0], TIMES[-1])
        found = [(message.time, message.topic) for message in bag.messages()]
        assert found == [(time, name) for time in TIMES for name in ('/a', '/b')]
        part = [message.time for message in bag.messages(['/b'], TIMES[2], TIMES[5])]
        assert part == list(TIMES[2:5])


@pytest.mark.parametrize('compression', PACK)
def test_compressed_chunks_without_an_index_are_read(tmp_path, compression):
    parts = ALL - {'message_index'}
    path = write_mcap(tmp_path / 'a.mcap', ['/a'], TIMES, parts=parts, compression=compression)
    with Bag(path) as bag:
        assert [message.time for message in bag.messages()] == list(TIMES)


def test_chunks_without_an_index_are_read_in_the_order_of_time(tmp_path):
    times = [*TIMES[6:], *TIMES[:6]]  # As tools write that put one topic after the other.
    path = write_mcap(tmp_path / 'a.mcap', ['/a'], times, parts=frozenset(), chunk=2)
    with Bag(path) as bag:
        assert [message.time for message in bag.messages()] == list(TIMES)


def test_a_damaged_chunk_costs_only_its_own_messages(tmp_path, caplog):
    """A file system that lost power leaves whole records full of zeros."""
    path = write_mcap(
        tmp_path / 'a.mcap', ['/a'], TIMES, parts=frozenset(), chunk=2, compression='zstd'
    )
    raw = bytearray(path.read_bytes())
    at = [i for i in range(len(raw)) if raw.startswith(b'\x28\xb5\x2f\xfd', i)]
    raw[at[-1] : at[-1] + 40] = bytes(40)
    path.write_bytes(raw[:-20])
    with Bag(path) as bag:
        assert [message.time for message in bag.messages()] == list(TIMES[:-2])
    assert '1 damaged chunks are left out' in caplog.text


@pytest.mark.parametrize('compression', PACK)
def test_a_chunk_that_was_cut_off_gives_the_messages_before_the_cut(tmp_path, compression):
    """A recorder that is killed, or a disk that is full, leaves a part of the last chunk."""
    parts = frozenset()
    path = write_mcap(
        tmp_path / 'a.mcap', ['/a'], TIMES, parts=parts, chunk=6, compression=compression
    )
    whole, counts = path.read_bytes(), []
    first = whole.index(b'\x06', len(MAGIC))
    second = first + 9 + struct.unpack_from('<Q', whole, first + 1)[0]
    for end in range(second, len(whole), 13):
        path.write_bytes(whole[:end])
        with Bag(path) as bag:
            times = [message.time for message in bag.messages()]
        assert times == list(TIMES[: len(times)])
        counts.append(len(times))
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (6, 10)
    if not compression:
        assert set(counts) == {6, 7, 8, 9, 10}


@pytest.mark.parametrize(
    ('rest', 'count'), [(bytes(30), 9), (record(6, b'') * 2, 9), (record(5, b'short') * 2, 6)]
)
def test_what_is_no_message_in_a_chunk_that_was_cut_off_costs_no_other_chunk(
    tmp_path, rest, count
):
    """File systems leave zeros, or parts of other files, where a recorder was killed."""
    path = write_mcap(tmp_path / 'a.mcap', ['/a'], TIMES, parts=frozenset(), chunk=6)
    whole = path.read_bytes()
    last = whole.rindex(struct.pack('<HIQQ', 1, 0, TIMES[-1], TIMES[-1])) - 9
    path.write_bytes(whole[:last] + rest)
    with Bag(path) as bag:
        assert [message.time for message in bag.messages()] == list(TIMES[:count])


def test_messages_that_the_index_promises_and_the_file_has_not_are_counted(tmp_path, caplog):
    path = write_mcap(tmp_path / 'a.mcap', ['/a'], TIMES, chunk=2, compression='zstd')
    raw = bytearray(path.read_bytes())
    at = [i for i in range(len(raw)) if raw.startswith(b'\x28\xb5\x2f\xfd', i)]
    raw[at[-1] : at[-1] + 40] = bytes(40)
    path.write_bytes(raw)
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 8
    assert 'damaged after 8 messages' in caplog.text
    assert '2 of the 10 messages on /a are missing' in caplog.text


def test_a_chunk_that_unpacks_to_more_than_it_claims_is_not_unpacked(tmp_path, caplog):
    packed = PACK['zstd'](bytes(10**8))
    chunk = struct.pack('<QQQI', 1, 2, 10, 0) + text('zstd') + struct.pack('<Q', len(packed))
    path = tmp_path / 'a.mcap'
    path.write_bytes(
        MAGIC + record(1, text('ros2') + text('')) + record(6, chunk + packed)
        + record(2, bytes(20)) + MAGIC
    )  # fmt: skip
    with pytest.raises(BagError, match='no messages'):
        Bag(path)
    assert '1 damaged chunks' in caplog.text
