# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Links beside a map, or instead of it: nothing is written elsewhere, and there is one writer."""

from __future__ import annotations

import os
from contextlib import suppress

import pytest
from hostile import survived, tried
from killed_writer import MODEL, beside, place, stamps_of, write

from vpr_ros.errors import MapAccessError, MapDamagedError, MapError, MapInUseError
from vpr_ros.maps import MapWriter, PlaceMap, copy, merge, recover, verify

SECRET = b'precious' * 1000


@pytest.fixture
def town(tmp_path):
    folder = tmp_path / 'maps'
    folder.mkdir()
    with MapWriter.create(folder / 'town.vprmap', MODEL) as place_map:
        place_map.begin_session('morning', 0)
        place_map.add([place(stamp) for stamp in range(3)])
    return place_map.path


@pytest.fixture
def victim(tmp_path):
    path = tmp_path / 'victim'
    path.write_bytes(SECRET)
    return path


def add_to(path):
    with MapWriter.open(path) as place_map:
        place_map.add([place(9)])


USES = {
    'write': add_to,
    'recover': recover,
    'copy over': lambda path: copy(path.with_name('source.vprmap'), path, overwrite=True),
    'create': lambda path: MapWriter.create(path.with_name('new.vprmap'), MODEL).close(),
    'merge': lambda path: merge(path.with_name('merged.vprmap'), [(path, None)]),
    'read': stamps_of,
}


@pytest.mark.parametrize('link', [os.symlink, os.link], ids=['symbolic', 'hard'])
@pytest.mark.parametrize('use', USES)
def test_nothing_is_written_through_a_link_beside_a_map(town, victim, link, use):
    copy(town, town.with_name('source.vprmap'))
    for ending in ('-lock', '-wal', '-shm', '-journal', '-new', '-copy', '-merge'):
        links = [town.with_name(f'{name}.vprmap{ending}') for name in ('town', 'new', 'merged')]
        for name in links:
            link(victim, name)
        with suppress(MapError):
            USES[use](town)
        assert victim.read_bytes() == SECRET
        for name in (*links, town.with_name('new.vprmap'), town.with_name('merged.vprmap')):
            name.unlink(missing_ok=True)
        assert verify(town) == []


@pytest.mark.parametrize('ending', ['-lock', '-wal', '-shm', '-journal'])
@pytest.mark.parametrize('kind', ['dangling', 'to itself', 'folder', 'pipe'])
def test_what_is_no_file_beside_a_map_is_refused_at_once(town, tmp_path, ending, kind):
    file = beside(town, ending)
    elsewhere = tmp_path / 'elsewhere'
    if kind == 'dangling':
        file.symlink_to(elsewhere)
    elif kind == 'to itself':
        file.symlink_to(file)
    elif kind == 'folder':
        file.mkdir()
    else:
        os.mkfifo(file)
    with pytest.raises(MapAccessError, match=r'link|no file|directory'):
        add_to(town)
    assert not elsewhere.exists()
    if ending == '-lock':
        assert stamps_of(town) == [0, 1, 2]


def test_map_has_one_writer_by_whatever_name(town, tmp_path):
    link, folder = town.with_name('link.vprmap'), tmp_path / 'folder'
    copy(town, source := tmp_path / 'source.vprmap')
    link.symlink_to(town)
    folder.symlink_to(town.parent)
    names = [
        town,
        link,
        folder / town.name,
        folder / link.name,
        folder / '..' / 'maps' / town.name,
    ]
    for holder in names:
        with MapWriter.open(holder) as place_map:
            place_map.add([place(5)])
            for name in names:
                with pytest.raises(MapInUseError, match=f'written by process {os.getpid()}'):
                    MapWriter.open(name)
                with pytest.raises(MapInUseError):
                    copy(source, name, overwrite=True)
                assert stamps_of(name)[-1] == 5
    assert sorted(file.name for file in town.parent.iterdir()) == [link.name, town.name]


def test_a_writer_whose_lock_was_removed_takes_another_or_gives_way(town):
    lock = beside(town, '-lock')
    with MapWriter.open(town) as first:
        first.add([place(5)])
        lock.unlink()
        first.add([place(6)])
        with pytest.raises(MapInUseError):
            MapWriter.open(town)
        lock.unlink()
        with MapWriter.open(town) as second:
            second.add([place(7)])
            with pytest.raises(MapInUseError):
                first.add([place(8)])
            lock.unlink()
            lock.mkdir()
            with pytest.raises(MapAccessError):
                second.add([place(8)])
        lock.rmdir()
    assert stamps_of(town) == [0, 1, 2, 5, 6, 7]
    assert verify(town) == []


@pytest.mark.hostile
@pytest.mark.parametrize('size', [0, 10, 32, 4000])
def test_a_log_that_is_cut_off_under_its_writer_ruins_no_map(town, size):
    with MapWriter.open(town) as place_map:
        place_map.add([place(5)])
        place_map.add([place(6)])
        os.truncate(beside(town, '-wal'), size)
        tried()
        with pytest.raises(MapDamagedError, match='cut off its log'):
            place_map.add([place(7)])
    (problem,) = verify(town)
    assert 'of 5 acknowledged places' in problem
    recover(town)
    assert stamps_of(town) in ([0, 1, 2], [0, 1, 2, 5])
    survived()


@pytest.mark.parametrize('new', [False, True])
def test_a_log_that_is_removed_under_its_writer_loses_no_place(town, new):
    with MapWriter.open(town) as place_map:
        place_map.add([place(5)])
        beside(town, '-wal').unlink()
        if new:
            beside(town, '-wal').touch()
        place_map.add([place(6)])
    assert stamps_of(town) == [0, 1, 2, 5, 6]


def test_log_of_a_writer_is_found_by_whatever_name(town):
    write(town, 2, first=7, kill=True)
    link = town.with_name('link.vprmap')
    link.symlink_to(town)
    assert stamps_of(link) == [0, 1, 2, 7, 8]
    with PlaceMap.open(link) as place_map:
        assert place_map.info().bytes > town.stat().st_size


def test_map_with_a_second_name_is_read_but_not_written(town):
    second = town.with_name('second.vprmap')
    second.hardlink_to(town)
    assert stamps_of(second) == [0, 1, 2]
    for name in (town, second):
        with pytest.raises(MapAccessError, match='hard link'):
            MapWriter.open(name)
    assert not beside(town, '-lock').exists()
    second.unlink()
    add_to(town)


@pytest.mark.parametrize('names', [['link.vprmap'], ['link.vprmap', 'other.vprmap']])
def test_links_in_a_circle_are_not_replaced_by_a_map(town, names):
    links = [town.with_name(name) for name in names]
    for link, target in zip(links, [*links[1:], links[0]], strict=True):
        link.symlink_to(target.name)
    with pytest.raises(MapAccessError, match='circle'):
        MapWriter.create(links[0], MODEL)
    assert all(link.is_symlink() for link in links)
    assert sorted(path.name for path in town.parent.iterdir()) == sorted([town.name, *names])


def test_map_is_made_where_a_dangling_link_leads_to(town, tmp_path):
    link, target = town.with_name('link.vprmap'), tmp_path / 'target.vprmap'
    link.symlink_to(target)
    with MapWriter.create(link, MODEL) as place_map:
        place_map.begin_session('', 0)
        place_map.add([place(1)])
        with pytest.raises(MapInUseError):
            MapWriter.open(target)
    assert link.is_symlink()
    assert stamps_of(target) == [1]
