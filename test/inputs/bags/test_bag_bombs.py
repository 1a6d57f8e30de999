# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small bags that unpack to far more than any memory holds."""

from __future__ import annotations

import bz2
import sqlite3
import struct
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import hostile
import lz4.frame
import pytest
from raw_mcap import MAGIC, PACK, record, text, write_mcap
from rosbags.rosbag1.reader import decompressors
from rosbags.rosbag2.storage_mcap import zstd
from sample_bags import write_bag

from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag, unpacking

POINT = 'geometry_msgs/msg/PointStamped'
ZEROS = bytes(2**24)


def squeezed(packer, size):
    """Return that many zeros, compressed, without ever holding them."""
    begin = packer.begin() if hasattr(packer, 'begin') else b''
    return begin + b''.join(packer.compress(ZEROS) for _ in range(size // 2**24)) + packer.flush()


PACKERS = {
    'zstd': zstd.ZstdCompressor,
    'lz4': lz4.frame.LZ4FrameCompressor,
    'bz2': lambda: bz2.BZ2Compressor(1),
}


def chunk(packed, compression, size, times=(1, 2)):
    head = struct.pack('<QQQI', *times, size, 0) + text(compression)
    return record(6, head + struct.pack('<Q', len(packed)) + packed)


def mcap_of(path, *chunks):
    head = MAGIC + record(1, text('ros2') + text(''))
    path.write_bytes(head + b''.join(chunks) + record(2, bytes(20)) + MAGIC)
    return path


def ros1_of(path, packed, compression, size):
    def made(fields, data):
        header = b''.join(
            struct.pack('<I', len(name) + 1 + len(value)) + name + b'=' + value
            for name, value in fields.items()
        )
        return struct.pack('<I', len(header)) + header + struct.pack('<I', len(data)) + data

    counts = {b'index_pos': bytes(8), b'conn_count': bytes(4), b'chunk_count': bytes(4)}
    fields = {b'op': b'\5', b'compression': compression.encode(), b'size': struct.pack('<I', size)}
    path.write_bytes(
        b'#ROSBAG V2.0\n' + made({b'op': b'\3', **counts}, bytes(4000)) + made(fields, packed)
    )
    return path


def bombs(folder, size):
    """Write bags that unpack to a size."""
    folder.mkdir()
    for kind in ('zstd', 'lz4'):
        packed = squeezed(PACKERS[kind](), size)
        for claim, name in ((size, 'true'), (10, 'less'), (2**62, 'more')):
            mcap_of(folder / f'{kind}_{name}.mcap', chunk(packed, kind, claim))
    for kind in ('bz2', 'lz4'):
        packed = squeezed(PACKERS[kind](), size)
        ros1_of(folder / f'{kind}.bag', packed, kind, min(size, 2**32 - 1))
    packed = squeezed(PACKERS['zstd'](), size)
    write_bag(folder / 'packed', {'/a': POINT}, storage='sqlite3')
    (database,) = (folder / 'packed').glob('*.db3')
    with closing(sqlite3.connect(database)) as db, db:
        db.execute('UPDATE messages SET data = ?', (packed,))
    return [*sorted(folder.glob('*.*')), database]


READ_ALL = """
import logging, pathlib, sys
from vpr_ros.errors import BagError
from vpr_ros.inputs.bags import Bag
logging.disable()
for path in sys.argv[1:]:
    try:
        with Bag(path) as bag:
            for _ in bag.messages():
                pass
    except BagError:
        pass
# Not ru_maxrss, which begins with that of the process that started this one.
status = pathlib.Path('/proc/self/status').read_text()
print(int(status.partition('VmHWM:')[2].split()[0]) // 1024)
"""


@pytest.mark.hostile
def test_small_bags_that_unpack_to_gigabytes_take_little_memory(tmp_path, shared_case_bags):
    size = hostile.amount(2**29, 3 * 2**30)
    files = bombs(tmp_path / 'bombs', size) + shared_case_bags
    assert max(file.stat().st_size for file in files) < size / 200
    done = subprocess.run(
        [sys.executable, '-c', READ_ALL, *files],
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    assert int(done.stdout) < 600
    hostile.tried(len(files))
    hostile.survived(len(files))


@pytest.fixture
def shared_case_bags():
    folder = Path(__file__).resolve().parents[4] / 'shared' / 'cases' / 'hostile-bags'
    return sorted(folder.glob('*.mcap'))


@pytest.fixture
def little_memory(monkeypatch):
    monkeypatch.setattr(unpacking, '_ALWAYS_IN_MEMORY', 10**6)


@pytest.mark.parametrize('kind', ['zstd', 'lz4'])
def test_chunk_that_claims_more_than_any_recording_is_left_out(
    tmp_path, little_memory, caplog, kind
):
    good = tmp_path / 'good.mcap'
    write_mcap(good, ['/a'], range(1, 9), compression=kind)
    bomb = chunk(PACK[kind](bytes(10**8)), kind, 10**8)
    raw = good.read_bytes()
    end = raw.index(record(15, bytes(4)))
    path = tmp_path / 'bomb.mcap'
    path.write_bytes(raw[:end] + bomb + record(2, bytes(20)) + MAGIC)
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 8
    assert '1 damaged chunks are left out' in caplog.text


def test_chunks_that_fit_one_by_one_but_not_together_are_refused(tmp_path, little_memory):
    """Where times overlap, the chunks are held at once."""
    path = tmp_path / 'many.mcap'
    message = record(5, struct.pack('<HIQQ', 1, 0, 5, 5) + bytes(24))
    body = message + record(0x80, bytes(900_000)) + message
    packed = zstd.compress(body)
    mcap_of(path, *[chunk(packed, 'zstd', len(body), (0, 10))] * 50)
    with pytest.raises(BagError, match='which no recording does'):
        Bag(path)


def test_chunks_one_after_the_other_may_be_as_many_as_they_like(tmp_path, little_memory):
    path = tmp_path / 'long.mcap'
    write_mcap(path, ['/a'], range(1, 20_000), chunk=500, compression='zstd')
    with Bag(path) as bag:
        assert len(list(bag.messages())) == 19_999


@pytest.mark.parametrize('kind', ['bz2', 'lz4'])
def test_chunk_of_ros_1_that_unpacks_to_more_than_any_recording_is_refused(
    tmp_path, little_memory, kind
):
    packed = squeezed(PACKERS[kind](), 2**25)
    with pytest.raises(ValueError, match='any recording has'):
        decompressors[kind](packed)
    with pytest.raises(BagError, match='no message was found'):
        Bag(ros1_of(tmp_path / 'bomb.bag', packed, kind, 10))


def test_message_that_unpacks_to_more_than_any_recording_is_said(tmp_path, little_memory, caplog):
    write_bag(tmp_path / 'bag', {'/a': POINT}, storage='sqlite3')
    (database,) = (tmp_path / 'bag').glob('*.db3')
    with closing(sqlite3.connect(database)) as db, db:
        db.execute('UPDATE messages SET data = ? WHERE id = 4', (zstd.compress(bytes(10**8)),))
    with Bag(database) as bag:
        assert len(list(bag.messages())) == 3
    assert 'damaged after 3 messages' in caplog.text


@pytest.mark.parametrize('length', [10, 3000, 2**20])
@pytest.mark.parametrize('kind', ['zstd', 'lz4'])
def test_what_is_cut_off_or_longer_than_claimed_is_an_error(kind, length):
    unpack = {'zstd': unpacking.unpack_zstd, 'lz4': unpacking.unpack_lz4}[kind]
    data = bytes(range(256)) * (length // 256 + 1)
    packed = PACK[kind](data)
    assert unpack(packed, len(data)) == data
    for size in (0, 1, len(data) - 1):
        with pytest.raises(ValueError, match='more is compressed'):
            unpack(packed, size)
    for end in (0, 1, 5, len(packed) // 2, len(packed) - 1):
        with pytest.raises(ValueError, match=r'.'):
            unpack(packed[:end], len(data))


COLUMNS = '(id INTEGER PRIMARY KEY, topic_id INTEGER, timestamp INTEGER, data BLOB AS '
NUMBERS = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT '
COMPUTED = (
    f'CREATE TABLE messages {COLUMNS} (zeroblob(1000000000)))',
    f'CREATE TABLE messages {COLUMNS} (zeroblob(1000000000)) STORED)',
    f'CREATE VIEW messages AS {NUMBERS} i AS id, 1 AS topic_id, i AS timestamp, 0 AS data FROM n',
    f'CREATE VIEW schema AS {NUMBERS} max(i) AS schema_version FROM n',
    'CREATE VIRTUAL TABLE messages USING fts4(id, topic_id, timestamp, data)',
)


@pytest.mark.parametrize('statement', COMPUTED)
def test_database_that_computes_what_it_shows_is_refused_at_once(tmp_path, statement):
    write_bag(tmp_path / 'bag', {'/a': POINT}, storage='sqlite3')
    (database,) = (tmp_path / 'bag').glob('*.db3')
    name = 'schema' if 'schema' in statement else 'messages'
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(f'DROP TABLE {name}')
        db.execute(statement)
    started = time.monotonic()
    with pytest.raises(BagError, match=f'table {name} does not hold what it shows'):
        Bag(database)
    assert time.monotonic() - started < 5
