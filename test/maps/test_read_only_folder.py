# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Maps on read-only media: opened as a user who may not write, whoever runs the tests."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vpr_ros.maps import MapWriter

READ = """
import os, sys
from vpr_ros.errors import MapError
from vpr_ros.maps import MapWriter, PlaceMap, verify
path = sys.argv[1]
if os.geteuid() == 0:
    os.setuid(65534)  # nobody
with PlaceMap.open(path) as place_map:
    print(len(place_map), place_map.verify(), verify(path), flush=True)
    if len(sys.argv) > 2:
        sys.stdin.readline()
        print(place_map.refresh(), len(place_map), place_map.verify())
try:
    MapWriter.open(path)
except MapError as error:
    print(error)
"""


@pytest.fixture
def folder():
    """A folder that anyone may enter, unlike those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix='vpr-read-only-'))
    yield folder
    folder.chmod(0o755)
    shutil.rmtree(folder)


def reader(path, *more):
    path.parent.chmod(0o555)
    return subprocess.Popen(
        [sys.executable, '-c', READ, path, *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def what_a_reader_says(path):
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    output, errors = reader(path).communicate()
    after = {file: file.read_bytes() for file in path.parent.iterdir()}
    after_map, before_map = after.pop(path), before.pop(path)
    assert after_map == before_map
    assert set(after) == set(before)
    assert 'cannot' in output, errors
    return output.splitlines()[0]


def leave_by_kill(source, path, new_place):
    """Copy a map as a writer leaves it that is killed after adding two places."""
    with MapWriter.open(source) as writer:
        writer.add([new_place(100), new_place(101)])
        for end in ('', '-wal', '-shm'):
            shutil.copyfile(f'{source}{end}', f'{path}{end}')


def test_closed_map_opens(filled, folder):
    path = Path(shutil.copy(filled, folder))
    assert what_a_reader_says(path) == '40 [] []'


def test_map_of_a_killed_writer_opens_with_all_it_committed(filled, folder, new_place):
    path = folder / 'town.vprmap'
    leave_by_kill(filled, path, new_place)
    assert what_a_reader_says(path) == '42 [] []'


def test_map_of_a_killed_writer_opens_without_its_shared_memory(filled, folder, new_place):
    path = folder / 'town.vprmap'
    leave_by_kill(filled, path, new_place)
    Path(f'{path}-shm').unlink()
    assert what_a_reader_says(path) == '42 [] []'


def test_map_whose_log_was_emptied_but_not_removed_opens(filled, folder):
    path = Path(shutil.copy(filled, folder))
    connection = sqlite3.connect(path)
    connection.execute('PRAGMA journal_mode = WAL')
    connection.close()
    assert path.read_bytes()[18] == 2
    assert what_a_reader_says(path) == '40 [] []'


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can write into a folder of mode 555')
def test_reader_without_write_permission_follows_a_living_writer(filled, folder, new_place):
    path = Path(shutil.copy(filled, folder))
    with MapWriter.open(path) as writer:
        writer.add([new_place(100)])
        process = reader(path, 'refresh')
        assert process.stdout.readline() == '41 [] []\n'
        writer.add([new_place(101)])
        output, errors = process.communicate('go\n')
        assert output.startswith('True 42 []\n'), errors
