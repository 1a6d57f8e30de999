# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A map that another file is copied over while it is in use: `cp`, `scp`, `rsync --inplace` …"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import time
from contextlib import suppress

import hostile
import pytest
from killed_writer import MODEL, beside, place, said_of, stamps_of, write

from vpr_ros.errors import MapError, MapInUseError
from vpr_ros.maps import MapWriter, PlaceMap, verify


def cp(source, target):
    """Truncate and write, as cp and scp do."""
    with target.open('r+b') as file:
        file.truncate(0)
        file.write(source.read_bytes())


def in_place(source, target):
    """Write block by block, and cut off at the end, as rsync --inplace does."""
    data = source.read_bytes()
    with target.open('r+b') as file:
        for start in range(0, len(data), 1000):
            file.write(data[start : start + 1000])
            file.flush()
        file.truncate(len(data))


def with_times(source, target):
    """As cp --preserve=timestamps: the file looks as old as its source."""
    cp(source, target)
    shutil.copystat(source, target)


def moved(source, target):
    shutil.copy(source, target.with_name('draft'))
    target.with_name('draft').rename(target)


WAYS = (cp, in_place, with_times, moved)


def made(path, stamps):
    with MapWriter.create(path, MODEL) as place_map:
        place_map.begin_session('morning', 0)
        for stamp in stamps:
            place_map.add([place(stamp)])
    return path


@pytest.fixture
def town(tmp_path):
    return made(tmp_path / 'town.vprmap', range(3))


@pytest.fixture
def other(tmp_path):
    """Another map of as many versions and bytes, so that SQLite by itself sees no difference."""
    return made(tmp_path / 'other.vprmap', range(100, 103))


def follow(place_map):
    """Do what a node does every second; return the map in use."""
    try:
        if place_map.displaced:
            place_map.close()
            return PlaceMap.open(place_map.path)
        place_map.refresh()
    except MapError:
        pass
    return place_map


@pytest.mark.parametrize('way', WAYS)
def test_reader_notices_another_map_in_place_of_its_own(town, other, way):
    with PlaceMap.open(town) as reader:
        assert reader.stamps.tolist() == [0, 1, 2]
        way(other, town)
        assert reader.displaced
        assert reader.stamps.tolist() == [0, 1, 2]
        if way is not moved:
            for _ in range(2):
                with pytest.raises(MapInUseError, match='another map was written over the file'):
                    reader.refresh()
                assert reader.displaced
            with pytest.raises(MapInUseError, match='open it again'):
                reader.thumbnail(1)
        with follow(reader) as found:
            assert found.stamps.tolist() == [100, 101, 102]
            assert found.verify() == []
            found.descriptors([0, 1, 2])


@pytest.mark.parametrize('way', WAYS)
@pytest.mark.parametrize('older', [True, False])
def test_reader_goes_on_with_an_older_or_a_newer_state_of_its_map(town, tmp_path, way, older):
    state = tmp_path / 'state.vprmap'
    shutil.copy(town, state)
    write(town if older else state, 4, first=50)
    with PlaceMap.open(town) as reader:
        reader.preload()
        way(state, town)
        assert reader.displaced == (way is moved)
        with follow(reader) as found:
            assert found.stamps.tolist() == ([0, 1, 2] if older else [0, 1, 2, 50, 51, 52, 53])
            found.descriptors(range(len(found)))
            assert not found.refresh()
            write(town, 1, first=60)
            assert follow(found).stamps.tolist()[-1] == 60


def test_reader_goes_on_with_a_copy_that_went_another_way(town, tmp_path):
    """It has the same identity and as many versions."""
    copy = tmp_path / 'copy.vprmap'
    shutil.copy(town, copy)
    write(town, 2, first=20)
    write(copy, 2, first=30)
    with PlaceMap.open(town) as reader:
        reader.preload()
        cp(copy, town)
        assert not reader.displaced
        assert reader.refresh()
        assert reader.stamps.tolist() == [0, 1, 2, 30, 31]
        reader.descriptors(range(5))
        write(copy, 1, first=40)
        cp(copy, town)
        assert reader.refresh()
        assert reader.stamps.tolist() == [0, 1, 2, 30, 31, 40]


def test_reader_recovers_once_a_slow_copy_is_complete(town, other):
    data = other.read_bytes()
    with PlaceMap.open(town) as reader, town.open('r+b') as file:
        file.truncate(0)
        for start in range(0, len(data), len(data) // 5):
            file.write(data[start : start + len(data) // 5])
            file.flush()
            if file.tell() < len(data):
                with pytest.raises(MapError):
                    reader.refresh()
                assert reader.stamps.tolist() == [0, 1, 2]
        assert reader.displaced
        assert follow(reader).stamps.tolist() == [100, 101, 102]


def test_file_that_is_only_touched_stays_the_map(town):
    with PlaceMap.open(town) as reader, MapWriter.open(town) as writer:
        writer.add([place(7)])
        os.utime(town)
        assert not reader.displaced
        assert not writer.displaced
        assert reader.refresh()
        writer.add([place(8)])
        assert reader.refresh()
        assert reader.stamps.tolist() == [0, 1, 2, 7, 8]


@pytest.mark.parametrize('way', [cp, in_place, with_times])
@pytest.mark.parametrize('began', [False, True], ids=['before its first write', 'with a log'])
def test_writer_leaves_what_was_copied_over_its_map_as_it_is(town, other, way, began, caplog):
    writer = MapWriter.open(town)
    if began:
        writer.add([place(7)])
    way(other, town)
    whole = town.read_bytes()
    assert writer.displaced
    with pytest.raises(MapInUseError, match='another map was written over'):
        writer.add([place(8)])
    writer.close()
    assert town.read_bytes() == whole
    assert said_of(town) == ([100, 101, 102], [])
    if began:
        aside = beside(town, '-wal-overwritten')
        assert aside.stat().st_size
        assert str(aside) in caplog.text
    write(town, 1, first=200)
    assert stamps_of(town) == [100, 101, 102, 200]


@pytest.mark.parametrize('way', [cp, in_place])
def test_writer_does_not_mix_its_log_with_an_older_state_of_its_map(town, tmp_path, way):
    state = tmp_path / 'state.vprmap'
    with MapWriter.open(town) as writer:
        writer.add([place(7)])
        shutil.copy(town, state)
        writer.add([place(stamp) for stamp in range(10, 30)])
        writer.compact()
        writer.add([place(40)])
        way(state, town)
        whole = town.read_bytes()
        with pytest.raises(MapInUseError, match='written over'):
            writer.add([place(41)])
    assert town.read_bytes() == whole
    found, problems = said_of(town)
    assert found == [0, 1, 2, 7]
    assert problems == [
        'was not closed, and its log was not copied along: the last places may be missing'
    ]


def test_writer_that_has_not_written_yet_takes_an_older_state_as_it_is(town, tmp_path):
    state = tmp_path / 'state.vprmap'
    shutil.copy(town, state)
    write(town, 2, first=10)
    with MapWriter.open(town) as writer:
        cp(state, town)
        writer.add([place(70)])
        assert writer.stamps.tolist() == [0, 1, 2, 70]
    assert said_of(town) == ([0, 1, 2, 70], [])


@pytest.mark.hostile
def test_readers_and_writers_survive_any_copy_over_their_map(tmp_path):
    """Copies in any way, of any map, at any moment; whoever reads shows one of them, whole."""
    chance = random.Random(5)
    town = made(tmp_path / 'town.vprmap', range(3))
    sources = [made(tmp_path / f'{n}.vprmap', range(1000 * n, 1000 * n + 4)) for n in range(1, 4)]
    reader, writer, added = PlaceMap.open(town), None, 5000
    for number in range(hostile.amount(25, 400)):
        hostile.tried()
        act = chance.randrange(6)
        if act < 2:
            chance.choice(WAYS)(chance.choice(sources), town)
        elif act == 2:
            state = tmp_path / f'state{number}'
            shutil.copy(town, state)
            sources.append(state)
        elif act == 3 and writer is not None:
            writer.close()
            writer = None
        else:
            try:
                writer = writer or MapWriter.open(town)
                added += 1
                writer.add([place(added)])
            except MapInUseError:
                hostile.survived()
                if writer is not None:
                    writer.close()
                writer = None
        if writer is not None and writer.displaced:  # Until then, its log lies beside the copy.
            writer.close()
            writer = None
        for _ in range(2):
            reader = follow(reader)
        with PlaceMap.open(town) as fresh:
            assert reader.stamps.tolist() == fresh.stamps.tolist()
            fresh.descriptors(range(len(fresh)))
        assert [problem for problem in verify(town) if 'not copied along' not in problem] == []
    reader.close()
    if writer is not None:
        writer.close()


@pytest.mark.hostile
def test_verification_of_a_living_map_finds_nothing_wrong(town):
    """One process adds, moves and deletes without a pause, while this one verifies."""
    child = os.fork()
    if child == 0:
        try:
            with MapWriter.open(town) as writer:
                for stamp in itertools.count(100):  # A fast disk takes 10 000 in 30 s.
                    writer.add([place(stamp), place(stamp + 10**6)])
                    if len(writer) > 40:
                        writer.delete(writer.ids[:30])
        finally:
            os._exit(3)
    runs, end = 0, time.monotonic() + hostile.amount(2, 30)
    try:
        while time.monotonic() < end:
            assert verify(town) == []
            with PlaceMap.open(town) as reader:
                assert reader.verify() == []
            runs += 2
        assert os.waitpid(child, os.WNOHANG) == (0, 0)  # It still writes.
    finally:
        os.kill(child, 9)
        with suppress(ChildProcessError):
            os.waitpid(child, 0)
    assert runs > 5
    hostile.tried(runs)
