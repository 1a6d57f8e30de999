# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map whose file is removed or replaced while it is open."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import hostile
import killed_writer
import pytest
from killed_writer import MODEL, place, said_of, stamps_of

from vpr_ros.errors import MapInUseError
from vpr_ros.maps import MapWriter, PlaceMap, verify


@pytest.mark.parametrize('how', ['removed', 'moved', 'replaced'])
def test_nothing_is_written_where_nobody_would_find_it(filled, tmp_path, new_place, how):
    with MapWriter.open(filled) as place_map:
        assert not place_map.displaced
        aside = tmp_path / 'aside'
        shutil.copy(filled, aside)
        if how == 'removed':
            filled.unlink()
        elif how == 'moved':
            filled.rename(tmp_path / 'moved')
        else:
            aside.rename(filled)
        assert place_map.displaced
        with pytest.raises(MapInUseError, match='removed or replaced'):
            place_map.add([new_place(1)])
        assert len(place_map) == 40


def test_map_that_is_brought_back_is_written_again(filled, tmp_path, new_place):
    with MapWriter.open(filled) as place_map:
        filled.rename(tmp_path / 'moved')
        with pytest.raises(MapInUseError):
            place_map.add([new_place(1)])
        (tmp_path / 'moved').rename(filled)
        place_map.add([new_place(1)])
    assert verify(filled) == []
    with PlaceMap.open(filled) as place_map:
        assert len(place_map) == 41


def test_cleared_map_is_empty_and_can_be_filled_again(filled, new_place):
    with MapWriter.open(filled) as place_map:
        place_map.clear()
        assert len(place_map) == 0
        assert place_map.session_list() == ()
        session = place_map.begin_session('again', 0)
        assert session == 3
        assert place_map.add([new_place(1, session)]) == [41]
    assert verify(filled) == []


WRITES_TO_IT = """
import os, sys
sys.path.insert(0, {tests!r})
from killed_writer import place
from vpr_ros.maps import MapWriter
writer = MapWriter.open({path!r})
if not len(writer):
    writer.begin_session('evening', 0)
writer.add([place(stamp) for stamp in range(100, 103)])
print('added', flush=True)
sys.stdin.read(1)
if {end!r} == 'killed':
    os.kill(os.getpid(), 9)
try:
    writer.add([place(103)])
finally:
    writer.close()
"""
"""Another process: one that has a file open twice, by two names, confuses SQLite."""


@contextmanager
def written_by_another(path, end):
    tests = str(Path(killed_writer.__file__).parent)
    program = WRITES_TO_IT.format(tests=tests, path=str(path), end=end)
    other = subprocess.Popen(
        [sys.executable, '-c', program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == 'added\n'
        yield lambda: other.communicate('.')
    finally:
        other.kill()
        other.communicate()


@pytest.mark.hostile
@pytest.mark.parametrize('end', ['closed', 'killed', 'still writing'])
@pytest.mark.parametrize('new', [True, False])
def test_map_that_was_moved_and_written_there_loses_none_of_those_places(
    tmp_path, caplog, new, end
):
    path, moved = tmp_path / 'town.vprmap', tmp_path / 'moved.vprmap'
    if not new:
        killed_writer.write(path, 3)
    writer = MapWriter.open(path) if path.exists() else MapWriter.create(path, MODEL)
    if new:
        writer.begin_session('morning', 0)
    for stamp in range(10, 15):
        writer.add([place(stamp)])
    path.rename(moved)
    hostile.tried()
    with written_by_another(moved, end) as finish:
        if end != 'still writing':
            finish()
        writer.close()
        if end == 'still writing':
            finish()
    added = [100, 101, 102] if end == 'killed' else [100, 101, 102, 103]
    assert stamps_of(moved)[-len(added) :] == added
    assert verify(moved) == []
    kept = tmp_path / 'town.vprmap-wal-overwritten'
    assert kept.stat().st_size
    assert f'was moved to {moved}' in caplog.text
    assert str(kept) in caplog.text
    assert not path.with_name('town.vprmap-lock').exists()
    hostile.survived()


@pytest.mark.parametrize('folder', [False, True], ids=['the map', 'its folder'])
def test_map_that_was_moved_is_complete_once_its_writer_closes(tmp_path, caplog, folder):
    path = tmp_path / 'maps' / 'town.vprmap'
    path.parent.mkdir()
    killed_writer.write(path, 3)
    with MapWriter.open(path) as writer:
        writer.add([place(10)])
        if folder:
            path.parent.rename(tmp_path / 'archive')
        else:
            (tmp_path / 'archive').mkdir()
            path.rename(tmp_path / 'archive' / path.name)
    assert said_of(tmp_path / 'archive' / path.name) == ([0, 1, 2, 10], [])
    assert caplog.text == ''


def test_map_that_was_moved_and_whose_writer_was_killed_is_whole_where_it_was(tmp_path):
    path, moved = tmp_path / 'town.vprmap', tmp_path / 'moved.vprmap'
    killed_writer.write(path, 5, kill=True)
    path.rename(moved)
    found, problems = said_of(moved)
    assert len(found) < 5
    assert 'its log was not copied along' in problems[0]
    with pytest.raises(MapInUseError, match=r'bring that map back.*or move the log away'):
        MapWriter.create(path, MODEL)
    moved.rename(path)
    assert said_of(path) == (list(range(5)), [])
