# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import hashlib
import shutil
import sqlite3

import pytest
from sample_bags import SECOND, STORE, point, write_bag

from vpr_ros.inputs.bags import Bag

POINT = 'geometry_msgs/msg/PointStamped'


def killed(tmp_path, journal, split=False):
    """Return a bag as a recorder leaves it that is killed with half of its messages written."""
    source = write_bag(tmp_path / 'source', {'/a': POINT}, storage='sqlite3')
    database = next(source.glob('*.db3'))
    target = tmp_path / 'killed'
    target.mkdir()
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute(f'PRAGMA journal_mode = {journal}')
    connection.execute('PRAGMA cache_spill = 1')
    connection.execute('PRAGMA cache_size = 1')
    (topic,) = connection.execute('SELECT id FROM topics').fetchone()
    connection.execute('BEGIN')
    raw = STORE.serialize_cdr(point(SECOND), POINT)
    count = 10 if journal == 'WAL' else 500
    connection.executemany(
        'INSERT INTO messages (topic_id, timestamp, data) VALUES (?, ?, ?)',
        [(topic, SECOND + i, bytes(raw)) for i in range(count)],
    )
    if journal == 'WAL':
        connection.execute('COMMIT')
    for file in source.iterdir():
        if file.suffix != '.yaml' and not file.name.endswith('-shm'):
            shutil.copy(file, target)
    connection.close()
    return target


def digests(folder):
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in folder.iterdir()}


@pytest.mark.parametrize('single', [False, True])
@pytest.mark.parametrize('metadata', [False, True])
def test_messages_beside_the_database_of_a_killed_recorder_are_read(
    tmp_path, caplog, single, metadata
):
    folder = killed(tmp_path, 'WAL')
    assert any(file.name.endswith('-wal') for file in folder.iterdir())
    if metadata:
        shutil.copy(tmp_path / 'source' / 'metadata.yaml', folder)
    before = digests(folder)
    with Bag(next(folder.glob('*.db3')) if single else folder) as bag:
        assert bag.topics['/a'].count == 20
        assert len(list(bag.messages())) == 20
    assert 'was not closed: a copy is read' in caplog.text
    assert digests(folder) == before


def test_a_transaction_that_was_never_finished_is_left_out(tmp_path):
    folder = killed(tmp_path, 'DELETE')
    assert any(file.name.endswith('-journal') for file in folder.iterdir())
    before = digests(folder)
    with Bag(folder) as bag:
        assert len(list(bag.messages())) == 10
    assert digests(folder) == before


def test_a_bag_in_a_folder_that_cannot_be_written_is_read(tmp_path):
    folder = killed(tmp_path, 'WAL')
    for file in folder.iterdir():
        file.chmod(0o400)
    folder.chmod(0o500)
    with Bag(folder) as bag:
        assert len(list(bag.messages())) == 20
    folder.chmod(0o700)


@pytest.mark.parametrize('share', [0.6, 0.8, 0.9])
def test_a_database_that_was_cut_off_gives_the_messages_before_the_cut(tmp_path, caplog, share):
    times = range(SECOND, 401 * SECOND, SECOND)
    bag = write_bag(tmp_path / 'bag', {'/a': POINT}, times, storage='sqlite3')
    database = next(bag.glob('*.db3'))
    data = database.read_bytes()
    database.write_bytes(data[: int(len(data) * share)])
    before = digests(bag)
    with Bag(bag) as opened:
        found = [message.time for message in opened.messages()]
    assert found == list(times[: len(found)])
    assert 100 < len(found) < 400
    assert f'the {len(found)} messages before the damage are read' in caplog.text
    assert 'metadata.yaml says 400 messages on /a' in caplog.text
    assert digests(bag) == before
